//! The names of the statements that both databases have, and the columns that each is given.

use super::rows::Kind::{self, Date, Int, Text};
use super::rows::Rows;

/// A statement that finds rows for each row that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Load {
    /// The keys of new locations and items.
    CatalogKeys,
    /// Configurations, by location key.
    Configs,
    /// Calendars that locations have or had, by location key and version.
    Calendars,
    /// Items with their counters at a location, by location key and SKU. A location that is not stored has no counters.
    Stock,
    /// Counters, by location key and SKU key.
    StockByKey,
    /// Items with their counters at every location that has some, by SKU.
    ItemsEverywhere,
    /// Items, by key.
    ItemsByKey,
    /// Places of orders, by id.
    Places,
    /// Orders without their lines, by location key and sequence.
    Orders,
    /// Lines of orders, by location key and sequence.
    Lines,
    /// Places of tentative orders whose deadline has come, with it, by location key, microseconds and how many of each
    /// location: the first by deadline.
    Due,
    /// Cancellations of orders, by location key and sequence.
    Cancellations,
    /// Receipts, by location key and id.
    Receipts,
    /// Adjustments, by location key and id.
    Adjustments,
    /// Inbounds without their lines, by location key and id.
    Inbounds,
    /// Lines of inbounds, by location key and inbound key.
    InboundLines,
    /// The first lines of queues, by location key, SKU key and how many.
    QueueHeads,
    /// What is coming of a SKU, by location key and SKU key.
    OpenInbounds,
    /// Open orders with a line that holds units, by location key and a JSON array of SKU keys.
    Holders,
    /// Units that lines lack between two places of a queue, the lower one included: location key, SKU key, lower
    /// sequence and line, upper sequence and line.
    UnitsAhead,
    /// A page of orders: location id, after, limit, a bit for each state, SKU or none, whether at risk or none.
    ListOrders,
    /// A page of open orders of one state: location id, after, limit, state, SKU or none, whether at risk or none.
    ListOpenOrders,
    /// A page of orders at risk, given as [`ListOrders`](Self::ListOrders).
    ListOrdersAtRisk,
    /// A page of a queue: location id, SKU, after sequence and line, limit.
    ListBacklog,
    /// A page of counters: location id, after, limit, whether only those with a backlog.
    ListStock,
    /// A page of inbounds: location id, after, limit, state or none, SKU or none.
    ListInbounds,
    /// Lines of inbounds with their SKUs, by location key and inbound key.
    ListInboundLines,
    /// A page of locations: after, limit.
    ListLocations,
    /// A page of items: after, limit.
    ListItems,
    /// A page of events: location key, after, limit.
    ListEvents,
    /// The key and the next event of a location, by id.
    LastEvent,
    /// Refills that were cut.
    PendingRefills,
    /// Queues, and locations without a SKU, of which estimates are to be gone on with or begun: microseconds, how many, and
    /// the microseconds after which no day can have begun.
    PendingEstimates,
    /// As of when locations were estimated, by location key.
    Days,
    /// Lines of a queue after a place: location key, SKU key, sequence, line, how many.
    WaitingLines,
    /// What estimates need of waiting orders, by location key and sequence.
    WaitingOrders,
    /// Lines of orders that lack units, by location key and sequence.
    LackingLines,
    /// Counters of a location with their items after a SKU key, zeros too: location key, SKU key, how many.
    StockPage,
    /// Locations where a tentative order's deadline has come, by microseconds.
    LapsedLocations,
    /// Where each log begins and ends.
    Logs,
    /// The first event that is kept of each log when those before an instant go, looking at the oldest so many of each:
    /// microseconds, how many, and the microseconds since when consumers acknowledged whose next events stay. The last that
    /// is looked at stays, so that no log is emptied.
    Horizons,
    /// Says where logs begin: location key, event.
    PutHorizon,
    /// Removes the events of logs below a number, and finds each: location key, event.
    DeleteEvents,
    /// Says how far consumers have dealt with logs: location id, consumer, event, microseconds. None goes back.
    PutConsumers,
    /// Consumers with where they are, and what comes next.
    ListConsumers,
}

