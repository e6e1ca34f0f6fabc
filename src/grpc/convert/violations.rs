//! The faults of a message, all of them collected before it is refused.

use std::fmt::Display;

/// The most faults of one message that are kept; the rest are counted. More would not fit the details of a status.
const VIOLATIONS_KEPT_MAX: usize = 64;

/// One fault: where it is, and what is wrong with the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The path of the field, such as `lines[0].quantity`.
    pub(crate) field: String,
    /// What is wrong, the limit, and the way out; it continues a sentence that begins with the field.
    pub(crate) description: String,
}

/// The faults of one message, in the order in which they were found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Violations {
    kept: Vec<Violation>,
    count: usize,
}

impl Violations {
    /// A single fault.
    pub(crate) fn one(field: impl Display, description: impl Display) -> Self {
        let mut violations = Self::default();
        violations.add(field, description);
        violations
    }

    /// Several faults, each a field and what is wrong with it.
    pub(crate) fn of(faults: Vec<(String, String)>) -> Self {
        let mut violations = Self::default();
        for (field, description) in faults {
            violations.add(field, description);
        }
        violations
    }

    /// Notes a fault. What the caller sent is never repeated in it without a bound.
    pub(crate) fn add(&mut self, field: impl Display, description: impl Display) {
        self.count = self.count.saturating_add(1);
        if self.kept.len() < VIOLATIONS_KEPT_MAX {
            self.kept.push(Violation {
                field: field.to_string(),
                description: description.to_string(),
            });
        }
    }

    /// Notes a fault where something must hold and does not.
    pub(crate) fn check(&mut self, holds: bool, field: impl Display, description: impl Display) {
        if !holds {
            self.add(field, description);
        }
    }

    /// The value, or a fault noted.
    pub(crate) fn take<T, E: Display>(&mut self, field: impl Display, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.add(field, error)).ok()
    }

    /// Those kept.
    pub(crate) fn kept(&self) -> &[Violation] {
        &self.kept
    }

    /// How many there were, kept or not.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// What was built from the message if it had no fault. Whoever leaves a part out notes why.
    ///
    /// # Errors
    /// The faults.
    pub(crate) fn finish<T>(self, built: Option<T>) -> Result<T, Self> {
        debug_assert!(
            built.is_some() || self.count > 0,
            "a part that is missing has a fault noted"
        );
        built.filter(|_| self.count == 0).ok_or(self)
    }
}
