//! What is checked of a database before it is used, and how its tables are made.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sqlx::Row as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;

use super::super::StoreError;
use super::PostgresOptions;
use super::answers::{connect, end, in_time};
use super::failures::classify;
use super::import;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// The oldest version that is known to work.
const VERSION_OLDEST: i32 = 150_000;

const BEGIN: &str = "-- begin
BEGIN";

const COMMIT: &str = "-- commit
COMMIT";

const SETTINGS: &str = "-- settings
SELECT current_setting('server_version_num')::int4, current_setting('fsync'), current_setting('full_page_writes'),
    current_setting('synchronous_commit'), pg_is_in_recovery(), current_setting('default_transaction_read_only')";

const APPLIED: &str = "-- applied
SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";

const DRAW_EPOCH: &str = "-- draw_epoch
INSERT INTO meta (singleton, epoch) VALUES (1, $1) ON CONFLICT (singleton) DO NOTHING";

const PUT_EPOCH: &str = "-- put_epoch
UPDATE meta SET epoch = $1";

const LOAD_EPOCH: &str = "-- load_epoch
SELECT epoch FROM meta";

/// Makes the tables, or brings them up to date.
///
/// # Errors
/// The database cannot be reached, has tables of a newer version, or refuses.
pub(super) async fn migrate(options: &PostgresOptions) -> Result<(), StoreError> {
    let mut connection = connect(options).await?;
    let migrated = MIGRATIONS.run(&mut connection).await.map_err(|error| {
        StoreError::Storage(if let MigrateError::VersionMissing(version) = error {
            newer(version)
        } else {
            format!("the tables cannot be brought up to date: {error}")
        })
    });
    migrated?;
    put_epoch(connection, options, DRAW_EPOCH).await
}

/// Gives the database another epoch.
///
/// # Errors
/// The database cannot be reached or written.
pub(super) async fn renew_epoch(options: &PostgresOptions) -> Result<(), StoreError> {
    put_epoch(connect(options).await?, options, PUT_EPOCH).await
}

async fn put_epoch(
    mut connection: PgConnection,
    options: &PostgresOptions,
    statement: &'static str,
) -> Result<(), StoreError> {
    let drawn: i64 = StdRng::from_os_rng().random_range(1..=i64::MAX);
    let put = async {
        run(&mut connection, BEGIN).await?;
        let query = sqlx::query(statement).persistent(false).bind(drawn);
        let drawn = query.execute(&mut connection).await;
        drawn.map_err(|error| classify(statement, &error))?;
        run(&mut connection, COMMIT).await
    };
    let put = in_time(options, put).await;
    end(connection).await;
    put
}

/// Checks a database, and answers its epoch.
///
/// # Errors
/// The database cannot be reached, is unsafe, only reads, or has other tables than this version knows.
pub(super) async fn check(options: &PostgresOptions) -> Result<u64, StoreError> {
    let mut connection = connect(options).await?;
    let epoch = in_time(options, find_epoch(&mut connection)).await;
    end(connection).await;
    epoch?.ok_or_else(|| StoreError::Storage("the database has no epoch: run `holdfast migrate`".to_owned()))
}

/// The epoch of a database that is checked. All of it is one transaction: a pooler may hand out another session after each,
/// and a statement is prepared before it is run.
async fn find_epoch(connection: &mut PgConnection) -> Result<Option<u64>, StoreError> {
    run(connection, BEGIN).await?;
    check_in_tx(connection).await?;
    if import::is_marked(connection).await? {
        return Err(StoreError::Storage(
            "a copy into the database is not finished: run `holdfast copy` again".to_owned(),
        ));
    }
    let query = sqlx::query(LOAD_EPOCH).persistent(false);
    let row = query.fetch_optional(&mut *connection).await;
    let row = row.map_err(|error| classify(LOAD_EPOCH, &error))?;
    run(connection, COMMIT).await?;
    let epoch = row.and_then(|row| row.try_get::<i64, _>(0).ok());
    Ok(epoch.and_then(|epoch| u64::try_from(epoch).ok()))
}

/// Checks a database that was checked before: it may have become another one since, as when one was copied into it.
///
/// # Errors
/// As for [`check`].
async fn check_again(connection: &mut PgConnection, epoch: u64) -> Result<(), StoreError> {
    if find_epoch(connection).await? != Some(epoch) {
        return Err(StoreError::Storage(
            "the database is another one than at the start, or its epoch was renewed: start anew".to_owned(),
        ));
    }
    Ok(())
}

