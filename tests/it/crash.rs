//! Kill -9 under load: what was acknowledged is there after every restart, once, and what was not answered may be sent
//! again.
//!
//! `HOLDFAST_CRASH_KILLS` says how often the server is killed, `HOLDFAST_CRASH_DATABASE_KILLS` how often PostgreSQL is,
//! `HOLDFAST_CRASH_SEED` repeats the choices of a run.

mod customer;
mod ledger;

use std::env;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use customer::Customer;
use holdfast::store::Store as _;
use holdfast::store::postgres::{PostgresOptions, PostgresStore};
use ledger::Ledger;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use crate::support::postgres::{self, Fragile, Postgres};
use crate::support::process::ServerProcess;

/// Kills of a run, unless the environment says otherwise.
const KILLS: u64 = 5;
/// Clients that call at the same time.
const CUSTOMERS: u64 = 16;
/// Kills of PostgreSQL, unless the environment says otherwise.
const DATABASE_KILLS: u64 = 2;
/// How long PostgreSQL is away.
const AWAY: Duration = Duration::from_millis(500);
/// How soon after PostgreSQL the service is back.
const BACK_WITHIN: Duration = Duration::from_secs(20);
/// When the server is killed, in milliseconds after the clients start.
const LIFETIME_MS: std::ops::Range<u64> = 50..600;

fn setting(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
    )
}

async fn connect(server: &ServerProcess) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).expect("an address");
    endpoint.connect().await.expect("the server listens")
}

/// Sixteen clients that call at the same time.
fn customers(
    name: &str,
    channel: &Channel,
    ledger: &Arc<Mutex<Ledger>>,
    stop: Option<&CancellationToken>,
    rng: &mut SmallRng,
) -> JoinSet<()> {
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        let customer = Customer::new(format!("{name}-{number}"), rng.random(), channel.clone());
        customers.spawn(customer.call(Arc::clone(ledger), stop.cloned()));
    }
    customers
}

async fn wait(mut customers: JoinSet<()>) {
    while let Some(ended) = customers.join_next().await {
        ended.expect("no client panics");
    }
}

/// One life of the server: clients call until it is killed under them.
async fn live_and_die(server: ServerProcess, ledger: &Arc<Mutex<Ledger>>, life: u64, rng: &mut SmallRng) {
    let customers = customers(&life.to_string(), &connect(&server).await, ledger, None, rng);
    tokio::time::sleep(Duration::from_millis(rng.random_range(LIFETIME_MS))).await;
    server.kill();
    wait(customers).await;
}

/// The choices of a run, which can be had again.
fn choices(kills: u64) -> SmallRng {
    let seed = setting("HOLDFAST_CRASH_SEED").unwrap_or_else(|| SmallRng::from_os_rng().random());
    writeln!(std::io::stderr(), "HOLDFAST_CRASH_SEED={seed}, {kills} kills").expect("a message");
    SmallRng::seed_from_u64(seed)
}

/// Kills the server again and again on the database of a URL.
async fn kill_servers(url: &str) {
    let kills = setting("HOLDFAST_CRASH_KILLS").unwrap_or(KILLS);
    let mut rng = choices(kills);
    let directory = tempfile::tempdir().expect("a directory");
    let start = || ServerProcess::start_on(url, directory.path(), "127.0.0.1:0");

    let mut server = start();
    customer::set_up(connect(&server).await).await;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    for life in 0..kills {
        live_and_die(server, &ledger, life, &mut rng).await;
        server = start();
        let mut ledger = ledger.lock().await;
        ledger.send_unanswered_again(connect(&server).await).await;
        ledger.compare(connect(&server).await).await;
    }
    ledger.lock().await.assert_worthwhile();
    assert!(server.terminate().success(), "the server goes down in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_every_kill_and_nothing_is_doubled() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = directory.path().join("holdfast.db");
    kill_servers(&format!("sqlite:{}", database.display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_every_kill_on_postgresql_too() {
    let database = Postgres::migrated_database();
    postgres::open(&database).await.close().await;
    kill_servers(database.url()).await;
}

/// The database goes, with a signal, and comes back; the server stays.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_every_kill_of_postgresql_itself() {
    let kills = setting("HOLDFAST_CRASH_DATABASE_KILLS").unwrap_or(DATABASE_KILLS);
    let mut rng = choices(kills);
    let cluster = Fragile::start();
    let options = PostgresOptions::new(cluster.url()).expect("the URL of a cluster");
    PostgresStore::migrate(&options).await.expect("the tables are made");
    let directory = tempfile::tempdir().expect("a directory");
    let server = ServerProcess::start_on(cluster.url(), directory.path(), "127.0.0.1:0");
    customer::set_up(connect(&server).await).await;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    for life in 0..kills {
        let stop = CancellationToken::new();
        let channel = connect(&server).await;
        let customers = customers(&life.to_string(), &channel, &ledger, Some(&stop), &mut rng);
        tokio::time::sleep(Duration::from_millis(rng.random_range(LIFETIME_MS))).await;
        cluster.end(if life % 2 == 0 { "KILL" } else { "QUIT" });
        tokio::time::sleep(AWAY).await;
        cluster.start_again();
        let known = ledger.lock().await.answered();
        wait_until_served(&ledger, known).await;
        stop.cancel();
        wait(customers).await;
        let mut ledger = ledger.lock().await;
        ledger.send_unanswered_again(channel.clone()).await;
        ledger.compare(channel).await;
    }
    ledger.lock().await.assert_worthwhile();
    assert!(server.terminate().success(), "the server goes down in order");
}

/// Waits until clients get answers again.
async fn wait_until_served(ledger: &Mutex<Ledger>, known: usize) {
    let wanted = known + usize::try_from(CUSTOMERS).expect("a few");
    let served = async {
        while ledger.lock().await.answered() < wanted {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let served = tokio::time::timeout(BACK_WITHIN, served).await;
    assert!(served.is_ok(), "the service did not come back with its database");
}
