//! The codec of every call: protobuf, with undecodable messages refused as bad input.

use std::fmt;
use std::marker::PhantomData;

use prost::Message;
use tonic::Status;
use tonic::codec::{DecodeBuf, Decoder};
use tonic_prost::{ProstDecoder, ProstEncoder};

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
    E: Message + Send + 'static,
    D: Message + Default + Send + 'static,
{
    type Encode = E;
    type Decode = D;
    type Encoder = ProstEncoder<E>;
    type Decoder = RefusingDecoder<D>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        RefusingDecoder(ProstDecoder::default())
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
}
