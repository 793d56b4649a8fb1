/** Destinations of batches, and their confirmations of delivery. */

import { concat } from "../bytes.js";
import { CountersignError, coded } from "../error.js";
import { hasField, own } from "../own.js";
import type { ChunkPosition, Transport, TransportObject } from "../transport/transport.js";
import { type Batch, join, lastLink } from "./batch.js";
import { Failure } from "./failure.js";
import type { LogServer, RequestSettings } from "./log-server.js";
import { compareAnswer, compareDisplaced, type TenantLog } from "./newest-head.js";
import { type ResendResult, readResponse } from "./response.js";

/** Confirmation that batches were delivered. */
export interface Confirmation {
  /** The proof of the last link, and its index; null without a log. */
  readonly proof: string | null;
  readonly index: number | null;
}

/** The outcome of sending batches. */
export type SendResult = { kind: "delivered"; delivered: Confirmation } | ResendResult;

/** Receives batches of one chain, in order. Throws {@link Failure}. */
export interface Destination {
  send(batches: readonly Batch[], sending: RequestSettings): Promise<SendResult>;
  /** Releases its resources. */
  close?(): Promise<void>;
}

/** Verifies a proof of an entry and returns the entry's index. */
export type Prove = (proof: string, leaf: string) => number;

/**
 * Returns a destination that delivers to a log server and trusts only the log's proofs. `dated` is called with the date
 * of each response. With `tenant`, it delivers to that tenant's log.
 */
export function toLogServer(
  logServer: LogServer,
  prove: Prove,
  dated: (date: number) => void,
  tenant?: TenantLog,
): Destination {
  const refuseContradicted = () => {
    const contradiction = tenant?.heads.contradiction;
    if (contradiction !== undefined) {
      throw new Failure("stopped", contradiction);
    }
  };
  return {
    async send(batches, sending) {
      const last = batches.at(-1);
      if (last === undefined) {
        throw new TypeError("nothing to send");
      }
      if (tenant !== undefined) {
        compareDisplaced(tenant);
      }
      refuseContradicted();
      const stated = tenant?.heads.seen;
      const answer = await logServer.post(join(batches), sending, stated?.since).catch((cause: CountersignError) => {
        throw new Failure("server", cause);
      });
      dated(answer.date);
      refuseContradicted();
      const read = readResponse(answer, tenant?.origin);
      if (read.kind === "failed") {
        throw read.failure;
      }
      if (read.kind !== "taken") {
        return read;
      }
      const tip = read.tip(last.chain);
      if (tip?.seq !== last.to) {
        throw unproven(
          new CountersignError("proof.invalid", "the response has no proof of the last link that was sent"),
        );
      }
      let index: number;
      try {
        index = prove(tip.proof, lastLink(last));
      } catch (cause) {
        refuseContradicted();
        throw unproven(cause);
      }
      try {
        if (tenant !== undefined && stated !== undefined) {
          if (tenant.heads.seen !== stated) {
            // Another submission to this log was answered in the meantime. This answer can only be compared with its head.
            return this.send(batches, sending);
          }
          compareAnswer(tenant, stated, read.growth);
        }
      } catch (cause) {
        refuseContradicted();
        throw cause instanceof CountersignError ? new Failure("server", cause) : unproven(cause);
      }
      return { kind: "delivered", delivered: { proof: tip.proof, index } };
    },
  };
}

function unproven(cause: unknown): Failure {
  const message = cause instanceof CountersignError ? cause.message : `${cause}`;
  const hint =
    "check that `log` is the public key of this server's log, because the server does not prove that it has the events; they stay queued";
  const error = new CountersignError("proof.invalid", `the log server's proof is invalid: ${message}`, {
    hint,
    cause,
  });
  return new Failure("server", error);
}

function positionOf(batches: readonly Batch[], hasHeader: boolean): ChunkPosition {
  const [head, tail] = [batches[0], batches.at(-1)];
  return { chain: head?.chain ?? "", first: head?.from ?? 0, last: tail?.to ?? 0, hasHeader };
}

/**
 * Returns a destination that passes chunks of one export to a transport. The first chunk includes the header, unless
 * the transport already has one.
 */
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
          "server",
          coded(cause, "transport.failed", "the transport failed to write lines", "see the cause"),
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
          "see the cause; all lines were written",
        );
      }
    },
  };
}