async fn check_in_tx(connection: &mut PgConnection) -> Result<(), StoreError> {
    check_settings(connection).await?;
    check_tables(connection).await
}

/// Checks a database again on a connection, which is kept if it may be used and else ended: the server would note a transaction
/// that was left open.
async fn check_and_keep(
    mut connection: PgConnection,
    options: &PostgresOptions,
    epoch: u64,
) -> Result<PgConnection, StoreError> {
    match in_time(options, check_again(&mut connection, epoch)).await {
        Ok(()) => Ok(connection),
        Err(error) => {
            end(connection).await;
            Err(error)
        }
    }
}

/// Asks whether rounds can be run, on a connection that is kept.
#[derive(Debug, Default)]
pub(super) struct Prober(Mutex<Option<PgConnection>>);

impl Prober {
    /// Checks again what may have changed.
    ///
    /// # Errors
    /// As for [`check`].
    pub(super) async fn ready(&self, options: &PostgresOptions, epoch: u64) -> Result<(), StoreError> {
        let mut prober = self.0.lock().await;
        // One that was ended since is no sign that the next one would be.
        if let Some(connection) = prober.take() {
            *prober = check_and_keep(connection, options, epoch).await.ok();
        }
        if prober.is_none() {
            *prober = Some(check_and_keep(connect(options).await?, options, epoch).await?);
        }
        Ok(())
    }

    /// Ends its connection.
    pub(super) async fn close(&self) {
        if let Some(connection) = self.0.lock().await.take() {
            end(connection).await;
        }
    }
}

/// Runs a statement without parameters.
async fn run(connection: &mut PgConnection, statement: &'static str) -> Result<(), StoreError> {
    let ran = sqlx::raw_sql(statement).execute(connection).await;
    ran.map(|_| ()).map_err(|error| classify(statement, &error))
}

/// Refuses settings under which an acknowledged order could be lost.
async fn check_settings(connection: &mut PgConnection) -> Result<(), StoreError> {
    let said = |error: sqlx::Error| classify(SETTINGS, &error);
    let row = sqlx::query(SETTINGS)
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(said)?;
    let version: i32 = row.try_get(0).map_err(said)?;
    if version < VERSION_OLDEST {
        return Err(StoreError::Storage(format!(
            "PostgreSQL {version} is too old: {VERSION_OLDEST} or newer is needed"
        )));
    }
    for (at, name) in [(1, "fsync"), (2, "full_page_writes"), (3, "synchronous_commit")] {
        let value: String = row.try_get(at).map_err(said)?;
        if value == "off" {
            return Err(StoreError::Storage(format!(
                "{name} is off, so that acknowledged orders could be lost: set {name} = on"
            )));
        }
    }
    let (is_recovering, is_read_only): (bool, String) = (row.try_get(4).map_err(said)?, row.try_get(5).map_err(said)?);
    if is_recovering || is_read_only == "on" {
        return Err(StoreError::Unavailable(
            "the database only reads: it is a standby, or default_transaction_read_only is on".to_owned(),
        ));
    }
    Ok(())
}

/// Refuses tables that this version does not know.
async fn check_tables(connection: &mut PgConnection) -> Result<(), StoreError> {
    let rows = sqlx::query(APPLIED).persistent(false).fetch_all(connection).await;
    let rows = rows.map_err(|error| {
        let error = classify(APPLIED, &error);
        if matches!(error, StoreError::Refused { .. }) {
            let said = "the database has no tables of Holdfast's, or they may not be read: run `holdfast migrate`";
            return StoreError::Storage(said.to_owned());
        }
        error
    })?;
    let said = |error: sqlx::Error| classify(APPLIED, &error);
    let known: Vec<_> = MIGRATIONS.iter().collect();
    for (at, row) in rows.iter().enumerate() {
        let (version, checksum): (i64, Vec<u8>) = (row.try_get(0).map_err(said)?, row.try_get(1).map_err(said)?);
        match known.get(at) {
            None => return Err(StoreError::Storage(newer(version))),
            Some(migration) if migration.version == version && *migration.checksum == *checksum => {}
            Some(_) => {
                return Err(StoreError::Storage(format!(
                    "the database has another migration {version:04} than this version of Holdfast"
                )));
            }
        }
    }
    if rows.len() < known.len() {
        return Err(StoreError::Storage(
            "the tables are of an older version: run `holdfast migrate`".to_owned(),
        ));
    }
    Ok(())
}

fn newer(version: i64) -> String {
    format!("the database has migration {version:04}, which this version of Holdfast does not know: run a newer one")
}
