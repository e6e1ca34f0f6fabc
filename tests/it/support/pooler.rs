//! `PgBouncer` in transaction mode, before the database of a test.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

use super::postgres::Postgres;

/// How long it may take to start, in steps.
const START_STEPS: usize = 500;
const START_STEP: Duration = Duration::from_millis(20);

/// A pooler, killed and reaped when it is dropped.
#[derive(Debug)]
pub(crate) struct Pooler {
    address: SocketAddr,
    database: String,
    child: Child,
    _directory: TempDir,
}

impl Pooler {
    /// Starts it before a database. Few sessions go round, so that transactions of one connection run on several.
    pub(crate) fn start(database: &Postgres) -> Self {
        let options: PgConnectOptions = database.url().parse().expect("the URL of a test's database");
        let directory = tempfile::tempdir().expect("a directory");
        // PgBouncer does not run as root, so that another user has to find its settings.
        let everybody = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), everybody).expect("the directory is ours");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let settings = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n{name} = host={host} port={port} user={user}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {listen}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = 3\nserver_round_robin = 1\nlog_connections = 0\nlog_disconnections = 0\n",
            name = database.name(),
            host = options.get_host(),
            port = options.get_port(),
            user = options.get_username(),
            listen = address.port(),
        );
        fs::write(&settings, text).expect("a file");
        let mut command = Command::new("/usr/sbin/pgbouncer");
        if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            command.args(["-u", "postgres"]);
        }
        let child = command.arg("-q").arg(&settings).stdin(Stdio::null()).spawn();
        let child = child.expect("pgbouncer can be run: scripts/test installs what tests need");
        let pooler = Self {
            address,
            database: database.name().to_owned(),
            child,
            _directory: directory,
        };
        pooler.wait();
        pooler
    }

    fn wait(&self) {
        for _ in 0..START_STEPS {
            if TcpStream::connect(self.address).is_ok() {
                return;
            }
            thread::sleep(START_STEP);
        }
        panic!("pgbouncer does not listen");
    }

    /// Where it is, for a store that keeps no statements prepared.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgres://holdfast@{}/{}?statement-cache-capacity=0&sslmode=disable",
            self.address, self.database
        )
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
