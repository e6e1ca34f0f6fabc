//! What can go wrong with a database, by what has to be done about it.

/// Why a round or a read failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be reached, or was busy for too long. Nothing was written; trying again may help.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Every connection is in use, and none came free in time. Nothing was read or written; try again later.
    #[error("all connections to the database are in use")]
    Exhausted,
    /// The answer to COMMIT was lost: the round may or may not have been written.
    #[error("the outcome of a commit is unknown: {0}")]
    CommitUnknown(String),
    /// Storage failed (I/O, disk full, damage). Whether the round was written is not known, and nothing more may be
    /// acknowledged.
    #[error("storage failed: {0}")]
    Storage(String),
    /// A statement was refused: a constraint, or one that the database does not understand. One of the round's commands is to
    /// blame, or the schema is.
    #[error("statement {statement} was refused: {detail}")]
    Refused {
        /// The statement's name.
        statement: &'static str,
        /// What the database said.
        detail: String,
    },
    /// A row does not fit its type.
    #[error("row {row} of {table}.{column} is corrupt: {detail}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key, in words.
        row: String,
        /// Why it does not fit.
        detail: String,
    },
    /// A write touched another number of rows than it had to.
    #[error("statement {statement} touched {touched} rows instead of {expected}")]
    RowCount {
        /// The statement's name.
        statement: &'static str,
        /// Rows that it should have touched.
        expected: u64,
        /// Rows that it touched.
        touched: u64,
    },
    /// The round asked for more rows again and again.
    #[error("a round was loaded {0} times and still lacked rows")]
    NeverLoaded(u32),
}

impl StoreError {
    /// Whether nothing more may be acknowledged: the process has to stop.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Storage(_) | Self::Corrupt { .. } => true,
            Self::Unavailable(_)
            | Self::Exhausted
            | Self::CommitUnknown(_)
            | Self::Refused { .. }
            | Self::RowCount { .. }
            | Self::NeverLoaded(_) => false,
        }
    }

    /// The same, where a refusal tells of the server and not of what was asked.
    #[must_use]
    pub(super) fn passing(self) -> Self {
        if matches!(self, Self::Refused { .. }) {
            Self::Unavailable(self.to_string())
        } else {
            self
        }
    }
}