impl Load {
    /// Every statement.
    pub(in crate::store) const ALL: [Self; 45] = [
        Self::CatalogKeys,
        Self::Configs,
        Self::Calendars,
        Self::Stock,
        Self::StockByKey,
        Self::ItemsEverywhere,
        Self::ItemsByKey,
        Self::Places,
        Self::Orders,
        Self::Lines,
        Self::Due,
        Self::Cancellations,
        Self::Receipts,
        Self::Adjustments,
        Self::Inbounds,
        Self::InboundLines,
        Self::QueueHeads,
        Self::OpenInbounds,
        Self::Holders,
        Self::UnitsAhead,
        Self::ListOrders,
        Self::ListOpenOrders,
        Self::ListOrdersAtRisk,
        Self::ListBacklog,
        Self::ListStock,
        Self::ListInbounds,
        Self::ListInboundLines,
        Self::ListLocations,
        Self::ListItems,
        Self::ListEvents,
        Self::LastEvent,
        Self::PendingRefills,
        Self::LapsedLocations,
        Self::PendingEstimates,
        Self::Days,
        Self::WaitingLines,
        Self::WaitingOrders,
        Self::LackingLines,
        Self::StockPage,
        Self::Logs,
        Self::Horizons,
        Self::PutHorizon,
        Self::DeleteEvents,
        Self::PutConsumers,
        Self::ListConsumers,
    ];

    /// The columns that it is given.
    pub(in crate::store) fn columns(self) -> &'static [Kind] {
        match self {
            Self::CatalogKeys | Self::PendingRefills | Self::Logs | Self::ListConsumers => &[],
            Self::Configs | Self::ItemsByKey | Self::LapsedLocations | Self::Days => &[Int],
            Self::ItemsEverywhere | Self::Places | Self::LastEvent => &[Text],
            Self::Stock | Self::Receipts | Self::Adjustments | Self::Inbounds | Self::Holders => &[Int, Text],
            Self::StockByKey
            | Self::Orders
            | Self::Lines
            | Self::Calendars
            | Self::WaitingOrders
            | Self::LackingLines
            | Self::Cancellations
            | Self::InboundLines
            | Self::OpenInbounds
            | Self::ListInboundLines
            | Self::PutHorizon
            | Self::DeleteEvents => &[Int, Int],
            Self::QueueHeads
            | Self::ListEvents
            | Self::Due
            | Self::Horizons
            | Self::StockPage
            | Self::PendingEstimates => &[Int, Int, Int],
            Self::WaitingLines => &[Int, Int, Int, Int, Int],
            Self::UnitsAhead => &[Int, Int, Int, Int, Int, Int],
            Self::ListOrders | Self::ListOpenOrders | Self::ListOrdersAtRisk => &[Text, Int, Int, Int, Text, Int],
            Self::ListBacklog => &[Text, Text, Int, Int, Int],
            Self::ListStock | Self::PutConsumers => &[Text, Text, Int, Int],
            Self::ListInbounds => &[Text, Text, Int, Int, Text],
            Self::ListLocations | Self::ListItems => &[Text, Int],
        }
    }

    /// No rows yet to give to it.
    pub(in crate::store) fn rows(self) -> Rows {
        Rows::new(self.columns())
    }

    /// The one row of a statement that is given nothing.
    pub(in crate::store) fn nothing(self) -> Rows {
        let mut rows = self.rows();
        rows.row().end();
        rows
    }

    /// Rows of one number each.
    pub(in crate::store) fn ints(self, numbers: impl IntoIterator<Item = i64>) -> Rows {
        let mut rows = self.rows();
        for number in numbers {
            rows.row().int(number).end();
        }
        rows
    }

    /// Rows of one text each.
    pub(in crate::store) fn texts<'t>(self, texts: impl IntoIterator<Item = &'t str>) -> Rows {
        let mut rows = self.rows();
        for text in texts {
            rows.row().text(text).end();
        }
        rows
    }

    /// Rows of two numbers each.
    pub(in crate::store) fn pairs(self, pairs: impl IntoIterator<Item = (i64, i64)>) -> Rows {
        let mut rows = self.rows();
        for (first, second) in pairs {
            rows.row().int(first).int(second).end();
        }
        rows
    }

    /// Rows of a number and a text each.
    pub(in crate::store) fn named<'t>(self, pairs: impl IntoIterator<Item = (i64, &'t str)>) -> Rows {
        let mut rows = self.rows();
        for (key, text) in pairs {
            rows.row().int(key).text(text).end();
        }
        rows
    }
}

