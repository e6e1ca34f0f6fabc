//! Which database, and how it is used.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::super::StoreError;
use super::answers::SILENCE_MAX;

/// How long a reader waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// Which database, and how many connections.
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) connect: PgConnectOptions,
    /// Rounds that run side by side, at least one.
    pub lanes: usize,
    /// Connections for snapshots and lists, at least one.
    pub readers: u32,
    /// Whether statements are kept prepared.
    pub(super) is_persistent: bool,
    /// How long the server may be silent before it is taken for gone; a minute and a quarter, longer than it
    /// lets a statement run.
    pub silence_max: Duration,
}

impl fmt::Debug for PostgresOptions {
    /// Keeps address and password out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("lanes", &self.lanes)
            .field("readers", &self.readers)
            .finish_non_exhaustive()
    }
}

const UNREADABLE: &str = "the database's URL cannot be read";

/// What a URL may say after its `?`.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

fn is_parameter(name: &str) -> bool {
    // `options[search_path]`, whose bracket may be encoded.
    let is_option = |begin: &&str| name.starts_with(begin);
    let is_option = ["options[", "options%5B", "options%5b"].iter().any(is_option);
    is_option || PARAMETERS.contains(&name)
}

/// Refuses what the library would pass over, after a warning that holds its value.
fn check_parameters(url: &str) -> Result<(), String> {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters).split('&');
    let mut names = parameters.map(|parameter| parameter.split('=').next().unwrap_or_default());
    let Some(unknown) = names.find(|name| !name.is_empty() && !is_parameter(name)) else {
        return Ok(());
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !unknown.bytes().all(is_name) {
        // It may be part of a password.
        return Err(UNREADABLE.to_owned());
    }
    let known = PARAMETERS.join(", ");
    Err(format!(
        "the database's URL has the parameter {unknown:?}, which there is not: {known} are known"
    ))
}

impl PostgresOptions {
    /// The database of a URL, as libpq knows them. With `statement-cache-capacity=0` no statement is kept prepared, for a
    /// pooler in transaction mode.
    ///
    /// # Errors
    /// It is no URL of PostgreSQL's. The text does not repeat it: it may hold a password.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        check_parameters(url).map_err(StoreError::Unavailable)?;
        let connect = PgConnectOptions::from_str(url);
        let connect = connect.map_err(|_| StoreError::Unavailable(UNREADABLE.to_owned()))?;
        Ok(Self {
            // No number with a fraction is read, and a pooler may refuse settings that it does not know.
            connect: connect.application_name("holdfast").extra_float_digits(None),
            lanes: 2,
            readers: 4,
            silence_max: SILENCE_MAX,
            is_persistent: !url.contains("statement-cache-capacity=0"),
        })
    }

    /// Connections to read on, each of which is told of when it is made.
    pub(super) fn readers_pool(&self, made: impl Fn() + Send + Sync + 'static) -> PgPool {
        PgPoolOptions::new()
            .max_connections(self.readers.max(1))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(move |_, _| {
                made();
                Box::pin(std::future::ready(Ok(())))
            })
            .connect_lazy_with(self.connect.clone())
    }

    /// Where it is, without user and password.
    #[must_use]
    pub fn place(&self) -> String {
        let (host, port) = (self.connect.get_host(), self.connect.get_port());
        format!(
            "postgres://{host}:{port}/{}",
            self.connect.get_database().unwrap_or_default()
        )
    }

    /// With a password that is kept apart from the URL.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.connect = self.connect.password(password);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_there_is_not_is_refused_by_name_and_its_value_not_said() {
        let refusal = |url: &str| PostgresOptions::new(url).expect_err(url).to_string();
        for (parameters, name) in [
            ("sslmodee=verify-full", "\"sslmodee\""),
            ("sslmode=verify-full&pasword=sekret", "\"pasword\""),
        ] {
            let said = refusal(&format!("postgres://shop@db/shop?{parameters}"));
            assert!(said.contains(name), "{said}");
            assert!(!said.contains("sekret"), "{said}");
        }
        for url in [
            "postgres://shop:se?kret@db/shop",
            "postgres://db/shop?%70assword=sekret",
        ] {
            let said = refusal(url);
            assert!(!said.contains("kret") && !said.contains("70assword"), "{said}");
        }
        for option in [
            "options[search_path]=shop",
            "options%5Bsearch_path%5D=shop",
            "options=-csearch_path%3Dshop",
        ] {
            let known = format!("postgres://shop@db/shop?sslmode=verify-full&statement-cache-capacity=0&{option}");
            assert!(PostgresOptions::new(&known).is_ok(), "{option}");
        }
    }
}
