//! What a run needs to be there: a location, items with a lead time, and their units.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::Status;
use tonic::transport::Channel;

use super::caller::connect;
use super::plan::{LoadArgs, run_prefix, sku};
use crate::proto::holdfast::v1::catalog_service_client::CatalogServiceClient;
use crate::proto::holdfast::v1::warehouse_service_client::WarehouseServiceClient;
use crate::proto::holdfast::v1::{
    Item, Location, PutItemRequest, PutLocationRequest, ReceiptLine, ReceiveStockRequest,
};

/// Calls in flight during preparation.
const IN_FLIGHT: usize = 64;
/// Lines of one receipt; the contract allows 500.
const RECEIPT_LINES: usize = 500;
/// Without units on hand an order is promised by the item's lead time, so none is refused.
const LEAD_TIME_DAYS: i32 = 30;

pub(super) async fn prepare(args: &LoadArgs) -> Result<()> {
    let channel = connect(&args.endpoint, IN_FLIGHT).await?;
    let location = Location {
        location_id: args.location.clone(),
        time_zone: "UTC".to_owned(),
        ..Location::default()
    };
    CatalogServiceClient::new(channel.clone())
        .put_location(PutLocationRequest {
            location: Some(location),
        })
        .await
        .context("cannot put the location")?;
    let numbers: Vec<usize> = (0..args.skus).collect();
    concurrently(&channel, numbers.clone(), put_item).await?;
    if args.stock == 0 {
        return Ok(());
    }
    let prefix = run_prefix();
    let receipts = numbers.chunks(RECEIPT_LINES).enumerate();
    let receipts = receipts.map(|(number, skus)| ReceiveStockRequest {
        location_id: args.location.clone(),
        receipt_id: format!("{prefix}-{number}"),
        lines: skus.iter().map(|number| receipt_line(*number, args.stock)).collect(),
        ..ReceiveStockRequest::default()
    });
    concurrently(&channel, receipts.collect(), receive).await
}

fn receipt_line(number: usize, quantity: i64) -> ReceiptLine {
    ReceiptLine {
        sku: sku(number),
        quantity,
    }
}

async fn put_item(channel: Channel, number: usize) -> Result<(), Status> {
    let item = Item {
        sku: sku(number),
        lead_time_days: Some(LEAD_TIME_DAYS),
        ..Item::default()
    };
    let request = PutItemRequest { item: Some(item) };
    CatalogServiceClient::new(channel).put_item(request).await.map(drop)
}

async fn receive(channel: Channel, request: ReceiveStockRequest) -> Result<(), Status> {
    let answer = WarehouseServiceClient::new(channel).receive_stock(request).await;
    answer.map(drop)
}

/// Makes a call for each of the items, some of them at a time.
async fn concurrently<T, F>(channel: &Channel, items: Vec<T>, call: impl Fn(Channel, T) -> F) -> Result<()>
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut tasks = JoinSet::new();
    for item in items {
        let permit = Arc::clone(&room).acquire_owned().await.context("closed by nobody")?;
        let future = call(channel.clone(), item);
        tasks.spawn(async move {
            let outcome = future.await;
            drop(permit);
            outcome
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("a call panicked")??;
    }
    Ok(())
}
