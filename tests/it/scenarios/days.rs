//! A working day that begins for two instances at once begins once.

use std::sync::Arc;
use std::time::Duration;

use holdfast::proto::holdfast::v1::EstimateCause;
use sqlx::{Connection, PgConnection};

use super::at_risk::at_risk;
use crate::support::at;
use crate::support::databases::{Database, Kind};
use crate::support::instances::instance;
use crate::support::postgres::Postgres;
use crate::support::shop::{Shop, W1, brisk, item, location};

/// Long enough for the sweepers, which come by once a second, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// A step of going through a location: by which clock its day began, and what comes next, if anything does.
type Step = (i64, Option<String>);

/// Keeps every step that is written.
const KEEP_STEPS: &str = "
CREATE TABLE steps (step BIGINT GENERATED ALWAYS AS IDENTITY, begun_at_us BIGINT NOT NULL, next TEXT);
CREATE FUNCTION keep_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO steps (begun_at_us, next)
    VALUES (NEW.begun_at_us, (SELECT jsonb_object_keys(NEW.pending_walk::jsonb -> 'stage')));
    RETURN NULL;
END $$;
CREATE TRIGGER keep_step AFTER INSERT OR UPDATE ON estimated_days FOR EACH ROW EXECUTE FUNCTION keep_step();
";

/// Whether so many rounds wait for a lock.
const WAITING: &str = "SELECT count(*) >= $1 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Whether so many days have been gone through, and nothing is left to be done for them.
const GONE_THROUGH: &str = "SELECT (SELECT count(*) FROM steps WHERE next IS NULL) >= $1
    AND NOT EXISTS (SELECT FROM estimated_days WHERE pending_walk IS NOT NULL)
    AND NOT EXISTS (SELECT FROM stock WHERE pending_estimate IS NOT NULL)";

/// Waits until the answer to a question about a number is yes.
async fn until(connection: &mut PgConnection, question: &'static str, number: i64) {
    let asked = async {
        loop {
            let query = sqlx::query_scalar(question).bind(number);
            if query.fetch_one(&mut *connection).await.expect("an answer") {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    answered.unwrap_or_else(|_| panic!("not for {number}: {question}"));
}

fn server(database: &Database) -> &Postgres {
    let Database::Postgres(postgres) = database else {
        panic!("it is a server")
    };
    postgres
}

/// Lets the day of a number begin while nobody gets at the location: its lock is given back when both instances wait for it, in
/// this order, to begin that day.
async fn begin_together(database: &Database, number: i64, instances: [(&Shop, &str); 2]) {
    let (mut holder, mut watcher) = (server(database).connect().await, server(database).connect().await);
    let mut held = holder.begin().await.expect("a transaction");
    let lock = sqlx::query("SELECT FROM location_numbers FOR UPDATE");
    lock.execute(&mut *held).await.expect("the lock");
    for (waiting, (instance, now)) in (1..).zip(instances) {
        instance.set_clock(now);
        until(&mut watcher, WAITING, waiting).await;
    }
    held.rollback().await.expect("it is given back");
    until(&mut watcher, GONE_THROUGH, number).await;
}

/// The steps so far.
async fn steps(database: &Database) -> Vec<Step> {
    let steps = sqlx::query_as("SELECT begun_at_us, next FROM steps ORDER BY step");
    let steps = steps.fetch_all(&mut server(database).connect().await).await;
    steps.expect("they are kept")
}

/// What going through a location of few orders writes, once.
fn walk_begun_at(now: &str) -> impl Iterator<Item = Step> {
    let begun_at_us = at(now).timestamp_micros();
    let stages = [Some("queues"), Some("released"), Some("tentative"), None];
    let stages = stages.into_iter();
    stages.map(move |stage| (begun_at_us, stage.map(str::to_owned)))
}

/// An instance with an order that waits for an inbound of Tuesday, O1, one that waits for an inbound of Wednesday, O2, and one
/// that is released and never shipped, O3; and another one on its database.
async fn two_instances(database: &Arc<Database>) -> [Shop; 2] {
    let mut one = instance(database, brisk()).await;
    one.put_location(location(W1)).await;
    for sku in ["A", "B", "C"] {
        one.put_item(item(sku)).await;
    }
    one.put_inbound("PO-1", "2026-03-03", &[("A", 4)]).await;
    one.put_inbound("PO-2", "2026-03-04", &[("B", 4)]).await;
    one.receive("C", 4).await;
    for (id, sku) in [("O1", "A"), ("O2", "B"), ("O3", "C")] {
        one.reserve(id, &[(sku, 4)]).await;
    }
    [one, instance(database, brisk()).await]
}

#[tokio::test]
async fn a_day_that_begins_for_two_instances_at_once_begins_once() {
    let database = Arc::new(Kind::Postgres.database());
    let [mut ahead, mut behind] = two_instances(&database).await;
    let mut connection = server(&database).connect().await;
    let kept = sqlx::raw_sql(KEEP_STEPS).execute(&mut connection).await;
    kept.expect("steps can be kept");

    let (before, mut walks) = (ahead.log().await.len(), Vec::new());
    // Of the last day nothing is told: by then both have come by again after the days before.
    let days = [
        ("2026-03-04", true, 2),
        ("2026-03-05", false, 3),
        ("2026-03-06", true, 3),
    ];
    for (number, (day, is_ahead_first, told)) in (1..).zip(days) {
        // Clocks are not as far apart as they may be.
        let (early, late) = (format!("{day}T00:00:05Z"), format!("{day}T00:00:35Z"));
        let mut instances = [(&ahead, late.as_str()), (&behind, early.as_str())];
        if !is_ahead_first {
            instances.reverse();
        }
        begin_together(&database, number, instances).await;
        walks.extend(walk_begun_at(instances[0].1));
        assert_eq!(steps(&database).await, walks, "{day}");
        assert_eq!(behind.log().await.len(), before + told, "{day}");
    }

    let told = behind.risk_events(3).await;
    let mut told: Vec<_> = told.iter().map(at_risk).collect();
    // Whether queues or releases are looked at first is nobody's business.
    told[..2].sort_by_key(|(order_id, _)| *order_id);
    let told: Vec<_> = told.iter().map(|(order_id, risk)| (*order_id, risk.cause())).collect();
    let expected = [
        ("O1", EstimateCause::InboundOverdue),
        ("O3", EstimateCause::DayPassed),
        ("O2", EstimateCause::InboundOverdue),
    ];
    assert_eq!(told, expected);
    ahead.close().await;
    behind.close().await;
}
