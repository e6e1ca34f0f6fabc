//! The codec of every call: protobuf, with undecodable messages refused as bad input, and with messages that are bytes
//! already.

use std::fmt;
use std::marker::PhantomData;

use prost::Message;
use prost::bytes::{BufMut, Bytes};
use tonic::Status;
use tonic::codec::{BufferSettings, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic_prost::ProstDecoder;

/// Bytes that a call's buffers begin with: most messages fit, and longer ones make them grow.
const BUFFER_BYTES: usize = 1_024;
/// Bytes of a stream that are gathered before they are sent.
const GATHERED_BYTES: usize = 32 * 1_024;

fn buffers() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, GATHERED_BYTES)
}

/// What can be put on the wire.
pub trait Spell {
    /// How many bytes that takes.
    fn spelled_bytes(&self) -> usize;

    /// Writes them.
    fn spell(&self, buffer: &mut EncodeBuf<'_>);
}

impl<M: Message> Spell for M {
    fn spelled_bytes(&self) -> usize {
        self.encoded_len()
    }

    fn spell(&self, buffer: &mut EncodeBuf<'_>) {
        self.encode(buffer).expect("a buffer that grows has room");
    }
}

/// A message as its bytes: first what it says to its reader alone, then what it says to all.
#[derive(Clone, PartialEq, Eq)]
pub struct Spelled {
    own: Bytes,
    shared: Bytes,
}

impl Spelled {
    /// A message that is the same for all, or for one reader alone.
    #[must_use]
    pub fn whole(message: &impl Message) -> Self {
        Self {
            own: Bytes::new(),
            shared: message.encode_to_vec().into(),
        }
    }

    /// A message with the fields of two: protobuf merges what is written one after the other.
    #[must_use]
    pub fn joined(own: &impl Message, shared: Bytes) -> Self {
        Self {
            own: own.encode_to_vec().into(),
            shared,
        }
    }
}

/// What a message says may be about people: it is kept out of logs.
impl fmt::Debug for Spelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spelled").finish_non_exhaustive()
    }
}

impl Spell for Spelled {
    fn spelled_bytes(&self) -> usize {
        self.own.len().saturating_add(self.shared.len())
    }

    fn spell(&self, buffer: &mut EncodeBuf<'_>) {
        buffer.put_slice(&self.own);
        buffer.put_slice(&self.shared);
    }
}

/// Encodes `E` and decodes `D`.
pub struct Codec<E, D> {
    messages: PhantomData<(E, D)>,
}

impl<E, D> Default for Codec<E, D> {
    fn default() -> Self {
        Self { messages: PhantomData }
    }
}

impl<E, D> fmt::Debug for Codec<E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codec")
    }
}

impl<E, D> tonic::codec::Codec for Codec<E, D>
where
    E: Spell + Send + 'static,
    D: Message + Default + Send + 'static,
{
    type Encode = E;
    type Decode = D;
    type Encoder = SpellingEncoder<E>;
    type Decoder = RefusingDecoder<D>;

    fn encoder(&mut self) -> Self::Encoder {
        SpellingEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        RefusingDecoder(ProstDecoder::default())
    }
}

/// Encodes what can be spelled.
#[derive(Debug)]
pub struct SpellingEncoder<E>(PhantomData<E>);

impl<E: Spell> Encoder for SpellingEncoder<E> {
    type Item = E;
    type Error = Status;

    fn encode(&mut self, message: E, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(message.spelled_bytes());
        message.spell(buffer);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        buffers()
    }
}

/// Decodes messages; bytes that are none are `INVALID_ARGUMENT`, as the caller sent them.
#[derive(Debug)]
pub struct RefusingDecoder<D>(ProstDecoder<D>);

impl<D: Message + Default> Decoder for RefusingDecoder<D> {
    type Item = D;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<D>, Status> {
        self.0
            .decode(buffer)
            .map_err(|status| super::status::undecodable(status.message()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        buffers()
    }
}

#[cfg(test)]
mod tests {
    use prost::bytes::BytesMut;

    use super::*;
    use crate::proto::holdfast::v1 as pb;
    use pb::watch_events_response::Item;

    fn spelled(message: &Spelled) -> Vec<u8> {
        let mut buffer = BytesMut::new();
        buffer.put_slice(&message.own);
        buffer.put_slice(&message.shared);
        assert_eq!(buffer.len(), message.spelled_bytes());
        buffer.to_vec()
    }

    #[test]
    fn a_message_of_two_parts_is_the_message_that_has_the_fields_of_both() {
        let event = pb::Event {
            location_id: "brussels".to_owned(),
            event_sequence: 41,
            ..pb::Event::default()
        };
        let whole = pb::WatchEventsResponse {
            resume_token: "e0123".to_owned(),
            item: Some(Item::Event(event)),
        };
        let token = pb::WatchEventsResponse {
            item: None,
            ..whole.clone()
        };
        let item = pb::WatchEventsResponse {
            resume_token: String::new(),
            ..whole.clone()
        };
        let joined = Spelled::joined(&token, item.encode_to_vec().into());
        assert_eq!(spelled(&joined), whole.encode_to_vec());
        assert_eq!(spelled(&Spelled::whole(&whole)), whole.encode_to_vec());
    }
}
