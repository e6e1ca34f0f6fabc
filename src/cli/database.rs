//! Opening the database that settings name, and `holdfast migrate`.

use std::sync::Arc;

use anyhow::Context;

use super::output::line;
use crate::config::{Database, DatabaseArgs};
use crate::store::Store;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::{SqliteOptions, SqliteStore};

/// Opens a database to serve it.
///
/// # Errors
/// When it cannot be reached, is in use, or has other tables than this version knows.
pub async fn open(database: &Database) -> anyhow::Result<Arc<dyn Store>> {
    let opened: Result<Arc<dyn Store>, _> = match database {
        Database::Sqlite(path) => SqliteStore::open(&SqliteOptions::new(path)).map(|store| Arc::new(store) as _),
        Database::Postgres(options) => PostgresStore::open(options).await.map(|store| Arc::new(store) as _),
    };
    opened.with_context(|| format!("the database {} cannot be opened", database.place()))
}

/// Makes the tables of a database, or brings them up to date.
///
/// # Errors
/// When it cannot be reached, has tables of a newer version, or refuses.
pub fn migrate(args: DatabaseArgs) -> anyhow::Result<()> {
    let database = args.resolve()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no runtime")?.block_on(async {
        match &database {
            // Opening the file is enough.
            Database::Sqlite(_) => open(&database).await?.close().await,
            Database::Postgres(options) => PostgresStore::migrate(options)
                .await
                .with_context(|| format!("the tables of {} cannot be made", database.place()))?,
        }
        line(&format!("the tables of {} are up to date", database.place()));
        Ok(())
    })
}
