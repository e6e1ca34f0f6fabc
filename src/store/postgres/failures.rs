//! What the failures of statements mean.

use super::super::StoreError;

/// The table that makes an order's id unique across locations, and what the names of its partitions begin with.
const DIRECTORY: &str = "order_directory";

/// The name of a statement, from its first line.
pub(super) fn name_of(statement: &'static str) -> &'static str {
    let first = statement.lines().next().unwrap_or(statement);
    first.trim_start_matches("-- ").trim()
}

/// Whether an error of COMMIT is the server's word that nothing was committed: a serialization failure, a deadlock, or a
/// constraint checked at the end.
pub(super) fn says_not_committed(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("40") && code != "40003" || code.starts_with("23"))
}

/// What a failure means, by its SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>). No text of a
/// failure holds an address or a password.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what the library adds is a refusal until it is known better"
)]
pub(super) fn classify(statement: &'static str, error: &sqlx::Error) -> StoreError {
    let name = name_of(statement);
    let said = format!("{name}: {error}");
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            match code.as_ref() {
                // A recovery, in which no transaction begins that writes.
                "0A000" if name.starts_with("begin_") => StoreError::Unavailable(said),
                // Damage, or a disk that fails.
                "XX001" | "XX002" | "58030" => StoreError::Storage(said),
                // Cancelled, or a lock that did not come in time.
                "57014" | "55P03" => StoreError::Unavailable(said),
                // Another instance placed an order of the same id at another location: the next attempt finds it.
                "23505" if database.table().is_some_and(|table| table.starts_with(DIRECTORY)) => {
                    StoreError::Unavailable(said)
                }
                // Serialization failures, connections, credentials and a database that are refused, resources, an
                // administrator, a server that only reads.
                code if ["08", "25", "28", "3D", "40", "53", "57"]
                    .iter()
                    .any(|class| code.starts_with(class)) =>
                {
                    StoreError::Unavailable(said)
                }
                _ => StoreError::Refused {
                    statement: name,
                    detail: error.to_string(),
                },
            }
        }
        sqlx::Error::PoolTimedOut => StoreError::Exhausted,
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreError::Unavailable(said),
        _ => StoreError::Refused {
            statement: name,
            detail: error.to_string(),
        },
    }
}

/// What it means that a pool lends no connection, where others have some or had them meanwhile, or nobody has.
pub(super) fn not_lent(error: &sqlx::Error, is_busy: bool) -> StoreError {
    let error = classify("acquire", error).passing();
    if matches!(error, StoreError::Exhausted) && !is_busy {
        // It waits for a server that is away as it waits for others to give back theirs.
        return StoreError::Unavailable("no connection could be made in time".to_owned());
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_exhausted_only_while_others_use_it() {
        let lent = |is_busy| not_lent(&sqlx::Error::PoolTimedOut, is_busy);
        assert!(matches!(lent(true), StoreError::Exhausted));
        assert!(matches!(lent(false), StoreError::Unavailable(_)));
    }
}
