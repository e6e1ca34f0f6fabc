//! Failures by class: what passes is tried again and counted, and a COMMIT whose answer is lost is looked up.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use holdfast::sequencer::Limits;
use holdfast::sequencer::round::CommandRound;
use holdfast::store::postgres::{PostgresOptions, PostgresStore};
use holdfast::store::{Store, StoreError};
use sqlx::postgres::PgConnectOptions;

use crate::conformance::warehouse::{now, put_location};
use crate::support::databases::Database;
use crate::support::postgres::{self, Fragile, Postgres};
use crate::support::shop::{Shop, W1, item, location};

/// What a proxy does with the next COMMIT.
const PASS: u8 = 0;
const LOSE_COMMIT: u8 = 1;
const LOSE_ANSWER: u8 = 2;
/// It swallows all that the connection says from then on, and gives no sign.
const SWALLOW: u8 = 3;

/// COMMIT as a message of its own.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Stands between a store and its database, and cuts a connection at COMMIT when it is told to.
struct Proxy {
    port: u16,
    task: Arc<AtomicU8>,
}

impl Proxy {
    fn start(database: &Postgres) -> Self {
        let options: PgConnectOptions = database.url().parse().expect("the URL of a test's database");
        let target = format!("{}:{}", options.get_host(), options.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let task = Arc::new(AtomicU8::new(PASS));
        let told = Arc::clone(&task);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&target).expect("the database listens");
                let told = Arc::clone(&told);
                let (to_client, from_server) = (twin(&client), twin(&server));
                thread::spawn(move || copy(from_server, to_client));
                thread::spawn(move || forward(client, server, &told));
            }
        });
        Self { port, task }
    }

    fn url(&self, database: &Postgres) -> String {
        format!(
            "postgres://postgres@127.0.0.1:{}/{}?sslmode=disable",
            self.port,
            database.name()
        )
    }

    fn tell(&self, task: u8) {
        self.task.store(task, Ordering::SeqCst);
    }

    /// Whether what it was told is done.
    fn is_done(&self) -> bool {
        self.task.load(Ordering::SeqCst) == PASS
    }
}

fn twin(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a socket can be shared")
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    drop(std::io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Both));
}

/// Passes on what a client says, until COMMIT is to be lost.
fn forward(mut client: TcpStream, mut server: TcpStream, told: &AtomicU8) {
    let mut buffer = [0; 16_000];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let said = &buffer[..length];
        if said.windows(COMMIT.len()).any(|part| part == COMMIT) {
            match told.swap(PASS, Ordering::SeqCst) {
                LOSE_COMMIT => break,
                LOSE_ANSWER => {
                    // The answer finds nobody.
                    drop(client.shutdown(Shutdown::Both));
                    drop(server.write_all(said));
                    // Until the database has ended the session: the commit is done.
                    drop(server.shutdown(Shutdown::Write));
                    return;
                }
                SWALLOW => {
                    swallow(&client);
                    break;
                }
                _ => {}
            }
        }
        if server.write_all(said).is_err() {
            break;
        }
    }
    drop(client.shutdown(Shutdown::Both));
    drop(server.shutdown(Shutdown::Both));
}

fn swallow(mut client: &TcpStream) {
    drop(std::io::copy(&mut client, &mut std::io::sink()));
}

