/** Where batches go, and what shows that they came there. */

import { concat } from "../bytes.js";
import { CountersignError, coded } from "../error.js";
import { hasField, own } from "../own.js";
import type { ChunkPosition, Transport, TransportObject } from "../transport/transport.js";
import { type Batch, join, lastLink } from "./batch.js";
import type { LogServer, Sending } from "./log-server.js";
import { Failure } from "./failure.js";
import { type Otherwise, readResponse } from "./response.js";

/** That batches are where they should be. */
export interface Delivered {
  /** The proof of the last link, and its index; null where there is no log. */
  readonly proof: string | null;
  readonly index: number | null;
}

/** What became of batches that were sent. */
export type Sent = { kind: "delivered"; delivered: Delivered } | Otherwise;

/** Takes batches of one chain, in order. Throws {@link Failure}. */
export interface Destination {
  send(batches: readonly Batch[], sending: Sending): Promise<Sent>;
  /** Lets go of what it holds. */
  close?(): Promise<void>;
}

/** Checks a proof of a leaf, and gives the leaf's index. */
export type Prove = (proof: string, leaf: string) => number;

/** Delivers to a log server, and believes the log's proofs alone. `dated` is given when the log server answered. */
export function toLogServer(logServer: LogServer, prove: Prove, dated: (date: number) => void): Destination {
  return {
    async send(batches, sending) {
      const last = batches.at(-1);
      if (last === undefined) {
        throw new TypeError("nothing to send");
      }
      const answer = await logServer.post(join(batches), sending).catch((cause: CountersignError) => {
        throw new Failure("log_server", cause);
      });
      dated(answer.date);
      const read = readResponse(answer);
      if (read.kind === "failed") {
        throw read.failure;
      }
      if (read.kind !== "taken") {
        return read;
      }
      const tip = read.tip(last.chain);
      if (tip?.seq !== last.to) {
        throw unproven(new CountersignError("proof.invalid", "the answer has no proof of the last link that was sent"));
      }
      try {
        const index = prove(tip.proof, lastLink(last));
        return { kind: "delivered", delivered: { proof: tip.proof, index } };
      } catch (cause) {
        throw unproven(cause);
      }
    },
  };
}

function unproven(cause: unknown): Failure {
  const message = cause instanceof CountersignError ? cause.message : `${cause}`;
  const hint =
    "the log server says that it has the events and does not prove it to `log`: is that the log's key? The events are kept";
  const error = new CountersignError("proof.invalid", `the log_server's proof is not believed: ${message}`, {
    hint,
    cause,
  });
  return new Failure("log_server", error);
}

function positionOf(batches: readonly Batch[], hasHeader: boolean): ChunkPosition {
  const [head, tail] = [batches[0], batches.at(-1)];
  return { chain: head?.chain ?? "", first: head?.from ?? 0, last: tail?.to ?? 0, hasHeader };
}

/** Hands chunks of one export to a transport: the first begins with the header, unless there is one already. */
export function toTransport(transport: Transport, header: string): Destination {
  const to: TransportObject =
    typeof transport === "function"
      ? own<TransportObject>({ begun: () => false, write: (chunk, position) => transport(chunk, position) })
      : transport;
  let begun = false;
  return {
    async send(batches) {
      try {
        begun ||= await to.begun();
        const lines = join(batches);
        const chunk = begun ? lines : concat([new TextEncoder().encode(header), lines]);
        await to.write(chunk, positionOf(batches, !begun));
        begun = true;
      } catch (cause) {
        throw new Failure(
          "log_server",
          coded(cause, "transport.failed", "the lines could not be handed on", "see the cause"),
        );
      }
      return { kind: "delivered", delivered: { proof: null, index: null } };
    },
    async close() {
      try {
        if (hasField(to, "close")) {
          await to.close?.();
        }
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
