//! What a watch promises, in the manner of etcd's validators: events come ordered, unique and reliably, whole, can be resumed
//! from any message, and heartbeats are bookmarks. Fifty subscribers are cut at random while others write, on one server and,
//! going on at either, on two that share a database.
//!
//! `HOLDFAST_WATCH_CUTS` says how often they are cut in all (2,000 for the long form).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use holdfast::proto::holdfast::v1::checkout_service_client::CheckoutServiceClient;
use holdfast::proto::holdfast::v1::event_service_client::EventServiceClient;
use holdfast::proto::holdfast::v1::warehouse_service_client::WarehouseServiceClient;
use holdfast::proto::holdfast::v1::watch_events_response::Item;
use holdfast::proto::holdfast::v1::{self as pb, EventType, OrderState};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::task::{JoinHandle, JoinSet};
use tonic::transport::Channel;

use super::control::validate;
use super::follower::Follower;
use crate::support::databases::Kind;
use crate::support::instances::instances;
use crate::support::shop::{Shop, order};

const LOCATIONS: [&str; 3] = ["V1", "V2", "V3"];
const SUBSCRIBERS: u64 = 50;

pub(super) fn from_environment(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Writes until it is told to stop.
async fn write(mut shop: Clients, seed: u64, is_over: Arc<AtomicBool>) {
    let mut dice = SmallRng::seed_from_u64(seed);
    let mut number = 0_u32;
    while !is_over.load(Ordering::Relaxed) {
        // A pace at which all subscribers keep up: it is the cuts that are tried here.
        tokio::time::sleep(Duration::from_millis(10)).await;
        number += 1;
        let place = LOCATIONS[dice.random_range(0..2)];
        let order_id = format!("{seed}-{number}");
        let quantity = dice.random_range(1..4);
        let placed = shop.checkout.reserve(order(&order_id, place, &[("A", quantity)])).await;
        placed.expect("an order");
        let past = format!("{seed}-{}", dice.random_range(0..number) + 1);
        // Refusals are part of it.
        match dice.random_range(0..6) {
            0 => drop(
                shop.warehouse
                    .acknowledge_release(pb::AcknowledgeReleaseRequest { order_id: past })
                    .await,
            ),
            1 | 2 => drop(shop.checkout.cancel_order(whole(&past)).await),
            3 => drop(shop.warehouse.confirm_shipment(shipment(&past)).await),
            4 => drop(shop.warehouse.receive_stock(receipt(&order_id, place)).await),
            _ => {}
        }
    }
}

fn whole(order_id: &str) -> pb::CancelOrderRequest {
    pb::CancelOrderRequest {
        order_id: order_id.to_owned(),
        ..pb::CancelOrderRequest::default()
    }
}

pub(super) fn shipment(order_id: &str) -> pb::ConfirmShipmentRequest {
    pb::ConfirmShipmentRequest {
        order_id: order_id.to_owned(),
        parcels: vec![pb::Parcel {
            carrier: "Post".to_owned(),
            ..pb::Parcel::default()
        }],
        ..pb::ConfirmShipmentRequest::default()
    }
}

fn receipt(receipt_id: &str, location_id: &str) -> pb::ReceiveStockRequest {
    pb::ReceiveStockRequest {
        location_id: location_id.to_owned(),
        receipt_id: receipt_id.to_owned(),
        lines: vec![pb::ReceiptLine {
            sku: "A".to_owned(),
            quantity: 6,
        }],
        ..pb::ReceiveStockRequest::default()
    }
}

/// What writers and subscribers call.
#[derive(Clone)]
struct Clients {
    checkout: CheckoutServiceClient<Channel>,
    warehouse: WarehouseServiceClient<Channel>,
    events: EventServiceClient<Channel>,
}

/// Somebody who follows events and is cut.
struct Subscriber {
    /// Of each server.
    servers: Vec<Clients>,
    dice: SmallRng,
    asked: pb::WatchEventsRequest,
    told: Vec<pb::Event>,
}

impl Subscriber {
    /// Reads a stream that goes on where the last one was cut; answers whether it had nothing more to tell.
    async fn read(&mut self, most: usize) -> bool {
        let server = self.dice.random_range(0..self.servers.len());
        let stream = self.servers[server].events.watch_events(self.asked.clone()).await;
        let mut stream = stream.expect("a stream").into_inner();
        for _ in 0..most {
            let message = stream.message().await.expect("a message").expect("the stream goes on");
            self.asked.resume_token = message.resume_token;
            match message.item.expect("every message brings something") {
                Item::Event(event) => self.told.push(event),
                Item::Heartbeat(_) => return true,
            }
        }
        false
    }
}

/// What each subscriber follows: one, two or all locations, with and without a filter.
fn asked(number: u64) -> pb::WatchEventsRequest {
    let ids: &[&str] = match number % 5 {
        0 => &["V1"],
        1 => &["V2"],
        2 => &["V2", "V1"],
        3 => &LOCATIONS,
        _ => &[],
    };
    let types: &[EventType] = match number % 3 {
        0 => &[EventType::OrderReleased, EventType::ReleaseRevoked],
        _ => &[],
    };
    pb::WatchEventsRequest {
        location_ids: ids.iter().map(ToString::to_string).collect(),
        types: types.iter().map(|kind| i32::from(*kind)).collect(),
        ..pb::WatchEventsRequest::default()
    }
}

async fn subscribe(
    servers: Vec<Clients>,
    number: u64,
    cuts_left: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
) -> Subscriber {
    let mut subscriber = Subscriber {
        servers,
        dice: SmallRng::seed_from_u64(1_000 + number),
        asked: asked(number),
        told: Vec::new(),
    };
    while cut(&cuts_left) {
        let most = subscriber.dice.random_range(1..60);
        subscriber.read(most).await;
    }
    is_over.store(true, Ordering::Relaxed);
    subscriber
}

/// Takes one of the cuts that are left.
fn cut(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        .is_ok()
}

pub(super) async fn log_of(events: &mut EventServiceClient<Channel>, location_id: &str) -> Vec<pb::Event> {
    let mut request = pb::ListEventsRequest {
        location_id: location_id.to_owned(),
        page_size: 1_000,
        ..pb::ListEventsRequest::default()
    };
    let mut log = Vec::new();
    loop {
        let page = events.list_events(request.clone()).await.expect("a page").into_inner();
        log.extend(page.events);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return log;
        }
    }
}

