//! What must hold of dates, whatever is on hand, on its way and ahead (`RULES.md` R5).

use std::collections::BTreeSet;

use chrono::{Days, NaiveTime};
use chrono_tz::Tz;
use holdfast::allocator::command::Command;
use holdfast::allocator::decision::{Answer, Decision};
use holdfast::allocator::promise::{Coverage, Outlook, Today, coverage};
use holdfast::allocator::working_set::OpenInbound;
use holdfast::domain::calendar::{Calendar, WorkingDays};
use holdfast::domain::ids::InboundId;
use holdfast::domain::order::Supply;
use holdfast::domain::{Date, Instant};
use holdfast::sequencer::round::{CommandRound, Outcome};
use proptest::prelude::*;

use super::core::{Core, Loading};
use super::reference::units;
use super::runner::Numbers;
use super::runs::singly;
use super::system::{Observed, Observer, System};
use crate::support::at;

/// Episodes on the core, and commands of each.
const EPISODES: usize = 12;
const EPISODE_COMMANDS: usize = 150;

/// A line's world: a calendar, an instant, what is coming, and what the line is up against.
#[derive(Debug, Clone)]
struct World {
    calendar: Calendar,
    now: Instant,
    inbounds: Vec<OpenInbound>,
    lead_time_days: Option<u16>,
    buffer_percent: u8,
    shortfall: i64,
    ahead: i64,
    lacking: i64,
}

impl World {
    fn today(&self) -> Today {
        Today::of(&self.calendar, self.now)
    }

    fn coverage(&self) -> Option<Coverage> {
        let outlook = Outlook {
            inbounds: &self.inbounds,
            lead_time_days: self.lead_time_days,
            shortfall: units(self.shortfall),
            buffer_percent: self.buffer_percent,
        };
        let (ahead, lacking) = (units(self.ahead), units(self.lacking));
        coverage(&self.calendar, self.today(), outlook, ahead, lacking)
    }

    /// The ready date; the last of all dates when nobody can name one.
    fn ready(&self) -> Date {
        self.coverage().map_or(Date::MAX, |coverage| coverage.ready_date)
    }

    fn counted(&self, inbound: &OpenInbound) -> i64 {
        (inbound.open.get() * (100 - i64::from(self.buffer_percent))).div_euclid(100)
    }
}

fn inbound(number: usize, days: u64, open: i64) -> OpenInbound {
    let first: Date = "2026-02-20".parse().expect("a date");
    OpenInbound {
        expected_date: first.checked_add_days(Days::new(days)).expect("a date"),
        inbound_id: InboundId::parse(&format!("I{number}")).expect("an id"),
        open: units(open),
    }
}

fn calendars() -> impl Strategy<Value = Calendar> {
    let zones = prop::sample::select(vec![Tz::UTC, Tz::America__New_York, Tz::Pacific__Auckland]);
    let cutoffs = prop::option::of(0_u32..24);
    let working_days = prop::sample::select(vec![0b001_1111, 0b111_1111, 0b010_0101]);
    let holidays = prop::collection::btree_set(0_u64..60, 0..6);
    (zones, cutoffs, working_days, holidays, 0_u16..4).prop_map(|(time_zone, cutoff, days, holidays, handling_days)| {
        let holidays: BTreeSet<Date> = holidays.iter().map(|days| inbound(0, *days, 1).expected_date).collect();
        Calendar {
            time_zone,
            cutoff: cutoff.and_then(|hour| NaiveTime::from_hms_opt(hour, 0, 0)),
            working_days: WorkingDays::from_bits(days).expect("some days are worked"),
            holidays,
            handling_days,
            version: 1,
        }
    })
}

