//! One connection: how its transactions begin and end, and how statements are run on it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::{Arguments as _, Postgres, Row as _};

use super::super::StoreError;
use super::super::tables::Found;
use super::super::tables::rows::Rows;
use super::PostgresOptions;
use super::answers::{Answers, connect, end};
use super::failures::{classify, name_of, says_not_committed};
use super::rows::{NamedRows, PostgresRow, bind};
use crate::clock::monotonic;

/// Begins a round. Settings are the transaction's own, so that a pooler may hand out a session anew for each. One plan serves
/// every size of a round, and finds rows by indexes.
const BEGIN_WRITING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
     SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '60s'; \
     SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL plan_cache_mode = force_generic_plan; \
     SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";

/// Begins a snapshot for reads that are short.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL statement_timeout = '60s'; SET LOCAL idle_in_transaction_session_timeout = '60s'";

/// Begins a snapshot for reads that look at everything, and take what they take.
const BEGIN_AUDIT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL idle_in_transaction_session_timeout = '60s'";

/// Plans are for tables of the size that they had when they were made. Whoever was asked first while they were nearly empty
/// would read all of an index in each round, long after they have grown, until the server happens to analyze them.
const PLANS_MAX_AGE: Duration = Duration::from_secs(10);

/// A connection of its own, or one of a pool.
#[derive(Debug)]
enum Inner {
    Own(PgConnection),
    Pooled(Lent),
}

/// A connection of a pool, to which it goes back unless a transaction is open on it: whoever is lent it next would read
/// what that one sees.
#[derive(Debug)]
struct Lent {
    connection: PoolConnection<Postgres>,
    is_open: bool,
    /// Held by each that is lent.
    _lent: Arc<()>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Inner {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Pooled(lent) => &lent.connection,
        }
    }
}

impl DerefMut for Inner {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Pooled(lent) => &mut lent.connection,
        }
    }
}

/// A transaction that is open, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    /// A snapshot.
    Reading,
    /// A round that has no lock yet.
    Writing,
    /// A round that has locked locations.
    Locking,
}

/// A connection with a transaction.
#[derive(Debug)]
pub(super) struct Connection {
    inner: Inner,
    /// Since when statements are planned for the tables as they are.
    planned_at: Instant,
    transaction: Transaction,
    /// Whether statements are kept prepared on the session: not through a pooler that changes sessions.
    is_persistent: bool,
    answers: Answers,
}

impl Connection {
    /// Connects to run rounds.
    pub(super) async fn connect(options: &PostgresOptions) -> Result<Self, StoreError> {
        let inner = connect(options).await?;
        Ok(Self::of(Inner::Own(inner), options))
    }

    /// Reads on a connection of a pool.
    pub(super) fn pooled(inner: PoolConnection<Postgres>, options: &PostgresOptions, lent: &Arc<()>) -> Self {
        let lent = Lent {
            connection: inner,
            is_open: false,
            _lent: Arc::clone(lent),
        };
        Self::of(Inner::Pooled(lent), options)
    }

    fn of(inner: Inner, options: &PostgresOptions) -> Self {
        Self {
            inner,
            planned_at: monotonic(),
            transaction: Transaction::None,
            is_persistent: options.is_persistent,
            answers: Answers::within(options.silence_max),
        }
    }

    /// Whether locations are to be locked.
    pub(super) fn is_writing(&self) -> bool {
        matches!(self.transaction, Transaction::Writing | Transaction::Locking)
    }

    /// From now on the transaction locks locations; answers whether it has locked some before.
    pub(super) fn begin_locking(&mut self) -> bool {
        std::mem::replace(&mut self.transaction, Transaction::Locking) == Transaction::Locking
    }

    /// Has statements planned anew, if that is long ago.
    pub(super) async fn renew_plans(&mut self) -> Result<(), StoreError> {
        if self.is_persistent && monotonic().duration_since(self.planned_at) > PLANS_MAX_AGE {
            self.run("discard_plans", "DISCARD PLANS").await?;
            self.planned_at = monotonic();
        }
        Ok(())
    }

    /// Begins a round.
    pub(super) async fn begin_writing(&mut self) -> Result<(), StoreError> {
        self.begin(Transaction::Writing, "begin_writing", BEGIN_WRITING).await
    }

    /// Begins a snapshot for reads that are short.
    pub(super) async fn begin_reading(&mut self) -> Result<(), StoreError> {
        self.begin(Transaction::Reading, "begin_reading", BEGIN_READING).await
    }

    /// Begins a snapshot for reads that look at everything.
    pub(super) async fn begin_audit(&mut self) -> Result<(), StoreError> {
        self.begin(Transaction::Reading, "begin_audit", BEGIN_AUDIT).await?;
        self.answers.be_patient();
        Ok(())
    }

    /// Begins a transaction. One that was left open, because its caller went away or it failed, is rolled back first; without
    /// one the server would log a warning at each.
    async fn begin(
        &mut self,
        begun: Transaction,
        name: &'static str,
        statements: &'static str,
    ) -> Result<(), StoreError> {
        if self.transaction != Transaction::None {
            self.roll_back().await?;
        }
        self.enter(begun);
        self.run(name, statements).await
    }

