//! Several servers on one database.

use std::sync::Arc;

use holdfast::grpc::StreamSettings;
use holdfast::server::ServerOptions;

use super::databases::{Database, Kind};
use super::shop::{Shop, brisk, item, location};

/// Another server on a database.
pub(crate) async fn instance(database: &Arc<Database>, streams: StreamSettings) -> Shop {
    let options = ServerOptions {
        streams,
        ..ServerOptions::default()
    };
    Shop::start(database.open().await, Arc::clone(database), options).await
}

/// So many servers on one new database, with an item and locations.
pub(crate) async fn instances(kind: Kind, count: usize, location_ids: &[&str]) -> Vec<Shop> {
    let database = Arc::new(kind.database());
    let mut shops = Vec::new();
    for _ in 0..count {
        shops.push(instance(&database, brisk()).await);
    }
    let one = shops.first_mut().expect("at least one");
    one.put_item(item("A")).await;
    for id in location_ids {
        one.put_location(location(id)).await;
    }
    shops
}