/// A table that rounds write, as far as one statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Table {
    /// Locations, inserted or replaced.
    Locations,
    /// Calendars of locations, inserted; the same version is the same calendar.
    Calendars,
    /// The numbers that locations give out, inserted or replaced; their revision grows.
    Numbers,
    /// Items, inserted or replaced.
    Items,
    /// Counters, inserted or replaced.
    Stock,
    /// Ids of new orders.
    Directory,
    /// New orders.
    NewOrders,
    /// Orders that changed.
    Orders,
    /// Lines of new orders.
    NewLines,
    /// Lines that changed.
    Lines,
    /// Waiting orders of which only the last event and whether they are at risk changed.
    Risks,
    /// Ranges of an order's lines of which only whether they are late changed.
    LateLines,
    /// New cancellations.
    Cancellations,
    /// Inbounds, inserted or replaced.
    Inbounds,
    /// Lines of inbounds, inserted or replaced.
    InboundLines,
    /// Inbounds, with the number of lines that they still have: those beyond it are deleted.
    InboundCuts,
    /// New receipts.
    Receipts,
    /// New adjustments.
    Adjustments,
    /// New events.
    Events,
    /// As of when locations were estimated, inserted or replaced.
    Days,
}

impl Table {
    /// Every table, in the order in which they are written.
    pub(in crate::store) const ALL: [Self; 20] = [
        Self::Locations,
        Self::Calendars,
        Self::Numbers,
        Self::Items,
        Self::Stock,
        Self::Directory,
        Self::NewOrders,
        Self::Orders,
        Self::NewLines,
        Self::Lines,
        Self::Risks,
        Self::LateLines,
        Self::Cancellations,
        Self::Inbounds,
        Self::InboundLines,
        Self::InboundCuts,
        Self::Receipts,
        Self::Adjustments,
        Self::Events,
        Self::Days,
    ];

    /// The columns that it is given.
    pub(in crate::store) fn columns(self) -> &'static [Kind] {
        match self {
            // Key, id, configuration.
            Self::Locations => &[Int, Text, Text],
            // Location key, version, calendar.
            Self::Calendars => &[Int, Int, Text],
            // Location key; next order, event and inbound. Location key, sequence, event, at risk.
            Self::Numbers | Self::Risks => &[Int, Int, Int, Int],
            // Key, SKU, display name, backorderable, lead time, most backlog, safety stock.
            Self::Items => &[Int, Text, Text, Int, Int, Int, Int],
            // Location key, SKU key, on hand, allocated, backlog, pending refill, late lines, pending estimate.
            Self::Stock => &[Int, Int, Int, Int, Int, Text, Int, Text],
            // Order id, location key, sequence.
            Self::Directory => &[Text, Int, Int],
            // Location key, sequence, id, state, lacking, placed at, promise, calendar version, event, currency, terms,
            // released at, ship by, shipped at, cancelled at, shipment, payment deadline,
            // confirmed at, at risk, zone database.
            Self::NewOrders => &[
                Int, Int, Text, Int, Int, Int, Date, Int, Int, Text, Text, Int, Date, Int, Int, Text, Int, Int, Int,
                Text,
            ],
            // Location key, sequence, state, lacking, event, released at, ship by, shipped at, cancelled at, shipment,
            // confirmed at, at risk.
            Self::Orders => &[Int, Int, Int, Int, Int, Int, Date, Int, Int, Text, Int, Int],
            // Location key, sequence, line, SKU key, quantity, cancelled, lacking, ready, promise, price, refunded, basis,
            // late.
            Self::NewLines => &[
                Int, Int, Int, Int, Int, Int, Int, Date, Date, Int, Int, Int, Int, Text, Int,
            ],
            // Location key, sequence, request id, content, cancelled, completes, refund.
            Self::Cancellations => &[Int, Int, Text, Text, Text, Int, Int, Int],
            // Location key, key, id, expected date, state.
            Self::Inbounds => &[Int, Int, Text, Date, Int],
            // Location key, sequence, line, cancelled, lacking, refunded, late.
            Self::Lines => &[Int, Int, Int, Int, Int, Int, Int, Int],
            // Location key, sequence, first line, last line, late.
            Self::LateLines => &[Int, Int, Int, Int, Int],
            // Location key, inbound key, position, SKU key, quantity, received, open.
            Self::InboundLines => &[Int, Int, Int, Int, Int, Int, Int],
            // Location key, inbound key, lines.
            Self::InboundCuts => &[Int, Int, Int],
            // Location key, id, content, answer.
            Self::Receipts => &[Int, Text, Text, Text],
            // Location key, id, SKU key, delta, content, answer.
            Self::Adjustments => &[Int, Text, Int, Int, Text, Text],
            // Location key, number, at, order id, payload.
            Self::Events => &[Int, Int, Int, Text, Text],
            // Location key, begun at, next at, walk.
            Self::Days => &[Int, Int, Int, Text],
        }
    }
}
