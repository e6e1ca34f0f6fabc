//! Settings: flags, then the environment, then a TOML file, then defaults.

mod database;

pub use database::{Database, DatabaseArgs};

use database::DatabaseSettings;

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::grpc::StreamSettings;
use crate::sequencer::Limits;
use crate::server::ServerOptions;

/// The settings of `holdfast serve`. A flag wins over the environment, that over the file, that over the default.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServeArgs {
    /// A TOML file with settings named like the flags, with underscores; `holdfast.toml` is read if it is there.
    #[arg(long, env = "HOLDFAST_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

pub use keep::Keep;

mod keep;

/// Each setting, where it is given.
#[derive(Debug, Clone, Default, Deserialize, clap::Args)]
struct Settings {
    #[serde(flatten)]
    #[command(flatten)]
    database: DatabaseSettings,
    /// What the file names and nothing knows.
    #[serde(flatten)]
    #[arg(skip)]
    unknown: BTreeMap<String, config::Value>,
    /// Where to listen, an address or a host name with a port; port 0 takes a free one [default: 127.0.0.1:50051]
    #[arg(long, env = "HOLDFAST_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// The most commands of one round [default: 1024, at most 10000]
    #[arg(long, env = "HOLDFAST_ROUND_COMMANDS_MAX", value_name = "N")]
    round_commands_max: Option<usize>,
    /// The most commands that wait for a round; more are refused as OVERLOADED [default: 8192]
    #[arg(long, env = "HOLDFAST_QUEUE_COMMANDS_MAX", value_name = "N")]
    queue_commands_max: Option<usize>,
    /// The most connections at a time [default: 4096]
    #[arg(long, env = "HOLDFAST_CONNECTIONS_MAX", value_name = "N")]
    connections_max: Option<usize>,
    /// How long open calls may go on after SIGTERM or SIGINT, in seconds [default: 10]
    #[arg(long, env = "HOLDFAST_GRACE_SECONDS", value_name = "SECONDS")]
    grace_seconds: Option<u64>,
    /// The age up to which events are kept, such as 90d, 12h or 30m; older ones are removed every hour [default: all are kept]
    #[arg(long, env = "HOLDFAST_KEEP_EVENTS", value_name = "AGE")]
    keep_events: Option<Keep>,
    /// The most streams of one connection at a time; more are refused as OVERLOADED [default: 256]
    #[arg(long, env = "HOLDFAST_STREAMS_PER_CONNECTION_MAX", value_name = "N")]
    streams_per_connection_max: Option<usize>,
    /// The most streams at a time; more are refused as OVERLOADED [default: 4096]
    #[arg(long, env = "HOLDFAST_STREAMS_MAX", value_name = "N")]
    streams_max: Option<usize>,
    /// Threads that read and write calls; rounds and the database have their own [default: 1]
    #[arg(long, env = "HOLDFAST_GRPC_THREADS", value_name = "N")]
    grpc_threads: Option<usize>,
}

/// What `holdfast serve` runs with.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Its database.
    pub database: Database,
    /// How the server runs.
    pub server: ServerOptions,
    /// Threads that read and write calls.
    pub grpc_threads: usize,
    /// The age up to which events are kept; `None` for all.
    pub keep_events: Option<Keep>,
}

impl ServeArgs {
    /// Reads the file and settles every setting.
    ///
    /// # Errors
    /// When the file cannot be read or has a setting that is not known, or a setting is out of range.
    pub fn resolve(self) -> anyhow::Result<ServeConfig> {
        let file = read_file(self.config.as_deref())?;
        let given = self.settings;
        let defaults = ServerOptions::default();
        let round_commands_max = given.round_commands_max.or(file.round_commands_max);
        let queue_commands_max = given.queue_commands_max.or(file.queue_commands_max);
        let limits = Limits {
            round_commands_max: within(
                "round_commands_max",
                round_commands_max,
                defaults.limits.round_commands_max,
                10_000,
            )?,
            queue_commands_max: within(
                "queue_commands_max",
                queue_commands_max,
                defaults.limits.queue_commands_max,
                1_000_000,
            )?,
        };
        let connections = given.connections_max.or(file.connections_max);
        let grace = given.grace_seconds.or(file.grace_seconds);
        let streams = streams(&given, &file)?;
        let listen = given.listen.or(file.listen);
        let server = ServerOptions {
            listen: listen.map_or(Ok(defaults.listen), |text| socket_address(&text))?,
            limits,
            connections_max: within("connections_max", connections, defaults.connections_max, 1_000_000)?,
            grace: grace.map_or(defaults.grace, Duration::from_secs),
            streams,
        };
        let grpc_threads = within("grpc_threads", given.grpc_threads.or(file.grpc_threads), 1, 1_024)?;
        Ok(ServeConfig {
            database: given.database.or(file.database).resolve()?,
            server,
            grpc_threads,
            keep_events: given.keep_events.or(file.keep_events),
        })
    }
}

