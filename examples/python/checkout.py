"""Places an order. Usage: checkout.py HOST:PORT LOCATION ORDER_ID SKU QUANTITY"""

import sys

import grpc
from holdfast import Holdfast, reason

address, location, order_id, sku, quantity = sys.argv[1:]
shop = Holdfast(address)
line = {"sku": sku, "quantity": int(quantity)}

try:
    # What the customer is shown, and agrees to.
    quote = shop.call("CheckoutService", "Quote", location_id=location, lines=[line]).quote
    # What cannot be promised has no date; placing it tells why.
    agreed = quote.promised_ship_date if quote.HasField("promised_ship_date") else None
    # The order's id is made once, before the first try, and kept: every repeat carries it.
    placed = shop.call(
        "CheckoutService", "Reserve", order_id=order_id, location_id=location, lines=[line],
        latest_acceptable_ship_date=agreed,
    )
    date = placed.order.promised_ship_date
    again = " (it was placed before)" if placed.replayed else ""
    print(f"{order_id} ships on {date.year}-{date.month:02}-{date.day:02}{again}")
except grpc.RpcError as error:
    sys.exit(f"{order_id} is refused: {reason(error)}")
