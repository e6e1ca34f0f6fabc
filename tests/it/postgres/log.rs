//! What Holdfast's work leaves in the server's own log, which its administrators read.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use holdfast::sequencer::Limits;
use holdfast::store::Store;
use holdfast::store::postgres::{PostgresOptions, PostgresStore};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::support::databases::Database;
use crate::support::postgres::{Fragile, open_at};
use crate::support::shop::{Shop, W1, item, location};

#[tokio::test(flavor = "multi_thread")]
async fn a_days_work_leaves_no_warning() {
    let cluster = Fragile::start();
    let options = PostgresOptions::new(cluster.url()).expect("the cluster's URL");
    PostgresStore::migrate(&options).await.expect("the tables are made");
    let store: Arc<dyn Store> = Arc::new(open_at(cluster.url()).await);
    let directory = tempfile::tempdir().expect("a directory");
    let mut shop = Shop::on_with(
        Arc::clone(&store),
        Arc::new(Database::Sqlite(directory)),
        Limits::default(),
    )
    .await;
    shop.put_location(location(W1)).await;
    shop.put_item(item("A")).await;
    shop.reserve("O1", &[("A", 3)]).await;
    shop.receive("A", 5).await;
    shop.reserve("O2", &[("A", 2)]).await;
    shop.cancel("O2").await.expect("it has not shipped");
    let again = crate::support::shop::order("O1", W1, &[("A", 3)]);
    shop.try_reserve(again).await.expect("a repeat");
    let other = crate::support::shop::order("O1", W1, &[("A", 4)]);
    shop.try_reserve(other).await.expect_err("another order of the same id");
    shop.quote(&[("A", 1)]).await;
    shop.order("O1").await;
    shop.check_invariants().await;
    store.ready().await.expect("it is ready");
    let mut administrator = PgConnection::connect(cluster.url()).await.expect("it runs");
    for (setting, is_ready) in [("on", false), ("off", true)] {
        let change = format!("ALTER SYSTEM SET default_transaction_read_only = {setting}");
        for statement in [
            "SET default_transaction_read_only = off",
            &change,
            "SELECT pg_reload_conf()",
        ] {
            let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
                .execute(&mut administrator)
                .await;
            done.expect("a superuser may");
        }
        while store.ready().await.is_ok() != is_ready {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    administrator.close().await.expect("it ends");
    shop.close().await;
    let log = fs::read_to_string(cluster.directory().join("log")).expect("the server's log");
    let quiet = |line: &&str| line.contains("LOG:") && !line.contains("unexpected EOF") || line.starts_with('\t');
    let said: Vec<_> = log.lines().filter(|line| !quiet(line)).collect();
    assert!(log.contains("ready to accept connections"), "{log}");
    assert!(said.is_empty(), "{said:#?}");
}
