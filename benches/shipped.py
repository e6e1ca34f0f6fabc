"""Puts shipped orders into a Holdfast database that is not served, as many as asked: what a shop has behind it after years.

Usage: python3 benches/shipped.py DATABASE LOCATION COUNT
Each has one line, its directory entry and three events, as if it had been placed, released and shipped at once.
"""

import json
import sqlite3
import sys

BATCH = 50_000
AT_US = 1_767_225_600_000_000
DATE = "2026-01-02"


def main(path: str, location_id: str, count: int) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -262144")
    (key,) = database.execute("SELECT location_key FROM locations WHERE location_id = ?", (location_id,)).fetchone()
    sku_key, sku = database.execute("SELECT sku_key, sku FROM items ORDER BY sku_key LIMIT 1").fetchone()
    next_order, next_event = database.execute(
        "SELECT next_order, next_event FROM location_numbers WHERE location_key = ?", (key,)
    ).fetchone()
    line = {"sku": sku, "quantity": 1, "ready_date": DATE, "promised_ship_date": DATE, "basis": {"units_on_hand": 1}}
    unit = [{"line_number": 1, "sku": sku, "quantity": 1}]
    parcels = [{"carrier": "carrier", "tracking_number": "1"}]
    for first in range(0, count, BATCH):
        orders, lines, directory, events = [], [], [], []
        for at in range(first, min(first + BATCH, count)):
            sequence, event, order_id = next_order + at, next_event + 3 * at, f"old-{at:09d}"
            directory.append((order_id, key, sequence))
            shipment = json.dumps({"parcels": parcels})
            orders.append((key, sequence, order_id, AT_US, DATE, AT_US, DATE, AT_US, shipment, event + 2))
            lines.append((key, sequence, sku_key, DATE, DATE))
            placed = {"sequence": sequence, "promised_ship_date": DATE, "calendar_version": 1, "lines": [line]}
            released = {
                "sequence": sequence, "cause": "purchase", "ship_by_date": DATE, "promised_ship_date": DATE, "lines": unit
            }
            shipped = {"ship_at": "2026-01-01T00:00:00Z", "parcels": parcels, "lines": unit}
            for number, kind, payload in (
                (event, "order_placed", placed),
                (event + 1, "order_released", released),
                (event + 2, "order_shipped", shipped),
            ):
                events.append((key, number, AT_US, order_id, json.dumps({kind: payload})))
        with database:
            database.executemany("INSERT INTO order_directory VALUES (?, ?, ?)", directory)
            database.executemany(
                "INSERT INTO orders (location_key, sequence, order_id, state, lacking, placed_at_us, promised_ship_date,"
                " calendar_version, released_at_us, ship_by_date, shipped_at_us, shipment, event_sequence)"
                " VALUES (?, ?, ?, 4, 0, ?, ?, 1, ?, ?, ?, ?, ?)",
                orders,
            )
            database.executemany(
                "INSERT INTO order_lines (location_key, sequence, line_number, sku_key, quantity, lacking, ready_date,"
                " promised_ship_date) VALUES (?, ?, 1, ?, 1, 0, ?, ?)",
                lines,
            )
            database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", events)
    with database:
        database.execute(
            "UPDATE location_numbers SET next_order = next_order + ?, next_event = next_event + ?, revision = revision + 1"
            " WHERE location_key = ?",
            (count, 3 * count, key),
        )
    database.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
