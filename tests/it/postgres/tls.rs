//! TLS to the database: the certificate and the name must be right.

use std::path::Path;
use std::process::Command;

use holdfast::store::Store as _;
use holdfast::store::postgres::{PostgresOptions, PostgresStore};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::support::postgres::Fragile;
use crate::support::process::output_of;

/// Makes an authority, and a key and a certificate of `localhost` that it signed.
const MAKE_CERTIFICATES: &str = "
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority \
    -keyout authority.key -out authority.crt
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout server.key -out server.csr
printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' > server.ext
openssl x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial -days 2 -extfile server.ext \
    -out server.crt";

fn shell(directory: &Path, script: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", script]).current_dir(directory);
    let output = output_of(&mut shell);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn run(url: &str, statements: &'static str) {
    let mut connection = PgConnection::connect(url).await.expect("the cluster runs");
    sqlx::raw_sql(statements)
        .execute(&mut connection)
        .await
        .expect("a superuser may");
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_of_another_name_is_refused() {
    let (cluster, other) = (Fragile::start(), tempfile::tempdir().expect("a directory"));
    let directory = tempfile::tempdir().expect("a directory");
    shell(directory.path(), MAKE_CERTIFICATES);
    shell(other.path(), MAKE_CERTIFICATES);
    let data = cluster.directory().join("data");
    let take = format!(
        "cp server.crt server.key {data}/ && chmod 600 {data}/server.key && chown --reference={data}/PG_VERSION \
         {data}/server.crt {data}/server.key",
        data = data.display()
    );
    shell(directory.path(), &take);
    run(cluster.url(), "ALTER SYSTEM SET ssl = on").await;
    run(cluster.url(), "SELECT pg_reload_conf()").await;
    let options = PostgresOptions::new(cluster.url()).expect("a URL");
    PostgresStore::migrate(&options).await.expect("the tables are made");

    let (_, place) = cluster.url().split_once("127.0.0.1").expect("an address");
    let open = async |host: &str, authority: &Path| {
        let authority = authority.join("authority.crt");
        let url = format!(
            "postgres://postgres@{host}{place}?sslmode=verify-full&sslrootcert={}",
            authority.display()
        );
        PostgresStore::open(&PostgresOptions::new(&url).expect("a URL")).await
    };
    let store = open("localhost", directory.path())
        .await
        .expect("the certificate is right");
    // A snapshot leaves its session in the pool.
    assert_eq!(
        store.last_event(&crate::conformance::warehouse::place()).await.ok(),
        Some(None)
    );
    let mut connection = PgConnection::connect(cluster.url()).await.expect("the cluster runs");
    let encrypted: Vec<bool> = sqlx::query_scalar(
        "SELECT s.ssl FROM pg_stat_ssl AS s JOIN pg_stat_activity AS a USING (pid) WHERE a.application_name = 'holdfast'",
    )
    .fetch_all(&mut connection)
    .await
    .expect("sessions can be seen");
    assert!(
        !encrypted.is_empty() && encrypted.iter().all(|is_encrypted| *is_encrypted),
        "{encrypted:?}"
    );
    let refused = open("localhost", other.path()).await.expect_err("another authority");
    assert!(refused.to_string().contains("certificate"), "{refused}");
    let refused = open("127.0.0.1", directory.path()).await.expect_err("another name");
    assert!(refused.to_string().contains("certificate"), "{refused}");
}
