//! Whole units of stock: what a line may ask for, and counts that can never fall below zero.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// The most units of one line (`RULES.md` R1).
pub const QUANTITY_MAX: i64 = 1_000_000;
/// The most units of any counter: sums of it fit an `i64` with room to spare.
pub const UNITS_MAX: i64 = 1_000_000_000_000_000;
/// The most units of backlog of a SKU at a location, whatever its item allows: sums with it stay countable.
pub const BACKLOG_MAX: Units = Units(1_000_000_000_000);

/// A line's quantity: whole, 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Quantity(i64);

/// A number that is not a line's quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is {0}, must be 1 to {QUANTITY_MAX} whole units")]
pub struct QuantityError(pub i64);

impl Quantity {
    /// Checks the range of a line's quantity.
    ///
    /// # Errors
    /// When it is not 1 to [`QUANTITY_MAX`].
    pub fn parse(units: i64) -> Result<Self, QuantityError> {
        if (1..=QUANTITY_MAX).contains(&units) {
            Ok(Self(units))
        } else {
            Err(QuantityError(units))
        }
    }

    /// The quantity as a count.
    #[must_use]
    pub fn units(self) -> Units {
        Units(self.0)
    }

    /// The bare number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Quantity {
    type Error = QuantityError;
    fn try_from(units: i64) -> Result<Self, QuantityError> {
        Self::parse(units)
    }
}

impl From<Quantity> for i64 {
    fn from(quantity: Quantity) -> Self {
        quantity.0
    }
}

/// A count of units, never below zero.
///
/// `+` and `-` assert the range: commands check sums before they change anything, so a failure here is
/// a bug that must not be committed.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Units(i64);

impl Units {
    /// No units.
    pub const ZERO: Self = Self(0);

    /// A count from a number; `None` below zero or above [`UNITS_MAX`].
    #[must_use]
    pub fn new(units: i64) -> Option<Self> {
        (0..=UNITS_MAX).contains(&units).then_some(Self(units))
    }

    /// The bare number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, `None` above [`UNITS_MAX`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::new)
    }

    /// What is left of it after `other`, at least zero.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }

    /// The count changed by a signed number; `None` outside the range of a count.
    #[must_use]
    pub fn checked_shift(self, delta: i64) -> Option<Self> {
        self.0.checked_add(delta).and_then(Self::new)
    }
}

impl fmt::Debug for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Add for Units {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.checked_add(other).expect("units were checked before the change")
    }
}

impl Sub for Units {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.0
            .checked_sub(other.0)
            .and_then(Self::new)
            .expect("no count falls below zero")
    }
}

impl AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Units {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Units {
    fn sum<I: Iterator<Item = Self>>(units: I) -> Self {
        units.fold(Self::ZERO, Add::add)
    }
}
