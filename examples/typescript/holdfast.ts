// Calls Holdfast from its proto files: HOLDFAST_PROTO is the directory that holds `holdfast/v1/`.

import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import * as protobuf from "protobufjs";

const names = ["checkout", "warehouse", "event", "supply", "catalog", "operations"];
const definition = loadSync(names.map((name) => `holdfast/v1/${name}_service.proto`), {
  includeDirs: [process.env.HOLDFAST_PROTO ?? "proto"],
  // Fields keep the names of the contract; 64-bit numbers are text, for a double does not hold them all.
  keepCase: true,
  longs: String,
  enums: String,
  oneofs: true,
});
const services = (grpc.loadPackageDefinition(definition) as any).holdfast.v1;

// After these a call may have had an effect: it is repeated with the same id.
const REPEAT = [grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED];

export const mayRepeat = (error: any) => REPEAT.includes(error.code);
export const sleep = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000));
/** Not all clients wait alike. */
export const spread = (seconds: number) => seconds * (0.5 + Math.random());

export class Holdfast {
  private clients = new Map<string, any>();

  constructor(private address: string) {}

  private client(service: string): any {
    let client = this.clients.get(service);
    if (!client) {
      client = new services[service](this.address, grpc.credentials.createInsecure());
      this.clients.set(service, client);
    }
    return client;
  }

  /** One call with a deadline, repeated as it is until it is answered. */
  async call(service: string, method: string, request: object): Promise<any> {
    let wait = 0.1;
    for (let attempt = 0; ; attempt++) {
      try {
        return await new Promise((done, failed) =>
          this.client(service)[method](request, { deadline: Date.now() + 2000 }, (error: any, answer: any) =>
            error ? failed(error) : done(answer),
          ),
        );
      } catch (error) {
        if (!mayRepeat(error) || attempt === 7) throw error;
      }
      await sleep(spread(wait));
      wait = Math.min(wait * 2, 5);
    }
  }

  /** A stream, to be read with `for await`: a message is taken when the one before it is dealt with. */
  watch(service: string, method: string, request: object): AsyncIterable<any> {
    return this.client(service)[method](request);
  }

  close() {
    this.clients.forEach((client) => client.close());
  }
}

const details = protobuf.parse(`
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; }
`).root;

/** The `reason` of an error, by which a program tells one no from another. */
export function reason(error: any): string {
  const packed = error.metadata?.get("grpc-status-details-bin")[0] as Buffer | undefined;
  if (!packed) return "";
  const status: any = details.lookupType("Status").decode(packed);
  const info = status.details.find((detail: any) => detail.typeUrl.endsWith("/google.rpc.ErrorInfo"));
  return info ? (details.lookupType("ErrorInfo").decode(info.value) as any).reason : "";
}
