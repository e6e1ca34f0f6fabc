//! The server that is measured: a process of its own, on a new database.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use holdfast::proto::holdfast::v1 as pb;
use holdfast::proto::holdfast::v1::catalog_service_client::CatalogServiceClient;
use holdfast::proto::holdfast::v1::warehouse_service_client::WarehouseServiceClient;
use sqlx::{Connection as _, PgConnection};
use tonic::transport::{Channel, Endpoint};

use crate::orders::{LOCATIONS, receipt};

/// How much of `/proc` one tick of CPU time is: Linux counts 100 a second.
const TICK_US: u64 = 10_000;

/// A PostgreSQL of its own, stopped when it is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    directory: PathBuf,
    url: String,
}

impl Cluster {
    /// Starts one that is new.
    pub(crate) fn start() -> Self {
        // Its owner must be able to enter the directory, and a socket's path is short.
        let directory = std::env::temp_dir().join(format!("holdfast-streams.{}", std::process::id()));
        let url = postgres("start", &directory, Some(std::process::id()))
            .trim()
            .to_owned();
        Self { directory, url }
    }

    /// The URL of a new database.
    async fn database(&self) -> String {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("streams_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url).await.expect("the cluster answers");
        let statement = format!("CREATE DATABASE {name} TEMPLATE template0");
        let made = sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await;
        made.expect("a database");
        let (server, _) = self.url.rsplit_once('/').expect("a URL names a database");
        format!("{server}/{name}")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        postgres("stop", &self.directory, None);
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

fn postgres(what: &str, directory: &Path, owner: Option<u32>) -> String {
    let mut script = Command::new("scripts/postgres");
    script.arg(what).arg(directory).args(owner.map(|id| id.to_string()));
    let said = script.stderr(Stdio::inherit()).output();
    String::from_utf8(said.expect("scripts/postgres runs").stdout).expect("a URL")
}

/// Where the servers of a measurement keep their data.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A file.
    Sqlite,
    /// A database of a cluster.
    Postgres(Arc<Cluster>),
}

impl Place {
    /// What measurements say of it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

/// A server, killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Its address.
    pub(crate) address: String,
    database_url: String,
    _directory: Option<tempfile::TempDir>,
    place: Place,
}

/// The program: `HOLDFAST` names another one to be measured.
fn program() -> Command {
    let other = std::env::var_os("HOLDFAST");
    Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_holdfast").into()))
}

impl Server {
    /// A server on a new database, with an item and its locations.
    pub(crate) async fn start(place: &Place) -> Self {
        let (database_url, directory) = match place {
            Place::Sqlite => {
                let directory = tempfile::tempdir_in("target").expect("a directory");
                let url = format!("sqlite:{}", directory.path().join("bench.db").display());
                (url, Some(directory))
            }
            Place::Postgres(cluster) => (cluster.database().await, None),
        };
        let migrated = program().args(["migrate", "--database-url", &database_url]).output();
        assert!(migrated.expect("the program runs").status.success(), "tables are made");
        let server = Self::on(database_url, directory, place);
        server.set_up().await;
        server
    }

    /// Another server on the same database.
    pub(crate) fn beside(&self) -> Self {
        Self::on(self.database_url.clone(), None, &self.place)
    }

    fn on(database_url: String, directory: Option<tempfile::TempDir>, place: &Place) -> Self {
        let mut child = program()
            .args(["serve", "--listen", "127.0.0.1:0", "--database-url", &database_url])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut said = stdout.lines().map_while(Result::ok);
        let address = said.find_map(|line| Some(line.split_once("listening on ")?.1.split(',').next()?.to_owned()));
        Self {
            child,
            address: address.expect("the server listens"),
            database_url,
            _directory: directory,
            place: place.clone(),
        }
    }

    fn endpoint(&self) -> Endpoint {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).expect("an address");
        endpoint.tcp_nodelay(true)
    }

    /// A connection.
    pub(crate) async fn connect(&self) -> Channel {
        self.endpoint().connect().await.expect("a connection")
    }

    /// A connection whose client takes 64 KiB and no more until they are read; by default it would take megabytes.
    pub(crate) async fn connect_narrow(&self) -> Channel {
        let narrow = self
            .endpoint()
            .initial_stream_window_size(65_535)
            .initial_connection_window_size(65_535);
        narrow.connect().await.expect("a connection")
    }

    async fn set_up(&self) {
        let channel = self.connect().await;
        let (mut catalog, mut warehouse) = (
            CatalogServiceClient::new(channel.clone()),
            WarehouseServiceClient::new(channel),
        );
        let item = pb::Item {
            sku: "A".to_owned(),
            ..pb::Item::default()
        };
        let request = pb::PutItemRequest { item: Some(item) };
        catalog.put_item(request).await.expect("an item");
        for number in 0..LOCATIONS {
            self.put_location(number).await;
            for at in 0..10 {
                let receipt = receipt(number, &format!("stock-{at}"), 1_000_000);
                warehouse.receive_stock(receipt).await.expect("a receipt");
            }
        }
    }

    /// Makes a location.
    pub(crate) async fn put_location(&self, number: u64) {
        let location = pb::Location {
            location_id: format!("L{number}"),
            time_zone: "UTC".to_owned(),
            ..pb::Location::default()
        };
        let request = pb::PutLocationRequest {
            location: Some(location),
        };
        let mut catalog = CatalogServiceClient::new(self.connect().await);
        catalog.put_location(request).await.expect("a location");
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = resident.and_then(|text| text.split_whitespace().next());
        number.and_then(|text| text.parse().ok()).expect("its resident memory")
    }

    /// CPU time that it has spent, in user and kernel.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("its times");
        let (_, fields) = stat.rsplit_once(')').expect("the name of the program");
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().expect("a number"))
            .sum();
        Duration::from_micros(ticks.saturating_mul(TICK_US))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
