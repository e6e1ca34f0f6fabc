//! Kill -9 under load: what was acknowledged is there after every restart, once, and what was not answered may be sent
//! again.
//!
//! `HOLDFAST_CRASH_KILLS` says how often the server is killed, `HOLDFAST_CRASH_SEED` repeats the choices of a run.

mod customer;
mod ledger;

use std::env;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use customer::Customer;
use ledger::Ledger;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::support::process::ServerProcess;

/// Kills of a run, unless the environment says otherwise.
const KILLS: u64 = 5;
/// Clients that call at the same time.
const CUSTOMERS: u64 = 16;
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

/// One life of the server: clients call until it is killed under them.
async fn live_and_die(server: ServerProcess, ledger: &Arc<Mutex<Ledger>>, life: u64, rng: &mut SmallRng) {
    let channel = connect(&server).await;
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        let customer = Customer::new(format!("{life}-{number}"), rng.random(), channel.clone());
        customers.spawn(customer.call_until_cut(Arc::clone(ledger)));
    }
    tokio::time::sleep(Duration::from_millis(rng.random_range(LIFETIME_MS))).await;
    server.kill();
    while let Some(ended) = customers.join_next().await {
        ended.expect("no client panics");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_every_kill_and_nothing_is_doubled() {
    let kills = setting("HOLDFAST_CRASH_KILLS").unwrap_or(KILLS);
    let seed = setting("HOLDFAST_CRASH_SEED").unwrap_or_else(|| SmallRng::from_os_rng().random());
    writeln!(
        std::io::stderr(),
        "HOLDFAST_CRASH_SEED={seed} HOLDFAST_CRASH_KILLS={kills}"
    )
    .expect("a message");
    let mut rng = SmallRng::seed_from_u64(seed);
    let directory = tempfile::tempdir().expect("a directory");
    let database = directory.path().join("holdfast.db");

    let mut server = ServerProcess::start(&database);
    customer::set_up(connect(&server).await).await;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    for life in 0..kills {
        live_and_die(server, &ledger, life, &mut rng).await;
        server = ServerProcess::start(&database);
        let mut ledger = ledger.lock().await;
        ledger.send_unanswered_again(connect(&server).await).await;
        ledger.compare(connect(&server).await).await;
    }
    ledger.lock().await.assert_worthwhile();
    assert!(server.terminate().success(), "the server goes down in order");
}
