//! What the rows of a file stand for: items, receipts and inbounds, as commands.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::path::Path;

use anyhow::Result;
use chrono::Datelike;
use sha2::{Digest, Sha256};

use super::rows::{Column, Fault, Row, Rows};
use crate::allocator::command::Command;
use crate::domain::Date;
use crate::grpc::convert;
use crate::grpc::convert::violations::Violations;
use crate::grpc::status::SkuField;
use crate::proto::google::r#type as google;
use crate::proto::holdfast::v1 as pb;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Items, one a row.
    Items,
    /// Receipts, one a row or one for rows with the same id.
    Stock,
    /// Inbounds, one a row or one for rows with the same id.
    Inbounds,
}

const fn required(name: &'static str) -> Column {
    Column { name, required: true }
}

const fn optional(name: &'static str) -> Column {
    Column { name, required: false }
}

const ITEMS: &[Column] = &[
    required("sku"),
    optional("display_name"),
    optional("backorderable"),
    optional("lead_time_days"),
    optional("max_backlog"),
    optional("safety_stock"),
];
const STOCK: &[Column] = &[required("sku"), required("quantity"), optional("receipt_id")];
const INBOUNDS: &[Column] = &[
    required("sku"),
    required("quantity"),
    required("expected_date"),
    optional("inbound_id"),
];

impl Kind {
    /// The columns that a file may have.
    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Items => ITEMS,
            Self::Stock => STOCK,
            Self::Inbounds => INBOUNDS,
        }
    }

    /// What an entry is called.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Stock => "receipts",
            Self::Inbounds => "inbounds",
        }
    }

    /// Where a refusal finds the SKUs of a command.
    pub(super) fn sku_field(self) -> SkuField {
        match self {
            Self::Items => SkuField::Single,
            Self::Stock => SkuField::Lines,
            Self::Inbounds => SkuField::InboundLines,
        }
    }

    /// The column of the id of an entry.
    fn id_column(self) -> &'static str {
        match self {
            Self::Items => "sku",
            Self::Stock => "receipt_id",
            Self::Inbounds => "inbound_id",
        }
    }
}

/// A command, and the lines of its rows.
#[derive(Debug)]
pub(super) struct Entry {
    /// The lines, at least one.
    pub(super) lines: Vec<u64>,
    /// What is to be done.
    pub(super) command: Command,
}

impl Entry {
    /// Where a field of the message stands in the file.
    pub(super) fn place(&self, path: &str) -> (u64, String) {
        place(&self.lines, path)
    }
}

/// The line and the column of a field such as `inbound.lines[2].sku`.
fn place(lines: &[u64], path: &str) -> (u64, String) {
    let first = lines.first().copied().unwrap_or_default();
    let column = path.rsplit('.').next().unwrap_or(path).to_owned();
    let index = path.split_once('[').and_then(|(_, rest)| rest.split(']').next());
    let index: Option<usize> = index.and_then(|index| index.parse().ok());
    (index.and_then(|at| lines.get(at).copied()).unwrap_or(first), column)
}

/// Rows that belong together, as they are collected.
#[derive(Debug, Default)]
struct Group {
    /// The id that the rows name, empty for a row that stands for itself.
    id: String,
    lines: Vec<u64>,
    rows: Vec<(String, i64)>,
    expected: Option<Date>,
    /// Whether a row of it is at fault: then it is left out whole.
    faulty: bool,
}

/// The entries of a file.
#[derive(Debug)]
pub(super) struct Entries {
    rows: Rows,
    kind: Kind,
    location_id: String,
    /// What ids begin with that the file does not give.
    prefix: String,
    /// Ids that were seen, cut to 16 bytes of their digest.
    seen: HashSet<[u8; 16]>,
    group: Group,
    ready: VecDeque<Result<Entry, Fault>>,
    /// Rows that were read, those at fault included.
    pub(super) rows_read: u64,
    ended: bool,
}

