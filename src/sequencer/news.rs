//! What this process commits, told to those in it who follow logs: it spares them reading what was just written.
//!
//! Never the only way to learn of an event: other processes commit too, and who is late misses some. The log knows.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::domain::event::Event;
use crate::domain::ids::LocationId;

/// Rounds that wait for whoever listens. Who is further behind has to read the log.
const ROUNDS_MAX: usize = 64;

/// The events of a committed round, in their order.
pub type Appended = Vec<(LocationId, Arc<Event>)>;

/// Where rounds tell what they appended, and where that is heard.
#[derive(Debug, Clone)]
pub struct News(broadcast::Sender<Arc<Appended>>);

impl Default for News {
    fn default() -> Self {
        Self(broadcast::channel(ROUNDS_MAX).0)
    }
}

impl News {
    /// What is told from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Arc<Appended>> {
        self.0.subscribe()
    }

    /// Whether anybody listens.
    pub(super) fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Tells what a round appended, once it is committed.
    pub(super) fn tell(&self, appended: Appended) {
        if !appended.is_empty() {
            // Whoever listened may have gone.
            drop(self.0.send(Arc::new(appended)));
        }
    }
}
