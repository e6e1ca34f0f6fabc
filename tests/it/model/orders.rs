//! Random commands of every kind but set-up.

use chrono::{Days, TimeDelta};
use holdfast::allocator::command::{
    AcknowledgeRelease, Adjust, AdjustContent, Cancel, CancelContent, CancelLine, Change, CloseInbound, Command,
    PutInbound, Receive, ReceiveContent, Reserve, ReserveLine, Ship,
};
use holdfast::domain::event::{AdjustmentReason, ReceiptReason, ReceivedLine};
use holdfast::domain::ids::{AdjustmentId, LineNumber, OrderId, ReceiptId, RequestId, Sku};
use holdfast::domain::money::{Amount, Currency};
use holdfast::domain::order::{Customer, Parcel, Shipment, Terms};
use holdfast::domain::quantity::{QUANTITY_MAX, Quantity, UNITS_MAX, Units};

use super::commands::{Dice, Draft, SKUS};
use super::repeated::altered;

/// How far back orders, inbounds and commands are looked for: mostly, and at most.
const RECENT: u16 = 12;
const PAST: u16 = 60;

/// The next command; `None` for a step of the clock.
pub(super) fn command(draft: &mut Draft, dice: &mut Dice) -> Option<Command> {
    Some(match dice.face(100) {
        0..30 => Command::Reserve(reserve(draft, dice)),
        30 => Command::Confirm(draft.order_id(recent(draft.orders, dice))),
        31 | 32 => Command::Confirm(draft.order_id(draft.last_tentative)),
        33..49 => Command::Receive(receive(draft, dice)),
        49..61 => Command::Cancel(cancel(draft, dice)),
        61..71 => Command::Adjust(adjust(draft, dice)),
        71..74 => Command::ConfirmShipment(ship(draft, dice)),
        74..76 => Command::AcknowledgeRelease(AcknowledgeRelease {
            order_id: draft.order_id(recent(draft.orders, dice)),
        }),
        76..81 => Command::ReportShippedAfterCancel(late_parcel(draft, dice)),
        81..87 => Command::PutInbound(put_inbound(draft, dice)),
        87..89 => Command::CloseInbound(close_inbound(draft, dice)),
        89 => Command::PutLocation(draft.location(dice.face(draft.locations), dice)),
        90 | 91 => Command::PutItem(draft.item(dice.face(draft.skus), dice)),
        92..95 => repeat(draft, dice),
        95 => Command::Lapse(draft.some_location(dice)),
        _ => return None,
    })
}

fn recent(count: u16, dice: &mut Dice) -> u16 {
    let back = if dice.one_in(3) { PAST } else { RECENT };
    count - dice.face(back.min(count + 1))
}

fn repeat(draft: &Draft, dice: &mut Dice) -> Command {
    let (back, is_altered, how) = (usize::from(dice.face(PAST)), dice.one_in(2), dice.face(8));
    let Some(command) = draft.sent.iter().rev().nth(back).or_else(|| draft.sent.first()) else {
        return Command::PutItem(draft.item(0, dice));
    };
    if is_altered {
        altered(draft, command, how)
    } else {
        command.clone()
    }
}

fn reserve(draft: &mut Draft, dice: &mut Dice) -> Reserve {
    draft.orders += 1;
    let location_id = draft.some_location(dice);
    let currency = dice
        .of_list(&[None, Some("EUR"), Some("JPY"), Some("KWD")])
        .map(currency);
    let in_stock_only = dice.one_in(20);
    let is_tentative = dice.one_in(8);
    let acceptable = dice.one_in(16).then(|| draft.date(dice));
    let customer = dice.one_in(10).then(|| Customer {
        email: "a@b.example".to_owned(),
        ..Customer::default()
    });
    let count = 1 + dice.of_list(&[0, 1, 1, 2, 0, 3]);
    let mut lines = Vec::new();
    for _ in 0..count {
        let (sku, quantity) = (draft.some_sku(dice), dice.quantity());
        let price = currency.filter(|_| !dice.one_in(5)).map(|_| price(dice));
        lines.push(ReserveLine { sku, quantity, price });
    }
    let currency = currency.filter(|_| lines.iter().any(|line| line.price.is_some()));
    let minutes = dice.of_list(&[30, 5, 60, 1, 15, 30, 30, 0, 61]);
    let location_id = (!dice.one_in(4)).then_some(location_id);
    let payment_deadline = is_tentative.then(|| draft.now + TimeDelta::minutes(minutes));
    if is_tentative {
        draft.last_tentative = draft.orders;
    }
    let latest_acceptable_ship_date = acceptable.and_then(|date| date.checked_add_days(Days::new(6)));
    let terms = Terms {
        customer,
        in_stock_only,
        latest_acceptable_ship_date,
        payment_deadline,
    };
    Reserve {
        order_id: draft.order_id(draft.orders),
        location_id,
        lines,
        currency,
        terms,
    }
}

fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("a currency in use")
}

fn price(dice: &mut Dice) -> Amount {
    let cents = i32::from(dice.face(100));
    let units = i64::from(dice.face(50));
    Amount::parse(units, cents * 10_000_000).expect("an amount")
}

fn request_id(name: &str) -> RequestId {
    RequestId::parse(name).expect("a valid id")
}