impl Entries {
    /// The entries of a file for a location.
    pub(super) fn open(kind: Kind, path: &Path, location_id: &str, fingerprint: &str) -> Result<Self> {
        Ok(Self {
            rows: Rows::open(path, kind.columns())?,
            kind,
            location_id: location_id.to_owned(),
            prefix: format!("import-{fingerprint}-"),
            seen: HashSet::new(),
            group: Group::default(),
            ready: VecDeque::new(),
            rows_read: 0,
            ended: false,
        })
    }

    /// How much of the file was read, in per cent.
    pub(super) fn percent(&self) -> u64 {
        self.rows.percent()
    }

    /// The next entry, or what is wrong with a row; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Result<Entry, Fault>>> {
        while self.ready.is_empty() && !self.ended {
            self.read()?;
        }
        Ok(self.ready.pop_front())
    }

    /// Takes in one row, or the end.
    fn read(&mut self) -> Result<()> {
        let Some(row) = self.rows.next()? else {
            self.ended = true;
            finish(
                &self.location_id,
                &self.prefix,
                self.kind,
                &mut self.group,
                &mut self.ready,
            );
            return Ok(());
        };
        self.rows_read = self.rows_read.saturating_add(1);
        let kind = self.kind;
        let parsed = row.and_then(|row| match kind {
            Kind::Items => {
                let item = item(&row)?;
                first_seen(&mut self.seen, &row, kind, &item.sku)?;
                Ok(Parsed::Item(row.line, item))
            }
            Kind::Stock | Kind::Inbounds => Ok(Parsed::Line(line(&row, kind)?)),
        });
        match parsed {
            Ok(Parsed::Item(line, item)) => {
                let request = pb::PutItemRequest { item: Some(item) };
                let put = convert::catalog::put_item(request).map(Command::PutItem);
                push(put, vec![line], &mut self.ready);
            }
            Ok(Parsed::Line(line)) => self.collect(line),
            Err(fault) => {
                // It is not known to which rows it belongs: those around it are kept apart.
                self.ready.push_back(Err(fault));
                self.group.faulty |= !self.group.id.is_empty();
            }
        }
        Ok(())
    }

    /// Puts a line with those before it that have its id, or begins anew.
    fn collect(&mut self, line: Line) {
        let same = !line.id.is_empty() && line.id == self.group.id;
        if !same {
            finish(
                &self.location_id,
                &self.prefix,
                self.kind,
                &mut self.group,
                &mut self.ready,
            );
            self.group.id.clone_from(&line.id);
            self.group.expected = line.expected;
            if !line.id.is_empty() && !self.seen.insert(short_digest(&line.id)) {
                let said = "stands on an earlier line that is not next to this one: sort the file by it";
                self.ready.push_back(Err(line.fault(self.kind.id_column(), said)));
                self.group.faulty = true;
            }
        }
        if line.expected != self.group.expected {
            let said = "differs from that of the line before with the same inbound_id: an inbound has one date";
            self.ready.push_back(Err(line.fault("expected_date", said)));
            self.group.faulty = true;
        }
        // A row of nothing says that there is nothing: stock lists have them.
        if line.quantity != 0 || self.kind != Kind::Stock {
            self.group.lines.push(line.line);
            self.group.rows.push((line.sku, line.quantity));
        }
    }
}

enum Parsed {
    Item(u64, pb::Item),
    Line(Line),
}

/// A row of stock or of an inbound.
struct Line {
    line: u64,
    id: String,
    sku: String,
    quantity: i64,
    expected: Option<Date>,
}

impl Line {
    fn fault(&self, field: &str, description: &str) -> Fault {
        Fault {
            line: self.line,
            field: field.to_owned(),
            description: description.to_owned(),
        }
    }
}

fn short_digest(id: &str) -> [u8; 16] {
    let digest = Sha256::digest(id.as_bytes());
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(&digest) {
        *to = *from;
    }
    short
}

fn first_seen(seen: &mut HashSet<[u8; 16]>, row: &Row<'_>, kind: Kind, id: &str) -> Result<(), Fault> {
    if seen.insert(short_digest(id)) {
        return Ok(());
    }
    Err(row.fault(kind.id_column(), "stands on an earlier line: put each once"))
}

