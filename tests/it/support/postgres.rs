//! Databases of PostgreSQL for tests: each new, empty, and dropped at the end.
//!
//! They are made on the cluster that `HOLDFAST_TEST_POSTGRES_URL` names, or on one that is started for them.

use std::borrow::Cow;
use std::env;
use std::future::Future;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use holdfast::store::postgres::{PostgresOptions, PostgresStore};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, SqlSafeStr};
use tempfile::TempDir;

use super::partitions::partitioned;
use super::process::{output_of, text};

/// Names the cluster of a whole run.
const CLUSTER_URL: &str = "HOLDFAST_TEST_POSTGRES_URL";

/// The migrations as they are compiled in.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations/postgres");

/// A database of one test, dropped with everything in it when this is.
#[derive(Debug)]
pub(crate) struct Postgres {
    url: String,
    name: String,
    cluster: Cluster,
}

impl Postgres {
    /// An empty database.
    pub(crate) fn database() -> Self {
        let cluster = Cluster::of_this_run();
        let name = format!("holdfast_test_{:032x}", SmallRng::from_os_rng().random::<u128>());
        execute(
            cluster.url(),
            format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"),
        );
        Self {
            url: with_database(cluster.url(), &name),
            name,
            cluster,
        }
    }

    /// A database with every table.
    pub(crate) fn migrated_database() -> Self {
        let database = Self::database();
        migrate(database.url(), &MIGRATIONS);
        database
    }

    /// A database with every table, those of a location in partitions by their location.
    ///
    /// Its migrations are recorded like any other's, so that Holdfast knows the schema.
    pub(crate) fn partitioned_database() -> Self {
        let mut migrations = MIGRATIONS.iter().cloned().collect::<Vec<_>>();
        for migration in &mut migrations {
            // The checksum stays that of the file.
            migration.sql = AssertSqlSafe(partitioned(migration.sql.as_str())).into_sql_str();
        }
        let database = Self::database();
        let migrator = Migrator {
            migrations: Cow::Owned(migrations),
            ..Migrator::DEFAULT
        };
        migrate(database.url(), &migrator);
        database
    }

    /// Where it is, as `postgres://user@host:port/name`, for a superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where it is, for another role that may log in.
    pub(crate) fn url_as(&self, role: &str) -> String {
        let (scheme, rest) = self.url.split_once("://").expect("a URL has a scheme");
        let server = rest.split_once('@').map_or(rest, |(_, server)| server);
        format!("{scheme}://{role}@{server}")
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url)
            .await
            .expect("the database was made and takes connections")
    }

    /// A connection to it as another role that may log in.
    pub(crate) async fn connect_as(&self, role: &str) -> PgConnection {
        let options: PgConnectOptions = self.url.parse().expect("the URL was made by this module");
        PgConnection::connect_with(&options.username(role))
            .await
            .expect("the role may connect")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        execute(
            self.cluster.url(),
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
    }
}

/// A store on a database, with its tables made if they are not there.
pub(crate) async fn open(database: &Postgres) -> PostgresStore {
    let options = PostgresOptions::new(database.url()).expect("the URL was made by this module");
    PostgresStore::migrate(&options).await.expect("the tables are made");
    PostgresStore::open(&options).await.expect("the store opens")
}

/// A store on the database of a URL, with its tables made.
pub(crate) async fn open_at(url: &str) -> PostgresStore {
    let options = PostgresOptions::new(url).expect("the URL was made by a test");
    PostgresStore::open(&options).await.expect("the store opens")
}

/// A cluster of one test, which may end and start again.
#[derive(Debug)]
pub(crate) struct Fragile(OwnCluster);

impl Fragile {
    /// Starts it.
    pub(crate) fn start() -> Self {
        Self(OwnCluster::start())
    }

    /// Its database, without tables.
    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    /// Where its files are.
    pub(crate) fn directory(&self) -> &Path {
        self.0.directory.path()
    }

