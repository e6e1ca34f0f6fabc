//! Which database: a file, or PostgreSQL, whose password is never among the arguments.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::{read_file, within};
use crate::store::postgres::PostgresOptions;

/// The database where none is named.
const DEFAULT_URL: &str = "sqlite:holdfast.db";

/// A database.
#[derive(Debug, Clone)]
pub enum Database {
    /// The embedded one, in a file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<PostgresOptions>),
}

/// Which database, where that is said.
#[derive(Debug, Clone, Default, Deserialize, clap::Args)]
pub(super) struct DatabaseSettings {
    /// The database: a file such as `sqlite:///var/lib/holdfast/holdfast.db`, or a relative path after `sqlite:`; or
    /// `postgres://user@host/name?sslmode=verify-full` [default: sqlite:holdfast.db]
    #[arg(long, env = "HOLDFAST_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// A file that holds the password of PostgreSQL; it may be in the URL too, unless that is an argument
    #[arg(long, env = "HOLDFAST_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    database_password_file: Option<PathBuf>,
    /// Rounds of different locations that run side by side on PostgreSQL [default: 2, at most 64]
    #[arg(long, env = "HOLDFAST_DATABASE_LANES", value_name = "N")]
    database_lanes: Option<usize>,
    /// Connections of PostgreSQL for reads [default: 4, at most 1000]
    #[arg(long, env = "HOLDFAST_DATABASE_READERS", value_name = "N")]
    database_readers: Option<usize>,
}

/// The arguments of a command that works on a database alone.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DatabaseArgs {
    /// A TOML file with settings named like the flags, with underscores; `holdfast.toml` is read if it is there.
    #[arg(long, env = "HOLDFAST_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: DatabaseSettings,
}

impl DatabaseArgs {
    /// Reads the file and settles which database is meant.
    ///
    /// # Errors
    /// When the file cannot be read, or the settings cannot be used.
    pub fn resolve(self) -> anyhow::Result<Database> {
        let file = read_file(self.config.as_deref())?;
        self.settings.or(file.database).resolve()
    }
}

impl Database {
    /// The database of a URL, with no other setting.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn named(url: &str) -> anyhow::Result<Self> {
        let settings = DatabaseSettings {
            database_url: Some(url.to_owned()),
            ..DatabaseSettings::default()
        };
        settings.resolve()
    }

    /// Where the data is, without secrets.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(options) => options.place(),
        }
    }
}

impl DatabaseSettings {
    /// What is said here, and for the rest what is said there.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            database_url: self.database_url.or(other.database_url),
            database_password_file: self.database_password_file.or(other.database_password_file),
            database_lanes: self.database_lanes.or(other.database_lanes),
            database_readers: self.database_readers.or(other.database_readers),
        }
    }

    pub(super) fn resolve(self) -> anyhow::Result<Database> {
        let url = self.database_url.unwrap_or_else(|| DEFAULT_URL.to_owned());
        if let Some(path) = url.strip_prefix("sqlite:") {
            return sqlite_path(path).map(Database::Sqlite);
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            let scheme = url.split(':').next().unwrap_or_default();
            bail!(
                "database_url begins with {scheme:?}, must begin with \"sqlite:\", such as sqlite:holdfast.db, or with \
                 \"postgres://\""
            );
        }
        if has_password(&url) && env::args().any(|argument| argument.contains(&url)) {
            bail!(
                "the password in database_url can be seen by everybody who lists processes: give the URL as \
                 HOLDFAST_DATABASE_URL or in the settings file, or the password in database_password_file"
            );
        }
        let mut options = PostgresOptions::new(&url)?;
        if let Some(file) = &self.database_password_file {
            options = options.with_password(&password(file)?);
        }
        options.lanes = within("database_lanes", self.database_lanes, options.lanes, 64)?;
        let readers = usize::try_from(options.readers).unwrap_or(usize::MAX);
        let readers = within("database_readers", self.database_readers, readers, 1_000)?;
        options.readers = u32::try_from(readers).context("database_readers")?;
        Ok(Database::Postgres(Box::new(options)))
    }
}

/// Whether a URL names a password before its host, or among its parameters.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':')) || url.contains("password=")
}

fn password(file: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("database_password_file {}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The file that a URL names after `sqlite:`.
fn sqlite_path(path: &str) -> anyhow::Result<PathBuf> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains(['?', '#']) {
        bail!("database_url must name a file after \"sqlite:\", without parameters");
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_or_a_server() {
        let path = |url: &str| match Database::named(url) {
            Ok(Database::Sqlite(path)) => path,
            other => panic!("{url} is {other:?}"),
        };
        assert_eq!(path("sqlite:holdfast.db"), PathBuf::from("holdfast.db"));
        assert_eq!(path("sqlite:///data/h.db"), PathBuf::from("/data/h.db"));
        assert!(Database::named("mysql://x").is_err());
        assert!(Database::named("sqlite:").is_err());
        assert!(matches!(
            Database::named("postgres://shop@db.example/shop?sslmode=verify-full"),
            Ok(Database::Postgres(_))
        ));
    }

    #[test]
    fn a_password_is_seen_wherever_it_stands_and_never_shown() {
        assert!(has_password("postgres://shop:secret@db/shop"));
        assert!(has_password("postgres://db/shop?user=a&password=secret"));
        assert!(!has_password("postgres://shop@db:5432/shop"));
        let database = Database::named("postgres://shop:hidden@db/shop").expect("a database");
        assert!(!format!("{database:?} {}", database.place()).contains("hidden"));
    }
}