/// A database whose machine lost its power sends nothing, not even that the connection is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_taken_for_gone() {
    let database = Postgres::migrated_database();
    postgres::open(&database).await.close().await;
    let proxy = Proxy::start(&database);
    let mut options = PostgresOptions::new(&proxy.url(&database)).expect("a URL");
    options.silence_max = Duration::from_millis(500);
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&options).await.expect("it is reached"));
    let directory = tempfile::tempdir().expect("a directory");
    let mut shop = Shop::on_with(store, Arc::new(Database::Sqlite(directory)), Limits::default()).await;
    shop.put_location(location(W1)).await;
    shop.put_item(item("A")).await;
    shop.receive("A", 100).await;
    proxy.tell(SWALLOW);
    let order = crate::support::shop::order("O1", W1, &[("A", 3)]);
    let answer = tokio::time::timeout(Duration::from_secs(20), shop.try_reserve(order.clone())).await;
    let answer = answer
        .expect("it is not waited for")
        .expect("it is decided on another connection");
    assert!(proxy.is_done(), "no COMMIT was swallowed");
    assert!(!answer.replayed, "whoever asks once is told of no other call");
    assert_eq!(answer.order.expect("an order").sequence, 1);
    let again = shop.try_reserve(order).await.expect("a repeat");
    assert!(again.replayed);
    let [on_hand, allocated, ..] = shop.counters("A").await;
    assert_eq!((on_hand, allocated), (100, 3));
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_answered_once_whether_it_was_done_or_not() {
    let database = Postgres::migrated_database();
    postgres::open(&database).await.close().await;
    let proxy = Proxy::start(&database);
    let store: Arc<dyn Store> = Arc::new(postgres::open_at(&proxy.url(&database)).await);
    let directory = tempfile::tempdir().expect("a directory");
    let mut shop = Shop::on_with(store, Arc::new(Database::Sqlite(directory)), Limits::default()).await;
    shop.put_location(location(W1)).await;
    shop.put_item(item("A")).await;
    shop.receive("A", 100).await;
    for (at, task) in [LOSE_COMMIT, LOSE_ANSWER, LOSE_ANSWER, LOSE_COMMIT]
        .into_iter()
        .enumerate()
    {
        proxy.tell(task);
        let order_id = format!("O{at}");
        let answer = shop
            .try_reserve(crate::support::shop::order(&order_id, W1, &[("A", 3)]))
            .await
            .expect("it is answered in any case");
        assert!(proxy.is_done(), "no COMMIT was lost");
        assert!(!answer.replayed, "whoever asks once is told of no other call");
        let order = answer.order.expect("an order");
        assert_eq!(usize::try_from(order.sequence), Ok(at + 1), "orders are counted once");
        let [on_hand, allocated, ..] = shop.counters("A").await;
        assert_eq!((on_hand, allocated), (100, 3 * order.sequence));
    }
    shop.check_invariants().await;
    shop.close().await;
}

/// Fails the first writes of the counters, each with another code. A sequence counts on after a rollback.
const FAILS_AT_FIRST: &str = "
CREATE SEQUENCE failures;
CREATE FUNCTION fail_at_first() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    codes text[] := ARRAY['40001', '40P01', '55P03', '53300'];
    number bigint := nextval('failures');
BEGIN
    IF number <= array_length(codes, 1) THEN
        RAISE EXCEPTION 'on purpose' USING ERRCODE = codes[number];
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER fails_at_first AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION fail_at_first()";

#[tokio::test(flavor = "multi_thread")]
async fn failures_that_pass_are_tried_again_and_counted() {
    let database = Postgres::migrated_database();
    let store = Arc::new(postgres::open(&database).await);
    let directory = tempfile::tempdir().expect("a directory");
    let mut shop = Shop::on_with(
        Arc::clone(&store) as Arc<dyn Store>,
        Arc::new(Database::Sqlite(directory)),
        Limits::default(),
    )
    .await;
    shop.put_location(location(W1)).await;
    shop.put_item(item("A")).await;
    shop.receive("A", 5).await;
    assert_eq!(store.repeats(), 0);
    let made = sqlx::raw_sql("DELETE FROM order_lines")
        .execute(&mut database.connect().await)
        .await;
    made.expect("nothing is there");
    // The trigger counts statements, and every round writes orders, be there any or not.
    let made = sqlx::raw_sql(FAILS_AT_FIRST)
        .execute(&mut database.connect().await)
        .await;
    made.expect("the trigger is made");
    let order = shop.reserve("O1", &[("A", 2)]).await;
    assert_eq!(order.sequence, 1);
    assert_eq!(store.repeats(), 4);
    assert_eq!(shop.counters("A").await[..2], [5, 2]);
    shop.close().await;
}

#[tokio::test]
async fn a_database_that_is_away_is_told_of_without_its_password() {
    let url = "postgres://shop:hunter2@127.0.0.1:1/shop";
    let options = PostgresOptions::new(url).expect("a URL").with_password("hunter3");
    let error = PostgresStore::open(&options).await.expect_err("nobody listens there");
    let told = format!("{error} {error:?} {options:?} {}", options.place());
    assert!(!told.contains("hunter"), "{told}");
}

/// The old primary that comes back as a standby at the same address.
#[tokio::test]
async fn a_standby_is_unavailable() {
    let cluster = Fragile::start();
    let options = PostgresOptions::new(cluster.url()).expect("the URL of a cluster");
    PostgresStore::migrate(&options).await.expect("the tables are made");
    let store = PostgresStore::open(&options).await.expect("the store opens");
    cluster.end("INT");
    fs::write(cluster.directory().join("data/standby.signal"), "").expect("a file");
    cluster.start_again();
    let put = [put_location()];
    let error = store.round(&mut CommandRound::new(now(), &put)).await;
    let error = error.expect_err("nothing is written in a recovery");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(store.ready().await.is_err());
    store.close().await;
}
