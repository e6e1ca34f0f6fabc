//! `holdfast serve` on databases that it must not serve.

use std::process::Command;

use sqlx::AssertSqlSafe;

use crate::support::postgres::Postgres;
use crate::support::process::{HOLDFAST, output_of};

/// What it says when it is started on a database, which it must refuse.
fn refusal(url: &str) -> String {
    let mut command = Command::new(HOLDFAST);
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("HOLDFAST_DATABASE_URL", url)
        .env("HOLDFAST_LOG", "trace");
    let output = output_of(&mut command);
    assert!(!output.status.success(), "it was served");
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

async fn execute(database: &Postgres, statement: String) {
    let done = sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut database.connect().await)
        .await;
    done.expect("the owner may");
}

#[tokio::test]
async fn an_unsafe_setting_is_refused_by_name() {
    let database = Postgres::migrated_database();
    let name = database.name();
    execute(&database, format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
    let said = refusal(database.url());
    assert!(said.contains("synchronous_commit is off"), "{said}");
    execute(&database, format!("ALTER DATABASE {name} RESET synchronous_commit")).await;
    execute(
        &database,
        format!("ALTER DATABASE {name} SET default_transaction_read_only = on"),
    )
    .await;
    let said = refusal(database.url());
    assert!(said.contains("default_transaction_read_only"), "{said}");
}

#[tokio::test]
async fn tables_that_are_missing_older_or_of_tomorrow_are_refused() {
    let said = refusal(Postgres::database().url());
    assert!(said.contains("run `holdfast migrate`"), "{said}");

    let database = Postgres::migrated_database();
    let tomorrow = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'tomorrow', true, '\\x00', 1)";
    execute(&database, tomorrow.to_owned()).await;
    let said = refusal(database.url());
    assert!(
        said.contains("migration 9999") && said.contains("run a newer one"),
        "{said}"
    );

    execute(&database, "DELETE FROM _sqlx_migrations WHERE version <> 1".to_owned()).await;
    let said = refusal(database.url());
    assert!(said.contains("older version"), "{said}");
}

#[tokio::test]
async fn a_password_is_in_no_log() {
    let database = Postgres::migrated_database();
    let (_, place) = database.url().split_once('@').expect("a URL with a user");
    for url in [
        format!("postgres://nobody:hunter2@{place}"),
        format!("postgres://{place}&user=nobody&password=hunter2").replacen('&', "?", 1),
        "postgres://nobody:hunter2@127.0.0.1:1/shop".to_owned(),
    ] {
        let said = refusal(&url);
        assert!(!said.contains("hunter2"), "{said}");
    }
}
