//! What steps of estimates are given on the pure core: short pages, so that walks have many steps.

use holdfast::allocator::command::Reestimate;
use holdfast::allocator::day::SKEW;
use holdfast::allocator::estimate::{self, ChangesLeft};
use holdfast::allocator::footprint::Wants;
use holdfast::allocator::working_set::{
    DaySlot, LackingLine, LocationPage, WaitingLine, WaitingOrder, WaitingPage, WorkingSet,
};
use holdfast::domain::Instant;
use holdfast::domain::ids::{LineNumber, LocationId, OrderId, Sequence, Sku};
use holdfast::domain::order::OrderState;
use holdfast::domain::risk::Stage;

use super::core::{Core, Rows};

/// Rows of a page, or one order more.
const PAGE: usize = 5;

impl Rows {
    /// What waits to be estimated anew at an instant.
    pub(super) fn to_estimate(&self, now: Instant) -> Vec<Reestimate> {
        let due = |id: &&LocationId| {
            self.days
                .get(*id)
                .is_none_or(|day| day.walk.is_some() || day.next_at <= now || day.begun_at > now + SKEW)
        };
        let locations = self.locations.keys().filter(due).map(|location_id| Reestimate {
            location_id: location_id.clone(),
            sku: None,
        });
        let pending = self.stocks.iter().filter(|(_, stock)| stock.pending_estimate.is_some());
        let queues = pending.map(|((location_id, sku), _)| Reestimate {
            location_id: location_id.clone(),
            sku: Some(sku.clone()),
        });
        locations.chain(queues).collect()
    }

    pub(super) fn load_days(&self, ws: &mut WorkingSet, ids: &[LocationId]) {
        for id in ids {
            if let (Some(location), Some(day)) = (ws.locations.find(id), self.days.get(id)) {
                let day = DaySlot {
                    location,
                    ..day.clone()
                };
                ws.days.load(location, day);
            }
        }
    }

    /// The orders of a location in the order of their places.
    fn places(&self, location_id: &LocationId) -> Vec<(Sequence, &OrderId)> {
        let here = self.orders.iter().filter(|(_, (other, _))| other == location_id);
        let mut places: Vec<_> = here.map(|(id, (_, order))| (order.sequence, id)).collect();
        places.sort_unstable();
        places
    }

    fn waiting(&self, key: &(LocationId, Sku), after: (Sequence, LineNumber)) -> WaitingPage {
        let (mut lines, mut is_last) = (Vec::<WaitingLine>::new(), true);
        let orders = self.places(&key.0).into_iter().map(|(_, id)| &self.orders[id].1);
        let all = orders.flat_map(|order| order.lines.iter().map(move |line| (order, line)));
        let waiting = all.filter(|(_, line)| line.sku == key.1 && !line.lacking.is_zero());
        for (order, line) in waiting.filter(|(order, line)| (order.sequence, line.number) > after) {
            if lines.len() >= PAGE && lines[0].place.0 < lines[lines.len() - 1].place.0 {
                is_last = false;
                break;
            }
            lines.push(WaitingLine {
                place: (order.sequence, line.number),
                lacking: line.lacking,
                is_late: line.is_late,
                promised_ship_date: order.promised_ship_date,
            });
        }
        WaitingPage { lines, is_last }
    }
}

impl Rows {
    fn load_waiting_order(&self, ws: &mut WorkingSet, id: &OrderId) {
        let (location_id, order) = &self.orders[id];
        let location = ws.locations.find(location_id).expect("it is in the footprint");
        let key = (location, order.sequence);
        if ws.waiting_orders.find(&key).is_some() {
            return;
        }
        let lacking = order.lines.iter().filter(|line| !line.lacking.is_zero());
        let lines = lacking.map(|line| LackingLine {
            number: line.number,
            sku_key: line.sku_key,
            is_late: line.is_late,
            is_changed: false,
        });
        let slot = WaitingOrder {
            location,
            sequence: order.sequence,
            order_id: order.order_id.clone(),
            promised_ship_date: order.promised_ship_date,
            at_risk: order.at_risk,
            lines: lines.collect(),
            event_sequence: None,
        };
        ws.waiting_orders.load(key, slot);
    }
}

impl Core {
    pub(super) fn load_estimates(&self, ws: &mut WorkingSet, wants: &Wants) {
        let mut changes = ChangesLeft::of(wants.share);
        for (key, _) in &wants.estimates {
            let stock = ws.find_stock_of(&key.0, &key.1).expect("they are in the footprint");
            let pending = ws.stock(stock).stock.pending_estimate.as_ref();
            let after = pending.and_then(|pending| pending.after);
            let page = self.rows.waiting(key, after.unwrap_or((Sequence(0), LineNumber(0))));
            ws.stocks.note(stock).waiting = Some(page);
            let changing = estimate::cut(ws, stock, &mut changes);
            let mut places = self.rows.places(&key.0);
            places.retain(|(sequence, _)| changing.contains(sequence));
            for (_, id) in places {
                self.rows.load_waiting_order(ws, id);
            }
        }
        for location_id in &wants.location_walks {
            let Some(location) = ws.locations.find(location_id) else {
                continue;
            };
            let day = ws.days.find(&location).map(|day| ws.days.get(day).clone());
            if let Some(walk) = day.and_then(|day| day.walk) {
                let page = self.page(ws, location_id, walk.stage);
                ws.pages.insert(location, page);
            }
        }
    }

    fn page(&self, ws: &mut WorkingSet, location_id: &LocationId, walked: Stage) -> LocationPage {
        let (state, after) = match walked {
            Stage::Queues(after) => return self.queues(ws, location_id, after.0),
            Stage::Released(after) => (OrderState::Released, after),
            Stage::Tentative(after) => (OrderState::Tentative, after),
        };
        let mut page = LocationPage::default();
        for (sequence, id) in self.rows.places(location_id) {
            if sequence > after && self.rows.orders[id].1.state == state && page.orders.len() < PAGE {
                self.rows.load_order(ws, id);
                page.orders.extend(ws.orders.find(id));
                page.last = Some(sequence.0);
            }
        }
        page
    }

    /// The next SKU's counters, if orders wait for it.
    fn queues(&self, ws: &mut WorkingSet, location_id: &LocationId, after: i64) -> LocationPage {
        let mut page = LocationPage::default();
        let items = self.rows.items.iter().map(|(sku, (key, _))| (key.0, sku));
        let Some((key, sku)) = items.filter(|(key, _)| *key > after).min() else {
            return page;
        };
        page.last = Some(key);
        let pair = (location_id.clone(), sku.clone());
        if self
            .rows
            .stocks
            .get(&pair)
            .is_some_and(|stock| !stock.backlog.is_zero())
        {
            self.rows.load_stock(ws, &pair);
            page.stocks.extend(ws.find_stock_of(&pair.0, &pair.1));
        }
        page
    }
}
