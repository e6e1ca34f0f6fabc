//! Random commands: dice that are thrown by a generator of numbers, or by proptest, which shrinks them.
//!
//! A [`Case`] is nothing but dice. [`Case::script`] reads commands from them, so that every case is a valid one, fewer
//! dice are fewer commands and lower dice are simpler ones.

use std::collections::BTreeSet;

use chrono::{Days, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use holdfast::allocator::command::Command;
use holdfast::domain::calendar::{Calendar, WorkingDays};
use holdfast::domain::catalog::{Item, Location};
use holdfast::domain::ids::{InboundId, LocationId, OrderId, Sku};
use holdfast::domain::quantity::{Quantity, UNITS_MAX, Units};
use holdfast::domain::{Date, Instant};

use super::orders;
use super::system::Ids;
use crate::support::at;

/// Locations and SKUs of a case.
pub(super) const LOCATIONS: u16 = 3;
pub(super) const SKUS: u16 = 6;
/// Commands that set a case up: one for each location and SKU.
pub(crate) const SETUP: usize = 9;
/// Dice thrown for one command.
pub(crate) const DICE: usize = 24;

/// Nights before clocks change, holidays, and days of no note.
const STARTS: [&str; 6] = [
    "2026-03-02T09:00:00Z",
    "2026-03-28T22:30:00Z",
    "2026-10-24T22:30:00Z",
    "2026-12-23T12:00:00Z",
    "2026-03-08T04:30:00Z",
    "2026-04-04T12:30:00Z",
];
const ZONES: [Tz; 5] = [
    Tz::UTC,
    Tz::Europe__Brussels,
    Tz::America__New_York,
    Tz::Asia__Tokyo,
    Tz::Australia__Lord_Howe,
];

/// Dice for one command.
pub(crate) type Roll = [u16; DICE];

/// Dice, read one after the other; a throw that is not there shows the lowest face.
pub(super) struct Dice<'a>(std::slice::Iter<'a, u16>);

impl<'a> Dice<'a> {
    pub(super) fn of(roll: &'a Roll) -> Self {
        Self(roll.iter())
    }

    /// One of so many faces, from 0.
    pub(super) fn face(&mut self, faces: u16) -> u16 {
        self.0.next().map_or(0, |die| die % faces)
    }

    /// Whether one of so many faces came up; the lowest face never does.
    pub(super) fn one_in(&mut self, faces: u16) -> bool {
        self.face(faces) == faces - 1
    }

    pub(super) fn of_list<T: Copy>(&mut self, list: &[T]) -> T {
        let faces = u16::try_from(list.len()).expect("lists are short");
        list[usize::from(self.face(faces))]
    }

    /// Mostly few units, so that many orders wait for the same few.
    pub(super) fn quantity(&mut self) -> Quantity {
        let units = match self.face(1_000) {
            0..960 => i64::from(self.face(6)) + 1,
            960..999 => i64::from(self.face(40)) + 1,
            _ => 1_000_000,
        };
        Quantity::parse(units).expect("within the limits of a line")
    }

    /// One of so many, the first ones more often than the last.
    pub(super) fn uneven(&mut self, faces: u16) -> u16 {
        let (one, other) = (self.face(faces), self.face(faces));
        one.min(other)
    }
}

/// Dice for a whole run of commands.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) setup: Vec<Roll>,
    pub(crate) rolls: Vec<Roll>,
}

/// Commands that are decided together, at one instant.
pub(crate) type Batch = (Instant, Vec<Command>);

/// What a case comes to.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) ids: Ids,
    pub(crate) rounds: Vec<Batch>,
}

/// What has been thrown so far.
pub(super) struct Draft {
    prefix: String,
    pub(super) now: Instant,
    pub(super) orders: u16,
    pub(super) inbounds: u16,
    pub(super) others: u16,
    /// Locations and SKUs in use: few of them make long queues.
    pub(super) locations: u16,
    pub(super) skus: u16,
    /// The order that was last cancelled.
    pub(super) last_cancelled: u16,
    /// The order that was last placed to be paid later.
    pub(super) last_tentative: u16,
    pub(super) sent: Vec<Command>,
}

impl Case {
    /// Turns one die of all to its lowest face; answers whether it was not there already.
    pub(super) fn lower(&mut self, die: usize) -> bool {
        let rolls = self.setup.iter_mut().chain(&mut self.rolls);
        let Some(face) = rolls.flatten().nth(die) else {
            return false;
        };
        std::mem::take(face) != 0
    }

    /// The commands of these dice; ids begin with the prefix.
    pub(crate) fn script(&self, prefix: &str) -> Script {
        let start = self
            .setup
            .first()
            .map_or(0, |roll| usize::from(roll[DICE - 1]) % STARTS.len());
        let now = at(STARTS[start]);
        let breadth = self.setup.last().map_or(0, |roll| usize::from(roll[DICE - 1]));
        let mut draft = Draft {
            prefix: prefix.to_owned(),
            now,
            orders: 0,
            inbounds: 0,
            others: 0,
            locations: [1, 1, 1, 2, LOCATIONS][breadth % 5],
            skus: [2, 2, 3, 4, SKUS][breadth % 5],
            last_cancelled: 0,
            last_tentative: 0,
            sent: Vec::new(),
        };
        let mut rounds: Vec<Batch> = vec![(now, Vec::new())];
        for (at, roll) in (0..).zip(&self.setup) {
            let mut dice = Dice::of(roll);
            let is_left_out = dice.one_in(40);
            let command = if at < LOCATIONS {
                Command::PutLocation(draft.location(at, &mut dice))
            } else {
                Command::PutItem(draft.item(at - LOCATIONS, &mut dice))
            };
            if !is_left_out {
                draft.send(&mut rounds, command, roll[DICE - 2] % 2 == 0);
            }
        }
        for roll in &self.rolls {
            let mut dice = Dice::of(roll);
            let opens_round = dice.face(3) == 0;
            if let Some(command) = orders::command(&mut draft, &mut dice) {
                draft.send(&mut rounds, command, opens_round);
            } else {
                draft.step(&mut dice);
                rounds.push((draft.now, Vec::new()));
            }
        }
        rounds.retain(|(_, commands)| !commands.is_empty());
        Script {
            ids: draft.ids(),
            rounds,
        }
    }
}

