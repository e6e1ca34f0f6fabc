//! A shop that outgrows the embedded store: its file is copied into PostgreSQL, and it goes on from there.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use holdfast::proto::holdfast::v1 as pb;
use holdfast::sequencer::Limits;
use holdfast::store::Store;
use holdfast::store::sqlite::{SqliteOptions, SqliteStore};
use sqlx::AssertSqlSafe;

use crate::support::databases::Database;
use crate::support::postgres::{self, Postgres};
use crate::support::process::{HOLDFAST, output_of, text};
use crate::support::shop::{Shop, W1, item, location};

/// More orders than a batch has rows.
const ORDERS: usize = 1_100;

async fn on_file(path: &Path) -> Shop {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&SqliteOptions::new(path)).expect("a store"));
    let directory = tempfile::tempdir().expect("a directory");
    Shop::on_with(store, Arc::new(Database::Sqlite(directory)), Limits::default()).await
}

async fn on_server(database: &Postgres) -> Shop {
    let store: Arc<dyn Store> = Arc::new(postgres::open_at(database.url()).await);
    let directory = tempfile::tempdir().expect("a directory");
    Shop::on_with(store, Arc::new(Database::Sqlite(directory)), Limits::default()).await
}

fn run_copy(path: &Path, to: &str) -> Output {
    let mut command = Command::new(HOLDFAST);
    command
        .args(["copy", "--from"])
        .arg(format!("sqlite:{}", path.display()))
        .env("HOLDFAST_COPY_TO", to);
    output_of(&mut command)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Some shop: orders in every state, of units that came and that are to come.
async fn fill(shop: &mut Shop) {
    shop.put_location(location(W1)).await;
    for sku in ["A", "B"] {
        shop.put_item(item(sku)).await;
    }
    shop.put_inbound("I1", "2026-04-01", &[("B", 40)]).await;
    shop.receive("A", 20).await;
    for number in 0..ORDERS {
        let lines = [("A", 1), ("B", 2)];
        shop.reserve(&format!("O{number}"), &lines[number % 2..]).await;
    }
    shop.receive("B", 8).await;
    shop.ship("O1").await.expect("it was released");
    shop.cancel("O5").await.expect("it has not shipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_goes_on_from_its_copy_with_its_orders_and_tokens() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, database) = (directory.path().join("shop.db"), Postgres::database());
    let mut shop = on_file(&path).await;
    fill(&mut shop).await;
    let mut follower = crate::watch::follower::Follower::of(W1);
    let mut stream = follower.connect(&mut shop.warehouse).await.expect("a stream");
    while !follower.take(stream.message().await.expect("a message").expect("the stream goes on")) {}
    drop(stream);
    let (log, orders) = (shop.log().await, [shop.order("O0").await, shop.order("O5").await]);
    let counters = [shop.counters("A").await, shop.counters("B").await];
    assert!(
        said(&run_copy(&path, database.url())).contains("in use"),
        "a served file is not copied"
    );
    shop.close().await;

    let copied = run_copy(&path, database.url());
    assert!(copied.status.success(), "{}", said(&copied));
    assert!(
        text(&copied).contains(&format!("orders: {ORDERS} rows")),
        "{}",
        text(&copied)
    );
    let mut shop = on_server(&database).await;
    assert_eq!(shop.log().await, log);
    assert_eq!([shop.order("O0").await, shop.order("O5").await], orders);
    assert_eq!([shop.counters("A").await, shop.counters("B").await], counters);
    let mut stream = follower.connect(&mut shop.warehouse).await.expect("the token is good");
    let next = shop.reserve("O-next", &[("A", 1)]).await;
    assert_eq!(usize::try_from(next.sequence), Ok(ORDERS + 1));
    let before = follower.open.len();
    let receipt = pb::ReceiveStockRequest {
        location_id: W1.to_owned(),
        receipt_id: "after".to_owned(),
        lines: vec![pb::ReceiptLine {
            sku: "B".to_owned(),
            quantity: 2,
        }],
        ..pb::ReceiveStockRequest::default()
    };
    shop.warehouse.receive_stock(receipt).await.expect("units come in");
    while follower.open.len() == before {
        follower.take(stream.message().await.expect("a message").expect("the stream goes on"));
    }
    shop.check_invariants().await;
    drop(stream);
    shop.close().await;
    let again = run_copy(&path, database.url());
    assert!(said(&again).contains("not empty"), "{}", said(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_cut_is_not_served_and_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, database) = (directory.path().join("shop.db"), Postgres::migrated_database());
    let mut shop = on_file(&path).await;
    fill(&mut shop).await;
    let log = shop.log().await;
    shop.close().await;
    let execute = async |statement: &str| {
        let mut connection = database.connect().await;
        let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await;
        done.expect("the owner may");
    };
    // The second batch of lines fails.
    execute(
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF (SELECT count(*) FROM order_lines) > 1000 THEN RAISE EXCEPTION 'cut'; END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER cut AFTER INSERT ON order_lines FOR EACH STATEMENT EXECUTE FUNCTION cut()",
    )
    .await;
    let cut = run_copy(&path, database.url());
    assert!(!cut.status.success() && said(&cut).contains("cut"), "{}", said(&cut));
    let mut serve = Command::new(HOLDFAST);
    serve.arg("serve").env("HOLDFAST_DATABASE_URL", database.url());
    let refused = output_of(&mut serve);
    assert!(said(&refused).contains("not finished"), "{}", said(&refused));

    execute("DROP FUNCTION cut CASCADE").await;
    // Rows that are there are not sent again: they would be refused.
    let gone_on = run_copy(&path, database.url());
    assert!(gone_on.status.success(), "{}", said(&gone_on));
    let mut shop = on_server(&database).await;
    assert_eq!(shop.log().await, log);
    shop.check_invariants().await;
    shop.close().await;
}