fn cancel(draft: &mut Draft, dice: &mut Dice) -> Cancel {
    let at = recent(draft.orders, dice);
    let is_whole = dice.face(5) < 2;
    let reason = dice.of_list(&["", "too late"]).to_owned();
    draft.last_cancelled = at;
    draft.others += 1;
    let order_id = draft.order_id(at);
    if is_whole {
        let request_id = dice.one_in(3).then(|| request_id("whole"));
        return Cancel {
            order_id,
            request_id,
            content: CancelContent {
                lines: Vec::new(),
                reason,
            },
        };
    }
    let first = i64::from(dice.of_list(&[1, 1, 2, 1, 2, 3, 1, 2, 1, 9_u8]));
    let part = |dice: &mut Dice| Quantity::parse(i64::from(dice.uneven(6)) + 1).expect("within the limits");
    let mut lines = vec![CancelLine {
        line_number: LineNumber(first),
        quantity: part(dice),
    }];
    if dice.one_in(4) {
        lines.push(CancelLine {
            line_number: LineNumber(first + 1),
            quantity: part(dice),
        });
    }
    let name = if dice.one_in(8) {
        "part".to_owned()
    } else {
        format!("part{}", draft.others)
    };
    Cancel {
        order_id,
        request_id: Some(request_id(&name)),
        content: CancelContent { lines, reason },
    }
}

fn receive(draft: &mut Draft, dice: &mut Dice) -> Receive {
    draft.others += 1;
    let location_id = draft.some_location(dice);
    let receipt_id = ReceiptId::parse(&format!("R{}", draft.others)).expect("a valid id");
    let inbound = recent(draft.inbounds, dice);
    let inbound_id = dice.one_in(3).then(|| draft.inbound_id(inbound));
    let count = 1 + dice.face(3);
    let mut lines = Vec::new();
    for _ in 0..count {
        let sku = draft.some_sku(dice);
        let quantity = dice.quantity().get() + i64::from(dice.face(8));
        lines.push(ReceivedLine {
            sku,
            quantity: Quantity::parse(quantity.min(QUANTITY_MAX)).expect("within the limits"),
        });
    }
    Receive {
        location_id,
        receipt_id,
        content: ReceiveContent {
            inbound_id,
            reason: ReceiptReason::Purchase,
            lines,
        },
    }
}

fn adjust(draft: &mut Draft, dice: &mut Dice) -> Adjust {
    draft.others += 1;
    let location_id = draft.some_location(dice);
    let adjustment_id = AdjustmentId::parse(&format!("A{}", draft.others)).expect("a valid id");
    let counted = |units: i64| Change::Counted(Units::new(units).expect("a count"));
    let sku: Sku = draft.some_sku(dice);
    let change = match dice.face(400) {
        0..200 => Change::Delta(-i64::from(dice.face(9))),
        200..260 => Change::Delta(i64::from(dice.face(12))),
        260..300 => counted(0),
        300..394 => counted(i64::from(dice.face(20))),
        394 | 395 => counted(UNITS_MAX),
        396 | 397 => Change::Delta(UNITS_MAX),
        _ => Change::Delta(i64::MIN),
    };
    let note = dice.of_list(&["", "a note"]).to_owned();
    Adjust {
        location_id,
        adjustment_id,
        content: AdjustContent {
            sku,
            change,
            reason: AdjustmentReason::Count,
            note,
        },
    }
}

fn shipment(draft: &Draft, dice: &mut Dice) -> Shipment {
    let carrier = dice.of_list(&["DHL", "DHL", "UPS"]).to_owned();
    let reported_ship_at = dice.one_in(4).then(|| draft.now - TimeDelta::hours(5));
    let parcel = Parcel {
        carrier,
        tracking_number: String::new(),
    };
    Shipment {
        parcels: vec![parcel; usize::from(dice.face(2)) + 1],
        reported_ship_at,
    }
}

fn ship(draft: &mut Draft, dice: &mut Dice) -> Ship {
    let order_id: OrderId = draft.order_id(recent(draft.orders, dice));
    Ship {
        order_id,
        shipment: shipment(draft, dice),
    }
}

fn late_parcel(draft: &mut Draft, dice: &mut Dice) -> Ship {
    let at = if dice.one_in(3) {
        recent(draft.orders, dice)
    } else {
        draft.last_cancelled
    };
    Ship {
        order_id: draft.order_id(at),
        shipment: shipment(draft, dice),
    }
}

fn put_inbound(draft: &mut Draft, dice: &mut Dice) -> PutInbound {
    let at = if dice.face(3) == 0 {
        recent(draft.inbounds, dice)
    } else {
        draft.inbounds + 1
    };
    draft.inbounds = draft.inbounds.max(at);
    let location_id = draft.some_location(dice);
    let expected_date = draft.date(dice);
    let (first, count) = (dice.uneven(SKUS), 1 + dice.face(3));
    let mut lines: Vec<(Sku, Quantity)> = Vec::new();
    for next in 0..count {
        lines.push((draft.sku((first + next) % SKUS), dice.quantity()));
    }
    PutInbound {
        location_id,
        inbound_id: draft.inbound_id(at),
        expected_date,
        lines,
    }
}

fn close_inbound(draft: &mut Draft, dice: &mut Dice) -> CloseInbound {
    let inbound_id = draft.inbound_id(recent(draft.inbounds, dice));
    CloseInbound {
        location_id: draft.some_location(dice),
        inbound_id,
    }
}
