//! Tokens: where a page or a stream goes on, as text that callers hand back unread.
//!
//! A token carries a checksum over what it belongs to: a list with its filters, or a log with its store. The checksum
//! finds damage and mix-ups; it is no signature, and a token opens nothing that a call without one would not.

use std::fmt::Write as _;

use crate::domain::ids::{EventSequence, LineNumber, LocationId, Sequence};

/// The version of page tokens, their first character.
const PAGE_VERSION: char = 'p';
/// The version of resume tokens, their first character.
const RESUME_VERSION: char = 'e';
/// The longest token that is looked at, in bytes: the longest id, spelled out, with room to spare.
const TOKEN_BYTES_MAX: usize = 600;
/// The hexadecimal digits of a checksum.
const CHECKSUM_DIGITS: usize = 16;

/// The key of a list's last entry, as text.
pub(crate) trait PageKey: Sized {
    /// The key as text.
    fn to_text(&self) -> String;

    /// The key of a text; `None` for a text that is none.
    fn from_text(text: &str) -> Option<Self>;
}

macro_rules! text_keys {
    ($($name:ident),*) => {$(
        impl PageKey for crate::domain::ids::$name {
            fn to_text(&self) -> String {
                self.as_str().to_owned()
            }

            fn from_text(text: &str) -> Option<Self> {
                Self::parse(text).ok()
            }
        }
    )*};
}

text_keys!(LocationId, Sku, InboundId);

impl PageKey for Sequence {
    fn to_text(&self) -> String {
        self.0.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl PageKey for (Sequence, LineNumber) {
    fn to_text(&self) -> String {
        format!("{}.{}", self.0, self.1)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (sequence, line_number) = text.split_once('.')?;
        Some((Sequence::from_text(sequence)?, LineNumber(line_number.parse().ok()?)))
    }
}

/// The token of the page after a key, of the list that the binding names.
pub(crate) fn page<K: PageKey>(binding: &str, after: &K) -> String {
    let text = after.to_text();
    let mut token = format!("{PAGE_VERSION}{:016x}", checksum(&[binding, &text]));
    for byte in text.bytes() {
        write!(token, "{byte:02x}").expect("a string takes what is written to it");
    }
    token
}

/// The key of a page token; `None` when it is damaged or of another list.
pub(crate) fn parse_page<K: PageKey>(binding: &str, token: &str) -> Option<K> {
    let (sum, hex) = opened(token, PAGE_VERSION)?;
    let text = String::from_utf8(bytes(hex)?).ok()?;
    let key = K::from_text(&text)?;
    (checksum(&[binding, &text]) == sum).then_some(key)
}

/// The token of the place after an event, in the log of a location in the store of an epoch.
pub(crate) fn resume(epoch: u64, location_id: &LocationId, after: EventSequence) -> String {
    let number = after.to_string();
    let sum = checksum(&[&epoch.to_string(), location_id.as_str(), &number]);
    format!("{RESUME_VERSION}{sum:016x}{number}")
}

/// The number of a resume token; `None` when it is damaged, or of another log.
pub(crate) fn parse_resume(epoch: u64, location_id: &LocationId, token: &str) -> Option<EventSequence> {
    let (sum, number) = opened(token, RESUME_VERSION)?;
    let after = EventSequence(number.parse().ok().filter(|after| *after >= 0)?);
    let expected = checksum(&[&epoch.to_string(), location_id.as_str(), &after.to_string()]);
    (sum == expected && after.to_string() == number).then_some(after)
}

/// The checksum of a token, and what stands behind it.
fn opened(token: &str, version: char) -> Option<(u64, &str)> {
    let rest = token.strip_prefix(version).filter(|_| token.len() <= TOKEN_BYTES_MAX)?;
    let (digits, rest) = rest.split_at_checked(CHECKSUM_DIGITS)?;
    Some((u64::from_str_radix(digits, 16).ok()?, rest))
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = hex.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let parsed = pairs
        .iter()
        .map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?));
    odd.is_empty().then(|| parsed.collect()).flatten()
}

/// FNV-1a of some texts and where each ends: the same on every machine and in every version.
fn checksum(texts: &[&str]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let add = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(PRIME);
    // No text holds a byte 0xff: it is not UTF-8.
    texts
        .iter()
        .fold(BASIS, |sum, text| add(text.bytes().fold(sum, add), 0xff))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Sku;

    fn location(id: &str) -> LocationId {
        LocationId::parse(id).expect("an id")
    }

    #[test]
    fn a_page_token_leads_back_to_its_key() {
        let sku = Sku::parse("schraube M4 µ").expect("a SKU");
        assert_eq!(parse_page("list", &page("list", &sku)), Some(sku));
        let place = (Sequence(7), LineNumber(12));
        assert_eq!(parse_page("list", &page("list", &place)), Some(place));
    }

    #[test]
    fn a_page_token_of_another_list_is_refused() {
        let token = page("ListOrders brussels", &Sequence(7));
        assert_eq!(parse_page::<Sequence>("ListOrders ghent", &token), None);
    }

    #[test]
    fn damage_to_a_token_is_found() {
        let token = page("list", &Sequence(1_234));
        for at in 0..token.len() {
            let mut damaged = token.clone().into_bytes();
            damaged[at] = if damaged[at] == b'1' { b'2' } else { b'1' };
            let damaged = String::from_utf8(damaged).expect("ASCII");
            assert_eq!(parse_page::<Sequence>("list", &damaged), None, "{damaged}");
            assert_eq!(parse_page::<Sequence>("list", &token[..at]), None);
        }
        for text in ["", "p", "e", "pp", "µ", "p0123456789abcdefé", &"p".repeat(10_000)] {
            assert_eq!(parse_page::<Sequence>("list", text), None);
            assert_eq!(parse_resume(1, &location("brussels"), text), None);
        }
    }

    #[test]
    fn a_resume_token_belongs_to_its_location_and_its_store() {
        let brussels = location("brussels");
        let token = resume(77, &brussels, EventSequence(41));
        assert_eq!(parse_resume(77, &brussels, &token), Some(EventSequence(41)));
        assert_eq!(parse_resume(77, &location("ghent"), &token), None);
        assert_eq!(parse_resume(78, &brussels, &token), None);
        assert_eq!(parse_resume(77, &brussels, &format!("{token}0")), None);
        assert_eq!(parse_resume(77, &brussels, &token.replace("41", "+41")), None);
        assert_eq!(
            parse_resume(77, &brussels, &resume(77, &brussels, EventSequence(-1))),
            None
        );
    }
}
