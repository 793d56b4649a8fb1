/** Delivering to what is no log: taken is delivered. */

import { concat } from "../bytes.js";
import { coded } from "../error.js";
import type { Transport } from "../transport/transport.js";
import { join } from "./batch.js";
import type { Destination } from "./destination.js";
import { Failure } from "./failure.js";

/** Hands chunks of one export to a transport: the first begins with the header, unless there is one already. */
export function toTransport(transport: Transport, header: string): Destination {
  const write =
    typeof transport === "function" ? transport : (chunk: Uint8Array<ArrayBuffer>) => transport.write(chunk);
  let begun = false;
  return {
    async send(batches) {
      try {
        begun ||= typeof transport !== "function" && (await transport.begun());
        const lines = join(batches);
        await write(begun ? lines : concat([new TextEncoder().encode(header), lines]));
        begun = true;
      } catch (cause) {
        throw new Failure(
          "collector",
          coded(cause, "transport.failed", "the lines could not be handed on", "they are kept: flush again"),
        );
      }
      return { kind: "delivered", delivered: { proof: null, index: null } };
    },
    async close() {
      try {
        await (typeof transport === "function" ? undefined : transport.close?.());
        begun = false;
      } catch (cause) {
        throw coded(
          cause,
          "transport.failed",
          "the transport could not be closed",
          "all lines were handed on: see the cause",
        );
      }
    },
  };
}
