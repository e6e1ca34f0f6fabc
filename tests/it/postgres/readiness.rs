//! A server says that it is not ready while its database cannot take rounds, and serves again by itself.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use holdfast::sequencer::Limits;
use holdfast::sequencer::round::CommandRound;
use holdfast::store::postgres::{PostgresOptions, PostgresStore};
use holdfast::store::{Store, StoreError};
use sqlx::AssertSqlSafe;
use tonic::Streaming;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::conformance::warehouse::{now, put_location};
use crate::support::databases::Database;
use crate::support::pooler::Pooler;
use crate::support::postgres::{Postgres, open, open_at};
use crate::support::shop::{Shop, W1, item, location};

/// How long a change may take to be said.
const LATE: Duration = Duration::from_secs(20);

/// Runs statements as a superuser who may write, and ends all other sessions: settings of a database hold for new ones.
async fn administer(database: &Postgres, statement: &str) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut connection = database.connect().await;
    for statement in ["SET default_transaction_read_only = off", statement, end] {
        let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await;
        done.expect(statement);
    }
}

async fn only_read(database: &Postgres) {
    let name = database.name();
    administer(
        database,
        &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"),
    )
    .await;
}

async fn write_again(database: &Postgres) {
    let name = database.name();
    administer(
        database,
        &format!("ALTER DATABASE {name} RESET default_transaction_read_only"),
    )
    .await;
}

#[tokio::test]
async fn a_store_is_ready_while_it_can_write_and_knows_the_tables() {
    let database = Postgres::database();
    let store = open(&database).await;
    let said = async || store.ready().await.map_err(|error| error.to_string());
    assert_eq!(said().await, Ok(()));
    administer(&database, "SELECT").await;
    assert_eq!(said().await, Ok(()), "a session that was ended is made anew");
    only_read(&database).await;
    let refused = said().await.expect_err("it only reads");
    assert!(refused.contains("only reads"), "{refused}");
    write_again(&database).await;
    assert_eq!(said().await, Ok(()));
    let tomorrow = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9001, 'x', true, '\\x00', 0)";
    administer(&database, tomorrow).await;
    let refused = said().await.expect_err("it is another schema");
    assert!(refused.contains("9001"), "{refused}");
    administer(&database, "DELETE FROM _sqlx_migrations WHERE version = 9001").await;
    assert_eq!(said().await, Ok(()));
    store.close().await;
}

/// Sessions go round between those that ask and those that read.
#[tokio::test]
async fn a_store_behind_a_pooler_is_ready_whatever_its_sessions_do() {
    let database = Postgres::database();
    open(&database).await.close().await;
    let pooler = Pooler::start(&database);
    let (asked, read) = (open_at(&pooler.url()).await, open_at(&pooler.url()).await);
    let place = crate::conformance::warehouse::place();
    for _ in 0..100 {
        let (ready, last, listed) = tokio::join!(asked.ready(), read.last_event(&place), read.logs());
        assert_eq!(ready.map_err(|error| error.to_string()), Ok(()));
        assert_eq!(last.expect("it is read"), None);
        assert_eq!(listed.expect("they are read"), []);
    }
    asked.close().await;
    read.close().await;
}

/// A server that takes connections and says nothing, as one that was cut off without a sign.
#[tokio::test]
async fn a_silent_server_is_given_up_at_the_start() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("it is bound");
    let options = PostgresOptions::new(&format!("postgres://holdfast@{address}/holdfast"));
    let mut options = options.expect("the URL is one");
    options.silence_max = Duration::from_millis(50);
    for refused in [
        PostgresStore::open(&options).await.err(),
        PostgresStore::migrate(&options).await.err(),
    ] {
        let refused = refused.expect("nobody answers").to_string();
        assert!(refused.contains("connect: "), "{refused}");
    }
}

async fn next(stream: &mut Streaming<HealthCheckResponse>) -> ServingStatus {
    let message = tokio::time::timeout(LATE, stream.message())
        .await
        .expect("a status in time");
    message.expect("a status").expect("the stream goes on").status()
}

#[tokio::test]
async fn health_follows_the_database() {
    let database = Arc::new(Database::Postgres(Postgres::database()));
    let Database::Postgres(postgres) = &*database else {
        unreachable!("it was just made")
    };
    let store = database.open().await;
    let mut shop = Shop::on_with(store, Arc::clone(&database), Limits::default()).await;
    shop.put_location(location(W1)).await;
    shop.put_item(item("A")).await;
    let mut health = HealthClient::new(shop.channel.clone());
    let mut statuses = Vec::new();
    for service in ["", "holdfast.v1.CheckoutService"] {
        let service = service.to_owned();
        let stream = health.watch(HealthCheckRequest { service }).await.expect("a stream");
        statuses.push(stream.into_inner());
    }
    for stream in &mut statuses {
        assert_eq!(next(stream).await, ServingStatus::Serving);
    }
    only_read(postgres).await;
    for stream in &mut statuses {
        assert_eq!(next(stream).await, ServingStatus::NotServing);
    }
    write_again(postgres).await;
    for stream in &mut statuses {
        assert_eq!(next(stream).await, ServingStatus::Serving);
    }
    shop.reserve("O1", &[("A", 1)]).await;
    drop(statuses);
    drop(health);
    shop.close().await;
}

/// The mark of a copy that is not finished.
#[tokio::test]
async fn a_store_whose_database_is_being_copied_into_is_not_ready() {
    let database = Postgres::database();
    let store = open(&database).await;
    let mut copier = database.connect().await;
    let mark = sqlx::raw_sql("CREATE TABLE copy_progress ()");
    mark.execute(&mut copier).await.expect("a copy begins");
    let error = store.ready().await.expect_err("rows are missing");
    assert!(error.to_string().contains("holdfast copy"), "{error}");
}

/// As after a copy into a database that is served.
#[tokio::test]
async fn a_store_on_a_database_of_another_epoch_is_not_ready() {
    let database = Postgres::database();
    let store = open(&database).await;
    open(&database).await.renew_epoch().await.expect("another epoch");
    let error = store.ready().await.expect_err("tokens of others are not its own");
    assert!(error.to_string().contains("epoch"), "{error}");
}

/// What refuses the service and not what it asks for passes: callers are to repeat.
#[tokio::test]
async fn a_role_that_may_not_log_in_any_more_makes_the_store_unavailable() {
    let database = Postgres::database();
    drop(open(&database).await);
    let role = format!("shop_{}", database.name());
    administer(&database, &format!("CREATE ROLE {role} SUPERUSER LOGIN")).await;
    let url = database.url().replace("postgres@", &format!("{role}@"));
    let store = open_at(&url).await;
    administer(&database, &format!("ALTER ROLE {role} NOLOGIN")).await;
    let read = store.logs().await.expect_err("nobody logs in");
    assert!(matches!(read, StoreError::Unavailable(_)), "{read}");
    let put = [put_location()];
    let written = store.round(&mut CommandRound::new(now(), &put)).await;
    let written = written.expect_err("nobody logs in");
    assert!(matches!(written, StoreError::Unavailable(_)), "{written}");
    administer(&database, &format!("DROP ROLE {role}")).await;
}
