// Follows releases. Usage: warehouse HOST:PORT LOCATION TOKEN_FILE

import * as grpc from "@grpc/grpc-js";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Holdfast, mayRepeat, reason, sleep, spread } from "./holdfast";

const [address, location_id, token_file] = process.argv.slice(2);
const warehouse = new Holdfast(address);

/** Must be safe to do twice: a cut may come before the token is kept. */
async function dealWith(message: any) {
  if (message.item === "release") {
    const { order_id, lines } = message.release;
    console.log(`ship ${order_id}: ${lines.map((line: any) => `${line.quantity} x ${line.sku}`).join(", ")}`);
    try {
      await warehouse.call("WarehouseService", "AcknowledgeRelease", { order_id });
    } catch (error: any) {
      // It was cancelled just now: its revocation follows.
      if (error.code !== grpc.status.FAILED_PRECONDITION) throw error;
    }
  } else if (message.item === "revocation") {
    console.log(`stop ${message.revocation.order_id}`);
  }
}

async function main() {
  let wait = 0.1;
  for (;;) {
    const resume_token = existsSync(token_file) ? readFileSync(token_file, "utf8") : "";
    try {
      for await (const message of warehouse.watch("WarehouseService", "WatchReleases", { location_id, resume_token })) {
        await dealWith(message);
        writeFileSync(token_file, message.resume_token);
        wait = 0.1;
      }
    } catch (error: any) {
      const why = reason(error);
      if (why === "STREAM_ENDED") continue;
      if (why === "RESUME_TOKEN_EXPIRED" || why === "RESUME_TOKEN_INVALID") {
        // What is open is told anew. What was told before and is not told now is to be stopped.
        rmSync(token_file, { force: true });
      } else if (!mayRepeat(error) && error.code !== grpc.status.UNKNOWN && error.code !== grpc.status.CANCELLED) {
        console.error(`${grpc.status[error.code]}: ${error.details}`);
        process.exit(1);
      }
    }
    await sleep(spread(wait));
    wait = Math.min(wait * 2, 5);
  }
}

main();
