// Places an order. Usage: checkout HOST:PORT LOCATION ORDER_ID SKU QUANTITY

import { Holdfast, reason } from "./holdfast";

async function main(address: string, location_id: string, order_id: string, sku: string, quantity: string) {
  const shop = new Holdfast(address);
  const lines = [{ sku, quantity }];
  try {
    // What the customer is shown, and agrees to.
    const { quote } = await shop.call("CheckoutService", "Quote", { location_id, lines });
    // The order's id is made once, before the first try, and kept: every repeat carries it.
    const placed = await shop.call("CheckoutService", "Reserve", {
      order_id,
      location_id,
      lines,
      latest_acceptable_ship_date: quote.promised_ship_date,
    });
    const { year, month, day } = placed.order.promised_ship_date;
    const date = [year, String(month).padStart(2, "0"), String(day).padStart(2, "0")].join("-");
    console.log(`${order_id} ships on ${date}${placed.replayed ? " (it was placed before)" : ""}`);
  } catch (error) {
    console.error(`${order_id} is refused: ${reason(error)}`);
    process.exitCode = 1;
  } finally {
    shop.close();
  }
}

const [address, location, order, sku, quantity] = process.argv.slice(2);
main(address, location, order, sku, quantity);
