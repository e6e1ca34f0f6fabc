//! Money that was paid: exact to a billionth, never a float.

use std::fmt;

use serde::{Deserialize, Serialize};

const NANOS_PER_UNIT: i128 = 1_000_000_000;

/// An ISO 4217 currency that is in use.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

/// A text that is not the code of a currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not an ISO 4217 currency code of three capital letters")]
pub struct UnknownCurrency;

impl Currency {
    /// Parses a three-letter code.
    ///
    /// # Errors
    /// When ISO 4217 knows no such currency.
    pub fn parse(code: &str) -> Result<Self, UnknownCurrency> {
        iso_currency::Currency::from_code(code).map(Self).ok_or(UnknownCurrency)
    }

    /// The three-letter code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The currency's smallest coin, in billionths of a unit; a billionth itself where ISO 4217 names none.
    #[must_use]
    pub fn minor_unit_nanos(self) -> i128 {
        let digits = u32::from(self.0.exponent().unwrap_or(9));
        10_i128.checked_pow(9_u32.saturating_sub(digits)).unwrap_or(1)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;
    fn try_from(code: String) -> Result<Self, UnknownCurrency> {
        Self::parse(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

/// An amount without its currency, at least zero: `units` whole and `nanos` billionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "(i64, i32)", into = "(i64, i32)")]
pub struct Amount(i128);

/// Why a pair of units and nanos is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Nanos beyond a unit.
    #[error("has nanos outside -999,999,999 to 999,999,999")]
    Nanos,
    /// Units and nanos of opposite signs.
    #[error("has units and nanos of opposite signs")]
    Signs,
    /// Less than nothing was paid.
    #[error("is negative: what was paid is at least zero")]
    Negative,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Joins units and nanos as `google.type.Money` gives them.
    ///
    /// # Errors
    /// When the nanos are out of range, the signs differ, or the amount is negative.
    pub fn parse(units: i64, nanos: i32) -> Result<Self, AmountError> {
        if nanos.unsigned_abs() >= 1_000_000_000 {
            return Err(AmountError::Nanos);
        }
        if (units > 0 && nanos < 0) || (units < 0 && nanos > 0) {
            return Err(AmountError::Signs);
        }
        if units < 0 || nanos < 0 {
            return Err(AmountError::Negative);
        }
        let whole = i128::from(units).saturating_mul(NANOS_PER_UNIT);
        Ok(Self(whole.saturating_add(i128::from(nanos))))
    }

    /// Whole units and billionths; `None` when the units do not fit an `i64`.
    #[must_use]
    pub fn parts(self) -> Option<(i64, i32)> {
        let units = i64::try_from(self.0.checked_div(NANOS_PER_UNIT)?).ok()?;
        let nanos = i32::try_from(self.0.checked_rem(NANOS_PER_UNIT)?).ok()?;
        Some((units, nanos))
    }

    /// The sum, `None` when its units would not fit an `i64`.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let sum = Self(self.0.checked_add(other.0)?);
        sum.parts().map(|_| sum)
    }

    /// What is left after `other`, at least zero.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }

    /// The share of `part` units in a line of `whole` units, rounded down to the minor unit (`RULES.md` R9).
    #[must_use]
    pub fn pro_rata(self, part: i64, whole: i64, currency: Currency) -> Self {
        let minor = currency.minor_unit_nanos();
        let share = self
            .0
            .checked_mul(i128::from(part))
            .and_then(|n| n.checked_div(i128::from(whole)));
        let rounded = share.and_then(|n| n.checked_sub(n.checked_rem(minor)?));
        Self(rounded.expect("2^63 units of money times 10^6 units of stock fit 128 bits"))
    }
}

impl TryFrom<(i64, i32)> for Amount {
    type Error = AmountError;
    fn try_from((units, nanos): (i64, i32)) -> Result<Self, AmountError> {
        Self::parse(units, nanos)
    }
}

impl From<Amount> for (i64, i32) {
    fn from(amount: Amount) -> Self {
        amount.parts().expect("amounts are built from parts and checked sums")
    }
}

/// An amount in its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// The currency.
    pub currency: Currency,
    /// The amount.
    pub amount: Amount,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euros(units: i64, nanos: i32) -> Amount {
        Amount::parse(units, nanos).expect("a valid amount")
    }

    #[test]
    fn a_part_of_a_line_is_rounded_down_to_the_minor_unit() {
        let eur = Currency::parse("EUR").expect("euro");
        let jpy = Currency::parse("JPY").expect("yen");
        assert_eq!(euros(10, 0).pro_rata(1, 3, eur), euros(3, 330_000_000));
        assert_eq!(euros(10, 0).pro_rata(2, 3, eur), euros(6, 660_000_000));
        assert_eq!(euros(100, 0).pro_rata(1, 3, jpy), euros(33, 0));
    }

    #[test]
    fn money_with_odd_signs_or_nanos_is_refused() {
        assert_eq!(Amount::parse(1, -1), Err(AmountError::Signs));
        assert_eq!(Amount::parse(-1, 0), Err(AmountError::Negative));
        assert_eq!(Amount::parse(0, 1_000_000_000), Err(AmountError::Nanos));
        assert_eq!(Amount::parse(0, i32::MIN), Err(AmountError::Nanos));
        assert!(Currency::parse("EURO").is_err());
        assert!(Currency::parse("eur").is_err());
    }
}