    fn enter(&mut self, transaction: Transaction) {
        self.transaction = transaction;
        if let Inner::Pooled(lent) = &mut self.inner {
            lent.is_open = transaction != Transaction::None;
        }
    }

    /// Commits. Unless the server says that it did not, the outcome of a failure is not known, and the connection is of no
    /// more use.
    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        let committed = sqlx::raw_sql("COMMIT").execute(&mut *self.inner);
        match self.answers.wait(committed).await {
            Ok(_) => {
                self.enter(Transaction::None);
                Ok(())
            }
            Err(error) if says_not_committed(&error) => Err(classify("commit", &error)),
            Err(error) => Err(StoreError::CommitUnknown(error.to_string())),
        }
    }

    /// Rolls back.
    pub(super) async fn roll_back(&mut self) -> Result<(), StoreError> {
        self.run("rollback", "ROLLBACK").await?;
        self.enter(Transaction::None);
        Ok(())
    }

    async fn run(&mut self, name: &'static str, statements: &'static str) -> Result<(), StoreError> {
        let ran = sqlx::raw_sql(statements).execute(&mut *self.inner);
        let ran = self.answers.wait(ran).await;
        ran.map(|_| ()).map_err(|error| classify(name, &error))
    }

    /// Runs a statement and answers its rows.
    pub(super) async fn fetch(&mut self, statement: &'static str, given: &[&Rows]) -> Result<Vec<PgRow>, StoreError> {
        let mut arguments = PgArguments::default();
        for rows in given {
            bind(&mut arguments, rows).map_err(|error| classify(statement, &error))?;
        }
        self.run_with(statement, arguments).await
    }

    async fn run_with(&mut self, statement: &'static str, arguments: PgArguments) -> Result<Vec<PgRow>, StoreError> {
        let query = sqlx::query_with(statement, arguments).persistent(self.is_persistent);
        let rows = self.answers.wait(query.fetch_all(&mut *self.inner)).await;
        rows.map_err(|error| classify(statement, &error))
    }

    /// Runs a statement whose first column says which of the given rows found each of its own.
    pub(super) async fn find(
        &mut self,
        statement: &'static str,
        given: &[&Rows],
    ) -> Result<Vec<Found<PostgresRow>>, StoreError> {
        let rows = self.fetch(statement, given).await?.into_iter().map(PostgresRow::found);
        rows.collect::<Result<_, _>>()
            .map_err(|error| classify(statement, &error))
    }

    /// Runs a statement that is given rows of several tables and answers how many of each it touched.
    pub(super) async fn count_rows<const TABLES: usize>(
        &mut self,
        statement: &'static str,
        given: &[NamedRows<'_>; TABLES],
    ) -> Result<Vec<i64>, StoreError> {
        let mut arguments = PgArguments::default();
        for rows in given {
            let added = arguments.add(rows);
            added.map_err(|error| classify(statement, &sqlx::Error::Encode(error)))?;
        }
        let rows = self.run_with(statement, arguments).await?;
        counts_of(statement, &rows, TABLES)
    }

    /// Runs a statement that answers one row of so many counts.
    pub(super) async fn count(
        &mut self,
        statement: &'static str,
        given: &[&Rows],
        counts: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let rows = self.fetch(statement, given).await?;
        counts_of(statement, &rows, counts)
    }

    /// Runs a statement that is given numbers.
    pub(super) async fn fetch_scalars(
        &mut self,
        statement: &'static str,
        numbers: &[Option<i64>],
    ) -> Result<Vec<PgRow>, StoreError> {
        let mut query = sqlx::query(statement).persistent(self.is_persistent);
        for number in numbers {
            query = query.bind(*number);
        }
        let rows = self.answers.wait(query.fetch_all(&mut *self.inner)).await;
        rows.map_err(|error| classify(statement, &error))
    }

    /// Runs a statement that is given a text and answers a number, if any.
    pub(super) async fn fetch_one_by_text(
        &mut self,
        statement: &'static str,
        text: &str,
    ) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query_scalar(statement).persistent(self.is_persistent).bind(text);
        let found = self.answers.wait(query.fetch_optional(&mut *self.inner)).await;
        found.map_err(|error| classify(statement, &error))
    }

    /// Ends a connection of its own. One that nobody answers on is dropped, and one of a pool is the pool's.
    pub(super) async fn close(self) {
        let is_missing = self.answers.is_missing();
        if let Inner::Own(connection) = self.inner
            && !is_missing
        {
            end(connection).await;
        }
    }
}

/// The counts that a statement answers in one row.
fn counts_of(statement: &'static str, rows: &[PgRow], counts: usize) -> Result<Vec<i64>, StoreError> {
    let row = rows.first().ok_or_else(|| StoreError::Refused {
        statement: name_of(statement),
        detail: "it counts nothing".to_owned(),
    })?;
    let counted = (0..counts).map(|at| row.try_get(at));
    counted
        .collect::<Result<_, _>>()
        .map_err(|error| classify(statement, &error))
}
