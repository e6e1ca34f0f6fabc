//! Somebody who follows releases: keeps what was told, and checks each message against what it knows.

use std::collections::BTreeMap;

use holdfast::proto::holdfast::v1::warehouse_service_client::WarehouseServiceClient;
use holdfast::proto::holdfast::v1::{self as pb, watch_releases_response::Item};
use tonic::transport::Channel;
use tonic::{Status, Streaming};

/// What a follower knows, and where it goes on.
#[derive(Debug, Default, Clone)]
pub(crate) struct Follower {
    pub(crate) location_id: String,
    pub(crate) token: String,
    /// What is to be shipped, by order.
    pub(crate) open: BTreeMap<String, pb::Release>,
    pub(crate) messages: usize,
}

impl Follower {
    pub(crate) fn of(location_id: &str) -> Self {
        Self {
            location_id: location_id.to_owned(),
            ..Self::default()
        }
    }

    /// Connects with the last token.
    pub(crate) async fn connect(
        &self,
        warehouse: &mut WarehouseServiceClient<Channel>,
    ) -> Result<Streaming<pb::WatchReleasesResponse>, Status> {
        let request = pb::WatchReleasesRequest {
            location_id: self.location_id.clone(),
            resume_token: self.token.clone(),
            ..pb::WatchReleasesRequest::default()
        };
        warehouse.watch_releases(request).await.map(tonic::Response::into_inner)
    }

    /// Takes a message in; answers whether it was a heartbeat. The stream tells nothing twice, and revokes nothing that was
    /// not told.
    pub(crate) fn take(&mut self, message: pb::WatchReleasesResponse) -> bool {
        assert!(!message.resume_token.is_empty(), "every message has a token");
        self.token = message.resume_token;
        self.messages += 1;
        match message.item.expect("every message brings something") {
            Item::Release(release) => {
                let told = self.open.insert(release.order_id.clone(), release);
                assert!(told.is_none(), "told twice: {told:?}");
                false
            }
            Item::Revocation(revocation) => {
                let told = self.open.remove(&revocation.order_id);
                assert!(told.is_some(), "revoked what was not told: {revocation:?}");
                false
            }
            Item::Heartbeat(_) => true,
        }
    }

    /// Reads so many messages of a new stream.
    pub(crate) async fn read(&mut self, warehouse: &mut WarehouseServiceClient<Channel>, count: usize) {
        let mut stream = self.connect(warehouse).await.expect("a stream");
        for _ in 0..count {
            let message = stream.message().await.expect("a message");
            self.take(message.expect("the stream goes on"));
        }
    }

    /// Reads a new stream until it has nothing more to tell.
    pub(crate) async fn read_all(&mut self, warehouse: &mut WarehouseServiceClient<Channel>) {
        let mut stream = self.connect(warehouse).await.expect("a stream");
        while let Some(message) = stream.message().await.expect("a message") {
            if self.take(message) {
                return;
            }
        }
        panic!("the stream ended");
    }

    /// The orders to be shipped, by place.
    pub(crate) fn order_ids(&self) -> Vec<&str> {
        let mut open: Vec<_> = self.open.values().collect();
        open.sort_by_key(|release| release.sequence);
        open.iter().map(|release| release.order_id.as_str()).collect()
    }
}
