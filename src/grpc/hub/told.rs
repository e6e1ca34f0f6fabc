//! An event as it is passed on to those who follow its log: whoever needs its bytes first makes them, for all.

use std::sync::{Arc, OnceLock};

use prost::bytes::Bytes;

use crate::domain::event::Event;
use crate::grpc::codec::Spelled;

/// An event, and messages that bring it. What they hold beside the event is the same for all who follow the log.
#[derive(Debug)]
pub(crate) struct Told {
    /// The event.
    pub(crate) event: Arc<Event>,
    /// The field of the event, for a message with a token of several logs.
    pub(crate) field: OnceLock<Bytes>,
    /// The message to those who follow events of this log alone.
    pub(crate) alone: OnceLock<Spelled>,
    /// The message to those who follow releases and know everything before it.
    pub(crate) release: OnceLock<Spelled>,
}

impl Told {
    /// An event that nobody was told.
    pub(crate) fn new(event: Arc<Event>) -> Self {
        Self {
            event,
            field: OnceLock::new(),
            alone: OnceLock::new(),
            release: OnceLock::new(),
        }
    }
}
