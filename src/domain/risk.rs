//! Orders at risk: those whose estimate is later than their promise, and why it is (`RULES.md` R5, R14).

use serde::{Deserialize, Serialize};

use super::Date;
use super::event::{ReleaseCause, RevocationCause};
use super::ids::{InboundId, Sequence, SkuKey};

/// What changed an estimate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What it is.
    pub kind: CauseKind,
    /// The inbound that it is about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_id: Option<InboundId>,
}

/// What changed estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// An inbound was put, or brings more.
    InboundAdded,
    /// An inbound is expected on another day.
    InboundMoved,
    /// An inbound brings less.
    InboundShrunk,
    /// An inbound was closed.
    InboundClosed,
    /// An inbound did not come on its day.
    InboundOverdue,
    /// Units came, or were found.
    UnitsArrived,
    /// Units were lost.
    UnitsLost,
    /// An order was cancelled or lapsed, or a part of one was cancelled.
    OrderCancelled,
    /// The location's calendar, handling days or buffer changed.
    CalendarChanged,
    /// The item's lead time or safety stock changed.
    ItemChanged,
    /// A day passed: nothing was ordered that covers the order, or it was not shipped.
    DayPassed,
}

impl CauseKind {
    /// Whether it can move a date back; what cannot leaves lines that are in time in time.
    #[must_use]
    pub fn may_delay(self) -> bool {
        !matches!(self, Self::UnitsArrived | Self::OrderCancelled)
    }
}

impl Cause {
    /// A cause that is about no inbound.
    #[must_use]
    pub fn of(kind: CauseKind) -> Self {
        Self { kind, inbound_id: None }
    }

    /// A cause that is about an inbound.
    #[must_use]
    pub fn of_inbound(kind: CauseKind, inbound_id: &InboundId) -> Self {
        let inbound_id = Some(inbound_id.clone());
        Self { kind, inbound_id }
    }
}

impl From<ReleaseCause> for Cause {
    fn from(cause: ReleaseCause) -> Self {
        Self::of(match cause {
            ReleaseCause::Purchase | ReleaseCause::Receipt | ReleaseCause::Adjustment => CauseKind::UnitsArrived,
            ReleaseCause::Cancellation | ReleaseCause::Lapse => CauseKind::OrderCancelled,
            ReleaseCause::SafetyStock => CauseKind::ItemChanged,
        })
    }
}

impl From<RevocationCause> for Cause {
    fn from(cause: RevocationCause) -> Self {
        Self::of(match cause {
            RevocationCause::Cancellation => CauseKind::OrderCancelled,
            RevocationCause::UnitsLost => CauseKind::UnitsLost,
            RevocationCause::SafetyStock => CauseKind::ItemChanged,
        })
    }
}

/// The estimate of an order passed its promise, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskChanged {
    /// The order's place.
    pub sequence: Sequence,
    /// The date promised to the customer.
    pub promised_ship_date: Date,
    /// The new estimate. Of an order at risk it is absent when no supply names a date; of one that recovered when other
    /// lines wait too, which are in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_ship_date: Option<Date>,
    /// Business days from the estimate to the promise, negative when it is late; absent with the estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack_business_days: Option<i64>,
    /// What changed.
    pub cause: Cause,
}

/// Going through a location whose days or calendar changed, in parts: first its queues, then what is whole and not shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationWalk {
    /// What changed.
    pub cause: Cause,
    /// How far it is.
    pub stage: Stage,
}

/// How far a location is gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Its counters after a SKU's key: the queues are noted, to be walked one after the other.
    Queues(SkuKey),
    /// Its released orders after a place.
    Released(Sequence),
    /// Its tentative orders after a place.
    Tentative(Sequence),
}

impl LocationWalk {
    /// A walk that begins.
    #[must_use]
    pub fn begin(cause: Cause) -> Self {
        let stage = Stage::Queues(SkuKey(0));
        Self { cause, stage }
    }
}