fn item(row: &Row<'_>) -> Result<pb::Item, Fault> {
    Ok(pb::Item {
        sku: row.text("sku")?.to_owned(),
        display_name: row.text("display_name")?.to_owned(),
        backorderable: row.value("backorderable", "true or false")?,
        lead_time_days: row.value("lead_time_days", "a whole number of days")?,
        max_backlog: row.value("max_backlog", "a whole number of units")?,
        safety_stock: row
            .value("safety_stock", "a whole number of units")?
            .unwrap_or_default(),
    })
}

fn line(row: &Row<'_>, kind: Kind) -> Result<Line, Fault> {
    let quantity = row.value("quantity", "a whole number of units")?;
    let quantity = quantity.ok_or_else(|| row.fault("quantity", "is empty: send a whole number of units"))?;
    let expected = match kind {
        Kind::Inbounds => {
            let date: Option<Date> = row.value("expected_date", "a date such as 2026-03-31")?;
            Some(date.ok_or_else(|| row.fault("expected_date", "is empty: send a date such as 2026-03-31"))?)
        }
        Kind::Items | Kind::Stock => None,
    };
    Ok(Line {
        line: row.line,
        id: row.text(kind.id_column())?.to_owned(),
        sku: row.text("sku")?.to_owned(),
        quantity,
        expected,
    })
}

/// Ends a group: its command, or its faults.
fn finish(location: &str, prefix: &str, kind: Kind, group: &mut Group, ready: &mut VecDeque<Result<Entry, Fault>>) {
    let Group {
        id,
        lines,
        rows,
        expected,
        faulty,
    } = std::mem::take(group);
    let Some(first) = lines.first().filter(|_| !faulty) else {
        return;
    };
    let id = if id.is_empty() { format!("{prefix}{first}") } else { id };
    let command = match kind {
        Kind::Items => return,
        Kind::Stock => receive(location, id, rows),
        Kind::Inbounds => put_inbound(location, id, rows, expected),
    };
    push(command, lines, ready);
}

fn receive(location: &str, receipt_id: String, rows: Vec<(String, i64)>) -> Result<Command, Violations> {
    let lines = rows
        .into_iter()
        .map(|(sku, quantity)| pb::ReceiptLine { sku, quantity });
    let request = pb::ReceiveStockRequest {
        location_id: location.to_owned(),
        receipt_id,
        lines: lines.collect(),
        ..pb::ReceiveStockRequest::default()
    };
    convert::warehouse::receive(request).map(Command::Receive)
}

fn put_inbound(
    location: &str,
    inbound_id: String,
    rows: Vec<(String, i64)>,
    expected: Option<Date>,
) -> Result<Command, Violations> {
    let lines = rows.into_iter().map(|(sku, quantity)| pb::InboundLine {
        sku,
        quantity,
        ..pb::InboundLine::default()
    });
    let part = |number: u32| i32::try_from(number).unwrap_or_default();
    let inbound = pb::Inbound {
        location_id: location.to_owned(),
        inbound_id,
        expected_date: expected.map(|date| google::Date {
            year: date.year(),
            month: part(date.month()),
            day: part(date.day()),
        }),
        lines: lines.collect(),
        ..pb::Inbound::default()
    };
    let request = pb::PutInboundRequest { inbound: Some(inbound) };
    convert::supply::put_inbound(request).map(Command::PutInbound)
}

fn push(command: Result<Command, Violations>, lines: Vec<u64>, ready: &mut VecDeque<Result<Entry, Fault>>) {
    match command {
        Ok(command) => ready.push_back(Ok(Entry { lines, command })),
        Err(violations) => {
            let faults = violations.kept().iter().map(|violation| {
                let (line, field) = place(&lines, &violation.field);
                let description = violation.description.clone();
                Err(Fault {
                    line,
                    field,
                    description,
                })
            });
            ready.extend(faults);
        }
    }
}