fn worlds() -> impl Strategy<Value = World> {
    let inbounds = prop::collection::vec((0_u64..60, 1_i64..60), 0..6);
    let line = (0_i64..10, 0_i64..80, 1_i64..80);
    let supply = (
        inbounds,
        prop::option::of(0_u16..70),
        prop::sample::select(vec![0_u8, 0, 10, 33, 100]),
    );
    (calendars(), 0_i64..400, supply, line).prop_map(|(calendar, hours, supply, line)| {
        let (coming, lead_time_days, buffer_percent) = supply;
        let (shortfall, ahead, lacking) = line;
        let numbered = coming.into_iter().enumerate();
        World {
            calendar,
            now: at("2026-02-25T00:30:00Z") + chrono::TimeDelta::hours(hours),
            inbounds: numbered
                .map(|(number, (days, open))| inbound(number, days, open))
                .collect(),
            lead_time_days,
            buffer_percent,
            shortfall,
            ahead,
            lacking,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_date_of_the_tail_never_gets_earlier_with_more_quantity(world in worlds(), more in 0_i64..60) {
        let larger = World { lacking: world.lacking + more, ..world.clone() };
        prop_assert!(world.ready() <= larger.ready());
        let later = World { ahead: world.ahead + more, ..world.clone() };
        prop_assert!(world.ready() <= later.ready());
    }

    #[test]
    fn a_promise_never_counts_on_more_than_an_inbound_still_brings(world in worlds()) {
        let Some(coverage) = world.coverage() else { return Ok(()) };
        let Supply::Inbound { inbound_id, .. } = &coverage.supply else { return Ok(()) };
        let last = world.inbounds.iter().find(|inbound| inbound.inbound_id == *inbound_id).expect("it is open");
        let counts_as = |inbound: &OpenInbound| {
            let today = world.today().local;
            if inbound.expected_date < today { world.calendar.plus_business_days(today, 1) } else { inbound.expected_date }
        };
        let place = |inbound: &OpenInbound| (counts_as(inbound), inbound.inbound_id.clone());
        let until = |inclusive: bool| -> i64 {
            let before = world.inbounds.iter().filter(|inbound| {
                place(inbound) < place(last) || inclusive && inbound.inbound_id == last.inbound_id
            });
            before.map(|inbound| world.counted(inbound)).sum()
        };
        let needed = world.shortfall + world.ahead + world.lacking;
        prop_assert!(until(true) >= needed, "it is covered");
        prop_assert!(until(false) < needed, "by the first that covers");
        prop_assert_eq!(coverage.coming, i128::from(until(true)));
        prop_assert!(coverage.ready_date >= counts_as(last));
    }

    #[test]
    fn more_units_earlier_or_on_hand_never_delay_anyone(world in worlds(), which in 0_usize..6, more in 0_i64..60, days in 0_u64..60) {
        let on_hand = World { lacking: (world.lacking - more).max(0), ..world.clone() };
        prop_assert!(on_hand.ready() <= world.ready(), "units on hand");
        let safe = World { shortfall: (world.shortfall - more).max(0), ..world.clone() };
        prop_assert!(safe.ready() <= world.ready(), "units for the safety stock");
        let Some(chosen) = world.inbounds.get(which) else { return Ok(()) };
        if world.counted(chosen) > 0 {
            let mut larger = world.clone();
            larger.inbounds[which].open = units(chosen.open.get() + more);
            prop_assert!(larger.ready() <= world.ready(), "a larger inbound");
        }
        let today = world.today().local;
        let earlier = chosen.expected_date.checked_sub_days(Days::new(days)).expect("a date");
        if chosen.expected_date >= today {
            let mut moved = world.clone();
            moved.inbounds[which].expected_date = earlier.max(today);
            prop_assert!(moved.ready() <= world.ready(), "an earlier inbound");
        }
        if world.buffer_percent > 0 && world.inbounds.iter().all(|inbound| world.counted(inbound) > 0) {
            let trusting = World { buffer_percent: 0, ..world.clone() };
            prop_assert!(trusting.ready() <= world.ready(), "a smaller buffer");
        }
    }

    #[test]
    fn a_new_inbound_delays_nobody_who_does_not_wait_for_it(world in worlds(), days in 0_u64..60, open in 1_i64..60) {
        let mut with = world.clone();
        let new = inbound(9, days, open);
        let today = world.today();
        let counts_as = if new.expected_date < today.local { world.calendar.plus_business_days(today.local, 1) } else { new.expected_date };
        with.inbounds.push(new);
        let arrives = world.calendar.on_or_after(counts_as).max(today.business);
        prop_assert!(with.ready() <= world.ready().max(arrives));
        if world.lead_time_days.is_none() || matches!(world.coverage().map(|c| c.supply), Some(Supply::Inbound { .. })) {
            prop_assert!(with.ready() <= world.ready());
        }
    }
}

/// Every order's estimate before a command, with what has lapsed out of the way.
fn estimates(core: &mut Core, command: &Command, ids: &super::system::Ids, now: Instant) -> Observed {
    let mut lapses = Vec::new();
    if matches!(command, Command::Reserve(_)) {
        lapses.extend(ids.locations.iter().cloned().map(Command::Lapse));
    }
    core.round(&mut CommandRound::new(now, &lapses));
    Observer::look(core, ids, now)
}

#[test]
fn a_later_order_never_delays_an_earlier_one() {
    let mut numbers = Numbers(11);
    let mut compared = 0;
    for episode in 0..EPISODES {
        let script = numbers.case(EPISODE_COMMANDS).script("");
        let mut core = Core::new(Loading::AsAsked);
        for (now, commands) in singly(&script.rounds) {
            let before = estimates(&mut core, &commands[0], &script.ids, now);
            let mut round = CommandRound::new(now, &commands);
            core.round(&mut round);
            let outcomes = round.into_outcomes().expect("no invariant is broken");
            if !matches!(commands[0], Command::Reserve(_))
                || !matches!(outcomes[0], Outcome::Decided(Decision::Accepted(Answer::Order(_))))
            {
                continue;
            }
            let after = Observer::look(&mut core, &script.ids, now);
            for (order_id, earlier) in before.orders {
                let later = &after.orders[&order_id];
                compared += 1;
                assert_eq!(
                    earlier.estimated_ship_date, later.estimated_ship_date,
                    "episode {episode}: {order_id}"
                );
                assert_eq!(earlier.order, later.order, "episode {episode}: {order_id}");
            }
        }
    }
    assert!(compared > 10 * EPISODES, "too few orders were there to say anything");
}
