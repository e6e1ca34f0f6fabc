//! Ids: text chosen by callers, and the integer keys that stand for it inside.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest id, in bytes of UTF-8. Longer keys would spread the directory's pages thin.
pub const ID_BYTES_MAX: usize = 128;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// More bytes than [`ID_BYTES_MAX`].
    #[error("has {bytes} bytes of UTF-8, at most {ID_BYTES_MAX} are allowed: use a shorter id")]
    TooLong {
        /// The length found, in bytes.
        bytes: usize,
    },
    /// A control character (NUL included).
    #[error("has a control character at byte {at}: leave it out")]
    Control {
        /// The offset of the character, in bytes.
        at: usize,
    },
    /// White space at the beginning or the end.
    #[error("begins or ends with a space: trim it")]
    Space,
}

/// Checks the common rule of ids (`API.md`): 1–128 bytes of UTF-8, no control characters, no space at
/// either end.
///
/// # Errors
/// The first rule broken.
pub fn check_id(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong { bytes: text.len() });
    }
    if let Some((at, _)) = text.char_indices().find(|(_, c)| c.is_control()) {
        return Err(IdError::Control { at });
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(IdError::Space);
    }
    Ok(())
}

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// 1–128 bytes of UTF-8, no control characters, no space at either end; compared byte by byte.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses an id.
            ///
            /// # Errors
            /// The rule of ids that the text breaks.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check_id(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The text of the id.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }
    )*};
}

text_id! {
    /// The id of a location.
    LocationId;
    /// The id of an item: a stock keeping unit.
    Sku;
    /// The id of an order, unique across locations.
    OrderId;
    /// The id of an inbound, unique at its location.
    InboundId;
    /// The id of a receipt, unique at its location.
    ReceiptId;
    /// The id of an adjustment, unique at its location.
    AdjustmentId;
    /// The id of a partial cancellation, unique at its order.
    RequestId;
    /// The name under which somebody follows logs.
    ConsumerId;
}

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The first of its kind.
            pub const FIRST: Self = Self(1);

            /// Takes this number and leaves the next one in its place.
            ///
            /// # Panics
            /// After 2⁶³ − 1 numbers, which no location lives to see.
            #[must_use]
            pub fn take(&mut self) -> Self {
                let taken = *self;
                self.0 = taken.0.checked_add(1).expect("2^63 numbers are never used up");
                taken
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

number! {
    /// The integer that stands for a [`LocationId`] in every table.
    LocationKey;
    /// The integer that stands for a [`Sku`] in every table.
    SkuKey;
    /// The integer that stands for an [`InboundId`] at its location.
    InboundKey;
    /// An order's place at its location: 1, 2, 3, … in the order of acceptance (`RULES.md` R2).
    Sequence;
    /// An event's number in its location's log: 1, 2, 3, … without gaps (`RULES.md` R13).
    EventSequence;
    /// A line's number in its order, from 1.
    LineNumber;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_printable_text_without_spaces_around_it() {
        assert!(OrderId::parse("O-1 β").is_ok());
        assert_eq!(check_id(""), Err(IdError::Empty));
        assert_eq!(check_id(&"x".repeat(128)), Ok(()));
        assert_eq!(check_id(&"x".repeat(129)), Err(IdError::TooLong { bytes: 129 }));
        assert_eq!(check_id("a\0b"), Err(IdError::Control { at: 1 }));
        assert_eq!(check_id("a\u{85}"), Err(IdError::Control { at: 1 }));
        assert_eq!(check_id(" a"), Err(IdError::Space));
        assert_eq!(check_id("a\u{a0}"), Err(IdError::Space));
    }
}
