/** Watchlists for tests, written and signed independently of the code that reads them. */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Signer } from "../conformance/keys.ts";

/** The issuers of lists. */
export const WATCH = new Signer("example.com/watch", 60);
export const OTHER = new Signer("example.com/watch", 61);

export const FINDING = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";
export const PACK = Buffer.alloc(32, 2).toString("base64");
const SALT = Buffer.alloc(16, 3);

/** The prefix of an IPv4 address in IPv6. */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];

export interface Entry {
  kind: "actor" | "address" | "credential" | "session";
  value: string;
  decision?: "challenge" | "deny";
  until?: number;
}

/** Returns the note of a list that is valid from a time, in milliseconds, for a duration. */
export function watchlist(
  sequence: number,
  entries: readonly Entry[],
  { made = Date.now(), holds = 300_000, by = WATCH, origin = "log.example/audit" } = {},
): string {
  const time = (millis: number) => new Date(millis).toISOString();
  const lines = entries.map(({ kind, value, decision = "deny", until = made + 3_600_000 }) => {
    const bytes = kind === "address" ? Buffer.of(...MAPPED, ...value.split(".").map(Number)) : value;
    const hash = createHash("sha256").update(SALT).update(`${kind}\n`).update(bytes).digest();
    return {
      key: `${kind} ${hash.toString("hex")}`,
      line: `${kind} ${hash.toString("base64")} ${decision} ${time(until)} ${FINDING} "failed-logins"\n`,
    };
  });
  lines.sort((one, other) => (one.key < other.key ? -1 : 1));
  const text = [
    "countersign/v1 watchlist\n",
    `${origin}\n`,
    `${sequence} ${time(made)} ${time(made + holds)}\n`,
    `${PACK}\n`,
    `${SALT.toString("base64")}\n`,
    ...lines.map(({ line }) => line),
  ].join("");
  return by.note(text);
}

/** Starts a server that serves a list, or fails. */
export async function listServer(t: { after(work: () => void): void }) {
  const state = { note: "", status: 200, asked: 0 };
  const server = createServer((_request, response) => {
    state.asked += 1;
    response.writeHead(state.status, { "content-type": "text/plain; charset=utf-8" }).end(state.note);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(state, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/watchlist` });
}
