//! One suite for every store: what a round loads, decides and writes is the same on each of them.

mod audit;
mod days;
mod epochs;
mod estimates;
pub(crate) mod flows;
mod limits;
pub(crate) mod lists;
mod sqlite_file;
pub(crate) mod tentative;
pub(crate) mod warehouse;

/// Runs each named test of a module on a new database of each kind.
macro_rules! on_every_store {
    ($module:ident: $($test:ident)*) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    let database = crate::conformance::warehouse::Sqlite::new();
                    let store = database.open().await;
                    crate::conformance::$module::$test(&store).await;
                    crate::conformance::warehouse::assert_invariants(&store).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    let database = crate::support::postgres::Postgres::database();
                    let store = crate::support::postgres::open(&database).await;
                    crate::conformance::$module::$test(&store).await;
                    crate::conformance::warehouse::assert_invariants(&store).await;
                }
            )*
        }
        mod pooler {
            $(
                #[tokio::test]
                async fn $test() {
                    let database = crate::support::postgres::Postgres::migrated_database();
                    crate::support::postgres::open(&database).await;
                    let pooler = crate::support::pooler::Pooler::start(&database);
                    let store = crate::support::postgres::open_at(&pooler.url()).await;
                    crate::conformance::$module::$test(&store).await;
                    crate::conformance::warehouse::assert_invariants(&store).await;
                }
            )*
        }
        mod partitions {
            $(
                #[tokio::test]
                async fn $test() {
                    let database = crate::support::postgres::Postgres::partitioned_database();
                    let store = crate::support::postgres::open(&database).await;
                    crate::conformance::$module::$test(&store).await;
                    crate::conformance::warehouse::assert_invariants(&store).await;
                }
            )*
        }
    };
}
pub(crate) use on_every_store;
