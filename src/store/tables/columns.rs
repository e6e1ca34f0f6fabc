//! Lists of columns that several statements share, in the order in which [`cells`](super::cells) reads them.

/// An order's, of `orders AS o`.
macro_rules! order_columns {
    () => {
        "o.location_key, o.sequence, o.order_id, o.state, o.lacking, o.currency, o.placed_at_us, o.promised_ship_date, \
         o.calendar_version, o.terms, o.released_at_us, o.ship_by_date, o.shipped_at_us, o.cancelled_at_us, o.shipment, \
         o.event_sequence, o.confirmed_at_us, o.at_risk, o.zone_database"
    };
}

/// A line's, of `order_lines AS l`.
macro_rules! line_columns {
    () => {
        "l.location_key, l.sequence, l.line_number, l.sku_key, l.quantity, l.cancelled, l.lacking, l.price_units, \
         l.price_nanos, l.refunded_units, l.refunded_nanos, l.ready_date, l.promised_ship_date, l.basis, l.is_late"
    };
}

/// An item's and its counters', of `items AS i` and `stock AS s`.
macro_rules! stock_columns {
    () => {
        "i.sku_key, i.display_name, i.backorderable, i.lead_time_days, i.max_backlog, i.safety_stock, s.on_hand, \
         s.allocated, s.backlog, s.pending_refill, s.late_lines, s.pending_estimate"
    };
}

pub(in crate::store) use {line_columns, order_columns, stock_columns};
