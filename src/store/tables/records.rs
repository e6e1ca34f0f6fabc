//! Loads what is kept for repeats, by ids: cancellations, receipts, adjustments, inbounds.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{StoreError, codec};
use super::Database;
use super::cells::{self, Cells};
use super::load::{Loader, PlaceKey};
use super::statements::Load;
use crate::allocator::working_set::{AdjustmentSlot, CancellationSlot, InboundSlot, ReceiptSlot};
use crate::domain::ids::{AdjustmentId, InboundId, InboundKey, LocationId, OrderId, ReceiptId, RequestId};
use crate::domain::inbound::{Inbound, InboundLine};
use crate::domain::money::Money;

impl<D: Database> Loader<'_, D> {
    pub(super) async fn load_cancellations(&mut self, orders: &[OrderId]) -> Result<(), StoreError> {
        let found = orders.iter().filter_map(|id| self.loaded.ws.orders.find(id));
        let places: BTreeSet<_> = found.map(|order| self.place_of(order)).collect();
        for row in &self
            .find(Load::Cancellations, &Load::Cancellations.pairs(places))
            .await?
        {
            let cells = Cells::new(row, "cancellations", 3);
            let place = (cells.int(0, "location_key")?, cells.int(1, "sequence")?);
            let order = self
                .order_at(place)
                .ok_or_else(|| cells.corrupt("sequence", &"there is no such order"))?;
            let request_id = Some(cells.text(2, "request_id")?)
                .filter(|id| !id.is_empty())
                .map(RequestId::parse);
            let request_id = request_id
                .transpose()
                .map_err(|error| cells.corrupt("request_id", &error))?;
            let amount = cells.maybe_amount(6, "refund_units")?;
            let refund = self
                .loaded
                .ws
                .order(order)
                .currency
                .zip(amount)
                .map(|(currency, amount)| Money { currency, amount });
            let slot = CancellationSlot {
                order,
                request_id: request_id.clone(),
                content: cells.parsed(3, "content", codec::from_json)?,
                cancelled: cells.parsed(4, "cancelled", codec::from_json)?,
                completes: cells.int(5, "completes")? != 0,
                refund,
            };
            self.loaded.ws.cancellations.load((order, request_id), slot);
        }
        Ok(())
    }

    /// Ids at known locations, by location key.
    fn known<'i, T>(&self, ids: &'i [(LocationId, T)], text: impl Fn(&'i T) -> &'i str) -> Vec<(i64, &'i str)> {
        let ws = &self.loaded.ws;
        let known = ids
            .iter()
            .filter_map(|(location, id)| Some((ws.locations.find(location)?, id)));
        known
            .map(|(location, id)| (ws.location(location).key.0, text(id)))
            .collect()
    }

    pub(super) async fn load_receipts(&mut self, ids: &[(LocationId, ReceiptId)]) -> Result<(), StoreError> {
        let given = Load::Receipts.named(self.known(ids, ReceiptId::as_str));
        for row in &self.find(Load::Receipts, &given).await? {
            let cells = Cells::new(row, "receipts", 2);
            let location = self.location_at(cells, cells.int(0, "location_key")?)?;
            let content = cells.parsed(2, "content", codec::from_json)?;
            let answer = cells.parsed(3, "answer", codec::from_json)?;
            let id = cells.parsed(1, "receipt_id", ReceiptId::parse)?;
            self.loaded.ws.receipts.load(
                (location, id),
                ReceiptSlot {
                    location,
                    content,
                    answer,
                },
            );
        }
        Ok(())
    }

    pub(super) async fn load_adjustments(&mut self, ids: &[(LocationId, AdjustmentId)]) -> Result<(), StoreError> {
        let given = Load::Adjustments.named(self.known(ids, AdjustmentId::as_str));
        for row in &self.find(Load::Adjustments, &given).await? {
            let cells = Cells::new(row, "adjustments", 2);
            let location = self.location_at(cells, cells.int(0, "location_key")?)?;
            let adjustment_id = cells.parsed(1, "adjustment_id", AdjustmentId::parse)?;
            let (content, answer) = (
                cells.parsed(3, "content", codec::from_json)?,
                cells.parsed(4, "answer", codec::from_json)?,
            );
            let delta = cells.int(2, "delta")?;
            let slot = AdjustmentSlot {
                location,
                adjustment_id: adjustment_id.clone(),
                content,
                delta,
                answer,
            };
            self.loaded.ws.adjustments.load((location, adjustment_id), slot);
        }
        Ok(())
    }

    pub(super) async fn load_inbounds(&mut self, ids: &[(LocationId, InboundId)]) -> Result<(), StoreError> {
        let given = Load::Inbounds.named(self.known(ids, InboundId::as_str));
        let rows = self.find(Load::Inbounds, &given).await?;
        let mut inbounds: BTreeMap<PlaceKey, Inbound> = BTreeMap::new();
        for row in &rows {
            let cells = Cells::new(row, "inbounds", 3);
            inbounds.insert(
                (cells.int(0, "location_key")?, cells.int(1, "inbound_key")?),
                cells::inbound(cells)?,
            );
        }
        let lines = self
            .find(Load::InboundLines, &Load::InboundLines.pairs(inbounds.keys().copied()))
            .await?;
        self.load_items_of(&lines, "inbound_lines").await?;
        for row in &lines {
            let cells = Cells::new(row, "inbound_lines", 3);
            let (sku, quantity, received) = (
                self.sku_of(cells)?,
                cells.units(4, "quantity")?,
                cells.units(5, "received")?,
            );
            let inbound = inbounds.get_mut(&(cells.int(0, "location_key")?, cells.int(1, "inbound_key")?));
            let inbound = inbound.ok_or_else(|| cells.corrupt("inbound_key", &"there is no such inbound"))?;
            inbound.lines.push(InboundLine {
                sku,
                quantity,
                received,
            });
        }
        for ((location_key, inbound_key), inbound) in inbounds {
            if let Some(location) = self.loaded.locations.get(&location_key).copied() {
                let id = inbound.inbound_id.clone();
                self.loaded.ws.inbounds.load(
                    (location, id),
                    InboundSlot {
                        location,
                        key: InboundKey(inbound_key),
                        inbound,
                    },
                );
            }
        }
        Ok(())
    }
}
