//! Tokens: where a page or a stream goes on, as text that callers hand back unread.
//!
//! A token carries a checksum over what it belongs to: a list with its filters, or logs with their store. The checksum
//! finds damage, mix-ups and guesses; it is no signature, and a token opens nothing that a call without one would not.

use std::fmt::Write as _;

use crate::domain::ids::{EventSequence, LineNumber, LocationId, Sequence};

/// The version of page tokens, their first character.
const PAGE_VERSION: char = 'p';
/// The version of resume tokens of events, their first character.
const EVENTS_VERSION: char = 'e';
/// The version of resume tokens of releases, their first character.
const RELEASES_VERSION: char = 'r';
/// The longest page token that is looked at, in bytes: the longest id, spelled out, with room to spare.
const PAGE_BYTES_MAX: usize = 600;
/// The longest resume token that is looked at, in bytes: the numbers of some thousand locations.
const RESUME_BYTES_MAX: usize = 64 * 1_024;
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

impl PageKey for EventSequence {
    fn to_text(&self) -> String {
        self.0.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        event_number(text)
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
    let (sum, hex) = opened(token, PAGE_VERSION, PAGE_BYTES_MAX)?;
    let text = String::from_utf8(bytes(hex)?).ok()?;
    let key = K::from_text(&text)?;
    (checksum(&[binding, &text]) == sum).then_some(key)
}

/// The token of places in logs, of the store of an epoch; the scope says which logs.
pub(crate) fn events(epoch: u64, scope: &str, places: &[EventSequence]) -> String {
    let numbers: Vec<_> = places.iter().map(ToString::to_string).collect();
    sealed(EVENTS_VERSION, epoch, scope, &numbers.join("."))
}

/// The places of a token of logs; `None` when it is damaged, or of other logs.
pub(crate) fn parse_events(epoch: u64, scope: &str, token: &str) -> Option<Vec<EventSequence>> {
    let text = unsealed(EVENTS_VERSION, epoch, scope, token)?;
    // Without any location the text is empty.
    text.split('.').filter(|_| !text.is_empty()).map(event_number).collect()
}

/// A place in the releases of a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReleasesPlace {
    /// The last event that was dealt with.
    pub(crate) after: EventSequence,
    /// The last order of the beginning that was told; `None` when all were.
    pub(crate) told: Option<Sequence>,
}

/// The token of a place in the releases of a location, of the store of an epoch.
pub(crate) fn releases(epoch: u64, location_id: &LocationId, place: ReleasesPlace) -> String {
    let ReleasesPlace { after, told } = place;
    let text = told.map_or_else(|| after.to_string(), |told| format!("{after}.{told}"));
    sealed(RELEASES_VERSION, epoch, location_id.as_str(), &text)
}

/// Whether a token says of itself that it is one of releases.
pub(crate) fn is_of_releases(token: &str) -> bool {
    token.starts_with(RELEASES_VERSION)
}

/// The place of a token of releases; `None` when it is damaged, or of another location.
pub(crate) fn parse_releases(epoch: u64, location_id: &LocationId, token: &str) -> Option<ReleasesPlace> {
    let text = unsealed(RELEASES_VERSION, epoch, location_id.as_str(), token)?;
    let (after, told) = text
        .split_once('.')
        .map_or((text, None), |(after, told)| (after, Some(told)));
    let told = match told {
        None => None,
        Some(told) => Some(Sequence(told.parse().ok().filter(|told| *told >= 0)?)),
    };
    let after = event_number(after)?;
    Some(ReleasesPlace { after, told })
}

fn event_number(text: &str) -> Option<EventSequence> {
    text.parse().ok().filter(|number| *number >= 0).map(EventSequence)
}

/// A resume token. The epoch stands at both ends of what is summed: nobody outside knows it, and a sum can be run
/// backwards.
fn sealed(version: char, epoch: u64, scope: &str, text: &str) -> String {
    let epoch = epoch.to_string();
    let sum = checksum(&[&epoch, &version.to_string(), scope, text, &epoch]);
    format!("{version}{sum:016x}{text}")
}

/// The text of a resume token; `None` when it is not what would be given out with that text.
fn unsealed<'a>(version: char, epoch: u64, scope: &str, token: &'a str) -> Option<&'a str> {
    let (_, text) = opened(token, version, RESUME_BYTES_MAX)?;
    (sealed(version, epoch, scope, text) == token).then_some(text)
}

/// The checksum of a token, and what stands behind it.
fn opened(token: &str, version: char, bytes_max: usize) -> Option<(u64, &str)> {
    let rest = token.strip_prefix(version).filter(|_| token.len() <= bytes_max)?;
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

    /// A token with another character at each place, and cut there.
    fn damages(token: &str) -> impl Iterator<Item = (String, &str)> {
        (0..token.len()).map(move |at| {
            let mut damaged = token.as_bytes().to_vec();
            damaged[at] = if damaged[at] == b'1' { b'2' } else { b'1' };
            (String::from_utf8(damaged).expect("ASCII"), &token[..at])
        })
    }

    #[test]
    fn damage_to_a_token_is_found() {
        let token = page("list", &Sequence(1_234));
        for (damaged, cut) in damages(&token) {
            assert_eq!(parse_page::<Sequence>("list", &damaged), None, "{damaged}");
            assert_eq!(parse_page::<Sequence>("list", cut), None);
        }
        for text in ["", "p", "e", "pp", "µ", "p0123456789abcdefé", &"p".repeat(10_000)] {
            assert_eq!(parse_page::<Sequence>("list", text), None);
            assert_eq!(parse_events(1, "brussels", text), None);
            assert_eq!(parse_releases(1, &location("brussels"), text), None);
        }
    }

    #[test]
    fn a_token_of_logs_belongs_to_them_and_their_store() {
        let places = [EventSequence(41), EventSequence(0), EventSequence(7)];
        let token = events(77, "a\nb\nc", &places);
        assert_eq!(parse_events(77, "a\nb\nc", &token), Some(places.to_vec()));
        assert_eq!(parse_events(77, "a\nb\nd", &token), None);
        assert_eq!(parse_events(77, "", &token), None);
        assert_eq!(parse_events(78, "a\nb\nc", &token), None);
        assert_eq!(parse_events(77, "a\nb\nc", &format!("{token}0")), None);
        assert_eq!(parse_events(77, "a\nb\nc", &token.replace("41", "+41")), None);
        assert_eq!(parse_events(77, "", &events(77, "", &[])), Some(Vec::new()));
        assert_eq!(parse_events(77, "x", &events(77, "x", &[EventSequence(-1)])), None);
    }

    #[test]
    fn a_token_of_releases_holds_the_event_and_the_place_and_serves_no_other_stream() {
        let brussels = location("brussels");
        for told in [None, Some(Sequence(0)), Some(Sequence(12))] {
            let place = ReleasesPlace {
                after: EventSequence(41),
                told,
            };
            let token = releases(77, &brussels, place);
            assert_eq!(parse_releases(77, &brussels, &token), Some(place));
            assert_eq!(parse_releases(77, &location("ghent"), &token), None);
            assert_eq!(parse_releases(78, &brussels, &token), None);
            assert_eq!(parse_events(77, "brussels", &token), None);
            for (damaged, cut) in damages(&token) {
                assert_eq!(parse_releases(77, &brussels, &damaged), None, "{damaged}");
                assert_eq!(parse_releases(77, &brussels, cut), None);
            }
        }
        let as_events = events(77, "brussels", &[EventSequence(41)]);
        assert_eq!(parse_releases(77, &brussels, &as_events), None);
    }
}