/// What bounds streams.
fn streams(given: &Settings, file: &Settings) -> anyhow::Result<StreamSettings> {
    let defaults = StreamSettings::default();
    let in_all = given.streams_max.or(file.streams_max);
    let of_each = given.streams_per_connection_max.or(file.streams_per_connection_max);
    let of_each = within(
        "streams_per_connection_max",
        of_each,
        defaults.streams_per_connection_max,
        1_000_000,
    )?;
    Ok(StreamSettings {
        streams_max: within("streams_max", in_all, defaults.streams_max, 1_000_000)?,
        streams_per_connection_max: of_each,
        ..defaults
    })
}

fn within(name: &str, given: Option<usize>, default: usize, max: usize) -> anyhow::Result<usize> {
    let value = given.unwrap_or(default);
    if !(1..=max).contains(&value) {
        bail!("{name} is {value}, must be 1 to {max}");
    }
    Ok(value)
}

/// The address that a text names. Of a host name with several, one of the older kind: whoever calls `localhost` tries
/// it in any case.
fn socket_address(text: &str) -> anyhow::Result<SocketAddr> {
    let found = text.to_socket_addrs().with_context(|| {
        format!("listen is {text:?}, must be an address or a host name with a port, such as 127.0.0.1:50051")
    })?;
    let found: Vec<_> = found.collect();
    let chosen = found.iter().find(|address| address.is_ipv4()).or(found.first());
    chosen
        .copied()
        .with_context(|| format!("listen is {text:?}, which has no address"))
}

fn read_file(named: Option<&Path>) -> anyhow::Result<Settings> {
    let default = Path::new("holdfast.toml");
    let Some(path) = named.or_else(|| default.exists().then_some(default)) else {
        return Ok(Settings::default());
    };
    let source = config::File::from(path).format(config::FileFormat::Toml);
    let settings = config::Config::builder()
        .add_source(source)
        .build()
        .and_then(config::Config::try_deserialize);
    let settings: Settings = settings.with_context(|| format!("the settings in {} cannot be used", path.display()))?;
    let unknown: Vec<_> = settings.unknown.keys().map(String::as_str).collect();
    if !unknown.is_empty() {
        bail!(
            "{} sets {}, which is no setting: see `holdfast serve --help`",
            path.display(),
            unknown.join(", ")
        );
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("settings.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:1\"\nround_commands_max = 7\n").expect("a file");
        let settings = Settings {
            listen: Some("127.0.0.1:2".to_owned()),
            ..Settings::default()
        };
        let resolved = ServeArgs {
            config: Some(path),
            settings,
        }
        .resolve()
        .expect("settings");
        assert_eq!(resolved.server.listen.port(), 2);
        assert_eq!(resolved.server.limits.round_commands_max, 7);
        assert_eq!(
            resolved.server.limits.queue_commands_max,
            Limits::default().queue_commands_max
        );
    }

    #[test]
    fn a_setting_that_is_not_known_or_out_of_range_is_refused_by_name() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("settings.toml");
        std::fs::write(&path, "lissten = \"127.0.0.1:1\"\n").expect("a file");
        let refused = ServeArgs {
            config: Some(path),
            ..ServeArgs::default()
        }
        .resolve()
        .expect_err("unknown");
        assert!(format!("{refused:#}").contains("lissten"), "{refused:#}");
        let settings = Settings {
            round_commands_max: Some(0),
            ..Settings::default()
        };
        let refused = ServeArgs { config: None, settings }
            .resolve()
            .expect_err("out of range");
        assert!(format!("{refused:#}").contains("round_commands_max"), "{refused:#}");
    }

    #[test]
    fn an_address_to_listen_on_may_be_a_host_name() {
        let address = socket_address("localhost:50051").expect("an address");
        assert!(address.ip().is_loopback() && address.port() == 50_051, "{address}");
        assert_eq!(socket_address("[::1]:7").expect("an address").port(), 7);
        for text in ["50051", "localhost", "", "localhost:99999"] {
            let refused = socket_address(text).expect_err("no address");
            assert!(format!("{refused:#}").contains("listen is"), "{refused:#}");
        }
    }
}