/// The subscriber was told the log of each location that it follows, whole, in order, and each event once.
fn assert_told(subscriber: &Subscriber, logs: &BTreeMap<&str, Vec<pb::Event>>) {
    let ids = &subscriber.asked.location_ids;
    let is_filtered = !subscriber.asked.types.is_empty();
    for (location_id, log) in logs {
        let is_followed = ids.is_empty() || ids.iter().any(|id| id == location_id);
        let is_wanted = |event: &&pb::Event| {
            let is_release = matches!(
                event.payload,
                Some(pb::event::Payload::OrderReleased(_) | pb::event::Payload::ReleaseRevoked(_))
            );
            is_followed && (!is_filtered || is_release)
        };
        let expected: Vec<_> = log.iter().filter(is_wanted).collect();
        let told: Vec<_> = subscriber
            .told
            .iter()
            .filter(|event| event.location_id == **location_id)
            .collect();
        let numbers = |events: &[&pb::Event]| events.iter().map(|event| event.event_sequence).collect::<Vec<_>>();
        let verdict = validate(&numbers(&told), &numbers(&expected));
        assert_eq!(verdict, Ok(()), "{location_id} of {:?}", subscriber.asked);
        assert!(told == expected, "events are told as they stand in the log");
    }
}

fn clients(shop: &Shop) -> Clients {
    let (checkout, warehouse, events) = (shop.checkout.clone(), shop.warehouse.clone(), shop.events.clone());
    Clients {
        checkout,
        warehouse,
        events,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_that_are_cut_are_told_everything_once_and_in_order() {
    cut_subscribers(instances(Kind::Sqlite, 1, &LOCATIONS).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_that_are_cut_go_on_at_another_server() {
    cut_subscribers(instances(Kind::Postgres, 2, &LOCATIONS).await).await;
}

/// Writes at every server, while subscribers are cut and go on at any.
async fn cut_subscribers(shops: Vec<Shop>) {
    let servers: Vec<_> = shops.iter().map(clients).collect();
    let cuts = from_environment("HOLDFAST_WATCH_CUTS", 400);
    let (cuts_left, is_over) = (Arc::new(AtomicUsize::new(cuts)), Arc::new(AtomicBool::new(false)));
    let writers = begin_to_write(&servers, 3, &is_over);
    let mut reading = JoinSet::new();
    for number in 0..SUBSCRIBERS {
        reading.spawn(subscribe(
            servers.clone(),
            number,
            Arc::clone(&cuts_left),
            Arc::clone(&is_over),
        ));
    }
    let mut subscribers = reading.join_all().await;
    for writer in writers {
        writer.await.expect("a writer ends by itself");
    }
    let mut logs = BTreeMap::new();
    for id in LOCATIONS {
        logs.insert(id, log_of(&mut servers[0].events.clone(), id).await);
    }
    for subscriber in &mut subscribers {
        while !subscriber.read(usize::MAX).await {}
        assert_told(subscriber, &logs);
    }
    assert!(
        logs.values().map(Vec::len).sum::<usize>() > 200,
        "there was much to tell"
    );
    close(shops).await;
}

/// So many writers, at the servers in turns.
fn begin_to_write(servers: &[Clients], count: u64, is_over: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    let writers = (1..=count).zip(servers.iter().cycle());
    writers
        .map(|(seed, server)| tokio::spawn(write(server.clone(), seed, Arc::clone(is_over))))
        .collect()
}

async fn close(shops: Vec<Shop>) {
    for shop in shops {
        shop.close().await;
    }
}

async fn follow(
    mut servers: Vec<Clients>,
    number: u64,
    cuts_left: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
) -> Follower {
    let mut dice = SmallRng::seed_from_u64(number);
    let mut follower = Follower::of(if number.is_multiple_of(2) { "V1" } else { "V2" });
    // Some begin late, in the midst of it.
    tokio::time::sleep(Duration::from_millis(number * 40)).await;
    while cut(&cuts_left) {
        let server = dice.random_range(0..servers.len());
        let count = dice.random_range(0..20);
        follower.read(&mut servers[server].warehouse, count).await;
    }
    is_over.store(true, Ordering::Relaxed);
    follower
}

/// Followers of releases know, at the end, exactly what is released, however they were cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_of_releases_that_are_cut_know_what_is_to_be_shipped() {
    cut_followers(instances(Kind::Sqlite, 1, &LOCATIONS).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_of_releases_that_are_cut_go_on_at_another_server() {
    cut_followers(instances(Kind::Postgres, 2, &LOCATIONS).await).await;
}

async fn cut_followers(mut shops: Vec<Shop>) {
    let servers: Vec<_> = shops.iter().map(clients).collect();
    let cuts = from_environment("HOLDFAST_WATCH_CUTS", 200);
    let (cuts_left, is_over) = (Arc::new(AtomicUsize::new(cuts)), Arc::new(AtomicBool::new(false)));
    let writers = begin_to_write(&servers, 2, &is_over);
    let mut reading = JoinSet::new();
    for number in 0..12_u64 {
        let (cuts_left, is_over) = (Arc::clone(&cuts_left), Arc::clone(&is_over));
        reading.spawn(follow(servers.clone(), number, cuts_left, is_over));
    }
    let mut followers = reading.join_all().await;
    for writer in writers {
        writer.await.expect("a writer ends by itself");
    }
    let shop = shops.last_mut().expect("a server");
    for follower in &mut followers {
        follower.read_all(&mut shop.warehouse).await;
        let log = log_of(&mut servers[0].events.clone(), &follower.location_id).await;
        // Whoever ships an order knows it.
        let is_shipped = |event: &&pb::Event| matches!(event.payload, Some(pb::event::Payload::OrderShipped(_)));
        for event in log.iter().filter(is_shipped) {
            follower.open.remove(&event.order_id);
        }
        let mut fresh = Follower::of(&follower.location_id);
        fresh.read_all(&mut shop.warehouse).await;
        assert_eq!(follower.order_ids(), fresh.order_ids());
        for id in fresh.order_ids() {
            assert_eq!(shop.state(id).await, OrderState::Released);
        }
    }
    close(shops).await;
}