    /// Ends it without a word, with a signal such as `KILL` or, for all of its processes at once, `QUIT`, and waits until its
    /// first process is gone.
    pub(crate) fn end(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.0.directory.path().join("data/postmaster.pid"));
        let pid = pid.expect("a running cluster says who it is");
        let pid = pid.lines().next().expect("its first line is a process").to_owned();
        let send = |signal: &str| {
            let sent = output_of(Command::new("kill").args(["-s", signal, &pid]));
            sent.status.success()
        };
        assert!(send(signal), "the cluster is gone already");
        // Signal 0 asks whether there is somebody to take it.
        while send("0") {
            thread::sleep(RESTART_REST);
        }
    }

    /// Starts it again where it was. Processes that a killed one left may have to end first.
    pub(crate) fn start_again(&self) {
        for _ in 0..RESTARTS_MAX {
            let output = run_script("start", self.0.directory.path(), Some(std::process::id()));
            if output.status.success() {
                assert_eq!(text(&output).trim(), self.0.url, "it starts where it was");
                return;
            }
            thread::sleep(RESTART_REST);
        }
        panic!("the cluster does not start again");
    }
}

/// How often, and how fast, a cluster that was killed is started again.
const RESTARTS_MAX: usize = 100;
const RESTART_REST: Duration = Duration::from_millis(100);

/// A running PostgreSQL.
#[derive(Debug, Clone)]
enum Cluster {
    /// Somebody else starts and stops it.
    Named(String),
    /// The tests of this process share it; the last to end stops it.
    Own(Arc<OwnCluster>),
}

impl Cluster {
    fn of_this_run() -> Self {
        static STARTED: Mutex<Weak<OwnCluster>> = Mutex::new(Weak::new());
        if let Ok(url) = env::var(CLUSTER_URL) {
            return Self::Named(url);
        }
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = started.upgrade().unwrap_or_else(|| {
            let cluster = Arc::new(OwnCluster::start());
            *started = Arc::downgrade(&cluster);
            cluster
        });
        Self::Own(cluster)
    }

    fn url(&self) -> &str {
        match self {
            Self::Named(url) => url,
            Self::Own(cluster) => &cluster.url,
        }
    }
}

/// A cluster in a directory of its own, stopped when it is dropped.
#[derive(Debug)]
struct OwnCluster {
    url: String,
    directory: TempDir,
}

impl OwnCluster {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory for the cluster can be made");
        let url = start_for(directory.path(), std::process::id());
        Self { url, directory }
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        cluster_script("stop", self.directory.path(), None);
    }
}

/// Starts a cluster that ends with a process, and answers its URL.
pub(crate) fn start_for(directory: &Path, owner: u32) -> String {
    cluster_script("start", directory, Some(owner))
}

fn run_script(task: &str, directory: &Path, owner: Option<u32>) -> Output {
    let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres"));
    script.arg(task).arg(directory).args(owner.map(|id| id.to_string()));
    output_of(&mut script)
}

/// Runs `scripts/postgres` and answers with what it printed.
fn cluster_script(task: &str, directory: &Path, owner: Option<u32>) -> String {
    let output = run_script(task, directory, owner);
    assert!(
        output.status.success(),
        "scripts/postgres {task} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text(&output).trim().to_owned()
}

/// The URL of another database of the same cluster.
fn with_database(url: &str, name: &str) -> String {
    let (place, options) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = place.rsplit_once('/').expect("a URL names a database");
    let mark = if options.is_empty() { "" } else { "?" };
    format!("{server}/{name}{mark}{options}")
}

fn execute(url: &str, statement: String) {
    let url = url.to_owned();
    blocking(async move {
        let mut connection = PgConnection::connect(&url).await?;
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        connection.close().await
    });
}

fn migrate(url: &str, migrator: &Migrator) {
    let url = url.to_owned();
    let migrator = Migrator {
        migrations: migrator.migrations.clone(),
        ..Migrator::DEFAULT
    };
    blocking(async move {
        let mut connection = PgConnection::connect(&url).await?;
        migrator.run_direct(None, &mut connection, false).await?;
        connection.close().await
    });
}

/// Runs database work to its end, inside a runtime or outside: a value that is dropped cannot wait for a future.
fn blocking(work: impl Future<Output = Result<(), sqlx::Error>> + Send + 'static) {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be made").block_on(work)
    };
    let done = thread::spawn(run).join().expect("database work does not panic");
    assert!(
        done.is_ok() || thread::panicking(),
        "PostgreSQL refused what tests need: {done:?}"
    );
}

/// Waits until so many rounds wait for a lock.
pub(crate) async fn waiting(watcher: &mut PgConnection, rounds: i64) {
    let counted = "SELECT count(*) >= $1 FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while !sqlx::query_scalar::<_, bool>(counted)
        .bind(rounds)
        .fetch_one(&mut *watcher)
        .await
        .expect("an answer")
    {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