impl Draft {
    fn send(&mut self, rounds: &mut Vec<Batch>, command: Command, opens_round: bool) {
        if opens_round {
            rounds.push((self.now, Vec::new()));
        }
        let (_, round) = rounds.last_mut().expect("a first round is always there");
        self.sent.push(command.clone());
        round.push(command);
    }

    /// The clock goes on by minutes or days, and sometimes back.
    fn step(&mut self, dice: &mut Dice) {
        let (kind, size) = (dice.face(6), i64::from(dice.face(1_000)));
        self.now += match kind {
            0 | 1 => TimeDelta::minutes(size + 1),
            2 => TimeDelta::seconds(size + 1),
            3 => TimeDelta::days(size.rem_euclid(20) + 1),
            4 => TimeDelta::hours(size.rem_euclid(40) + 1),
            _ => TimeDelta::minutes(-(size + 1)),
        };
    }

    fn ids(&self) -> Ids {
        Ids {
            locations: (0..LOCATIONS).map(|at| self.location_id(at)).collect(),
            skus: (0..SKUS).map(|at| self.sku(at)).collect(),
            orders: (0..=self.orders).map(|at| self.order_id(at)).collect(),
            inbounds: (0..=self.inbounds).map(|at| self.inbound_id(at)).collect(),
        }
    }

    pub(super) fn location_id(&self, at: u16) -> LocationId {
        LocationId::parse(&format!("{}L{at}", self.prefix)).expect("a valid id")
    }

    pub(super) fn some_location(&self, dice: &mut Dice) -> LocationId {
        self.location_id(dice.uneven(self.locations))
    }

    pub(super) fn some_sku(&self, dice: &mut Dice) -> Sku {
        self.sku(dice.face(self.skus))
    }

    pub(super) fn sku(&self, at: u16) -> Sku {
        Sku::parse(&format!("{}S{at}", self.prefix)).expect("a valid id")
    }

    pub(super) fn order_id(&self, at: u16) -> OrderId {
        OrderId::parse(&format!("{}O{at}", self.prefix)).expect("a valid id")
    }

    pub(super) fn inbound_id(&self, at: u16) -> InboundId {
        InboundId::parse(&format!("{}I{at}", self.prefix)).expect("a valid id")
    }

    /// A date around today.
    pub(super) fn date(&self, dice: &mut Dice) -> Date {
        let today = self.now.date_naive().checked_sub_days(Days::new(4)).expect("a date");
        today
            .checked_add_days(Days::new(u64::from(dice.face(20))))
            .expect("a date")
    }

    pub(super) fn location(&self, at: u16, dice: &mut Dice) -> Location {
        let time_zone = dice.of_list(&ZONES);
        let cutoff = dice.of_list(&[
            None,
            Some((14, 0)),
            Some((2, 30)),
            Some((23, 59)),
            Some((0, 0)),
            Some((1, 45)),
        ]);
        let working_days = dice.of_list(&[0b001_1111, 0b111_1111, 0b010_0101]);
        let handling_days = dice.of_list(&[1, 0, 2, 5]);
        let holidays: BTreeSet<Date> = (0..dice.face(4)).map(|_| self.date(dice)).collect();
        let calendar = Calendar {
            time_zone,
            cutoff: cutoff.and_then(|(hour, minute)| NaiveTime::from_hms_opt(hour, minute, 0)),
            working_days: WorkingDays::from_bits(working_days).expect("some days are worked"),
            holidays,
            handling_days,
            version: 0,
        };
        let display_name = dice.of_list(&["", "a name"]).to_owned();
        let inbound_buffer_percent = dice.of_list(&[0, 0, 0, 10, 35, 100]);
        let (rank, active) = (i32::from(dice.face(3)), !dice.one_in(30));
        Location {
            location_id: self.location_id(at),
            display_name,
            calendar,
            rank,
            active,
            inbound_buffer_percent,
        }
    }

    pub(super) fn item(&self, at: u16, dice: &mut Dice) -> Item {
        let backorderable = !dice.one_in(10);
        let lead_time_days = dice.of_list(&[Some(30), Some(9), Some(0), Some(3), Some(7), None]);
        let most = i64::from(dice.face(90));
        let max_backlog = if dice.one_in(6) { Units::new(most) } else { None };
        let safety_stock = match dice.face(200) {
            0..120 => 0,
            120..199 => i64::from(dice.face(9)),
            _ => UNITS_MAX,
        };
        let safety_stock = Units::new(safety_stock).expect("a count");
        let display_name = dice.of_list(&["", "a name"]).to_owned();
        Item {
            sku: self.sku(at),
            display_name,
            backorderable,
            lead_time_days,
            max_backlog,
            safety_stock,
        }
    }
}
