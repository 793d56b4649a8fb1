/** A log under test, of any kind. */

import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { byUrl } from "./by-url.ts";
import { Chain } from "./chain.ts";
import { durableObject } from "./durable-object.ts";
import { type Answer, type Ask, ask, type Json, send } from "./http.ts";
import type { Signer } from "./keys.ts";
import { serve } from "./serve.ts";
import { EMITTERS, LOG, ORIGIN, SETUP, type Setup } from "./setup.ts";
import { type Checkpoint, openCheckpoint, openProof } from "./tree.ts";

/** Timeout of a file's tests with one log, in milliseconds. */
export const TIMEOUT_MS = 120_000;

/** A running log server. */
export interface Started {
  /** The URL without a trailing slash. It may change with a restart. */
  readonly url: string;
  /** Stops or kills it, and starts it again with its storage. */
  restart(setup: Setup, killed: boolean): Promise<void>;
  close(): Promise<void>;
}

/** A way to run a log. */
export interface Kind {
  readonly name: string;
  /** The reason why it can't run here, if any. */
  readonly skip: string | false;
  /** Limits of a submission. */
  readonly limits: { bytes: number; lines: number };
  /** True if it can be restarted, also with other settings. */
  readonly restarts: boolean;
  start(setup: Setup): Promise<Started>;
}

/** The verified result of an accepted submission. */
export interface Accepted {
  readonly added: number;
  readonly repeated: number;
  readonly checkpoint: Checkpoint;
  /** The last link of each chain, and the index of each key note. */
  readonly chains: ReadonlyMap<string, { seq: number; index: number }>;
  readonly notes: readonly number[];
}

/** A submitted entry. */
interface SubmittedEntry {
  link?: string;
  note?: string;
}

/** A log under test. */
export class Log {
  readonly kind: Kind;
  #started: Started | undefined;
  #given = 0;

  constructor(kind: Kind) {
    this.kind = kind;
  }

  /** Starts the log with the common setup and these changes. */
  async start(change: Partial<Setup> = {}): Promise<void> {
    this.#started = await this.kind.start({ ...SETUP, ...change });
  }

  async close(): Promise<void> {
    await this.#started?.close();
  }

  async restart(change: Partial<Setup> = {}): Promise<void> {
    await this.#running.restart({ ...SETUP, ...change }, false);
  }

  /** Kills the log during work, and starts it again. */
  async kill(): Promise<void> {
    await this.#running.restart(SETUP, true);
  }

  get url(): string {
    return this.#running.url;
  }

  get #running(): Started {
    return this.#started ?? assert.fail("the log was not started");
  }

  /** The reason for skipping tests that restart the log, if any. */
  get lasting(): string | false {
    return this.kind.restarts ? false : "it cannot be started again from here";
  }

  /** Returns a unique string, the same for each kind of log. */
  unique(): string {
    this.#given += 1;
    return String(this.#given);
  }

  /** Returns a unique chain. */
  chain(key: Signer = EMITTERS[0], at?: number): Chain {
    return Chain.begin(key, ORIGIN, this.unique(), at);
  }

  ask(path: string, options?: Ask): Promise<Answer> {
    return ask(this.url, path, options);
  }

  /** Sends a GET request, with a reader's token if given. */
  get(path: string, token?: string, headers: Ask["headers"] = {}): Promise<Answer> {
    return this.ask(path, { headers: { ...headers, ...bearer(token) } });
  }

  /** Sends a GET request whose response may never end. */
  open(path: string, token?: string, headers: Ask["headers"] = {}): ReturnType<typeof send> {
    return send(this.url, path, { headers: { ...headers, ...bearer(token) } });
  }

  submit(body: string | Uint8Array, headers: Ask["headers"] = {}): Promise<Answer> {
    return this.ask("/submit", { method: "POST", headers, body });
  }

  /** Submits a body that must be accepted, and verifies the response. */
  async take(body: string, headers?: Ask["headers"]): Promise<Accepted> {
    const answer = await this.submit(body, headers);
    assert.equal(answer.status, 200, answer.text);
    return taken(answer, body);
  }

  erase(asked: Json | string, token?: string): Promise<Answer> {
    const body = typeof asked === "string" ? asked : JSON.stringify(asked);
    return this.ask("/erase", { method: "POST", headers: bearer(token), body });
  }

  /** Returns the verified published checkpoint. */
  async checkpoint(vkey = LOG.vkey): Promise<Checkpoint> {
    const answer = await this.get("/checkpoint");
    assert.equal(answer.status, 200, answer.text);
    return openCheckpoint(answer.text, vkey);
  }

  async size(): Promise<number> {
    return (await this.checkpoint()).size;
  }

  /** Returns an export. */
  async export(query: string, token: string): Promise<string> {
    const answer = await this.get(`/export${query}`, token);
    assert.equal(answer.status, 200, answer.text);
    return answer.text;
  }

  /** Asserts that a new chain is accepted. */
  async stillAccepts(): Promise<void> {
    const before = await this.size();
    assert.equal((await this.take(this.chain(EMITTERS[2]).events(1).body())).checkpoint.size, before + 2);
  }
}

const bearer = (token: string | undefined): { authorization?: string } =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** Verifies the response to a submission. */
function taken(answer: Answer, body: string): Accepted {
  assert.equal(answer.headers["content-type"], "application/json");
  const { checkpoint, chains, notes, added, repeated, ...rest } = answer.json;
  assert.deepEqual(rest, {});
  assert.ok(typeof checkpoint === "string" && typeof added === "number" && typeof repeated === "number");
  const lines = body.split("\n").filter((line) => line.trim() !== "");
  const brought = lines.map((line): SubmittedEntry => JSON.parse(line));
  assert.equal(added + repeated, lines.length);

  const prove = (proof: Json | undefined, leaf: string, index: Json | undefined) => {
    assert.ok(typeof proof === "string" && proof.endsWith(`\n\n${checkpoint}`));
    assert.equal(openProof(proof, leaf, LOG.vkey).index, index);
  };
  const tips = new Map<string, { seq: number; link: string }>();
  for (const { link } of brought) {
    const place = link === undefined ? undefined : placeOf(link);
    if (link !== undefined && place !== undefined && place.seq >= (tips.get(place.chain)?.seq ?? 0)) {
      tips.set(place.chain, { seq: place.seq, link });
    }
  }
  const said = Object.entries(chains as { [chain: string]: { [name: string]: Json } });
  assert.deepEqual(said.map(([chain]) => chain).sort(), [...tips.keys()].sort());
  for (const [chain, { seq, index, proof, ...rest }] of said) {
    assert.deepEqual([seq, rest], [tips.get(chain)?.seq, {}]);
    prove(proof, tips.get(chain)?.link ?? "", index);
  }
  const entries = [...new Set(brought.flatMap(({ note }) => note ?? []))];
  const kept = notes as { [name: string]: Json }[];
  assert.equal(kept.length, entries.length);
  for (const [place, { index, proof, ...rest }] of kept.entries()) {
    assert.deepEqual(rest, {});
    prove(proof, entries[place] ?? "", index);
  }
  return {
    added,
    repeated,
    checkpoint: openCheckpoint(checkpoint, LOG.vkey),
    chains: new Map(said.map(([chain, { seq, index }]) => [chain, { seq: Number(seq), index: Number(index) }])),
    notes: kept.map(({ index }) => Number(index)),
  };
}

/** Returns the chain and `seq` of a link. */
function placeOf(link: string): { chain: string; seq: number } {
  const [, kind, chain = "", seq] = link.split(" ");
  return kind === "open" ? { chain: Chain.idOf(link), seq: 0 } : { chain, seq: Number(seq) };
}

/** The kinds to test: the log with the given URL, or one of each. */
export const KINDS: readonly Kind[] = byUrl === undefined ? [serve, durableObject] : [byUrl];

/** Runs the same tests for each kind of log, with one log per kind. */
export function onEachLog(tests: (log: Log) => void): void {
  for (const kind of KINDS) {
    describe(kind.name, { skip: kind.skip, timeout: TIMEOUT_MS }, () => {
      const log = new Log(kind);
      before(() => log.start());
      after(() => log.close());
      tests(log);
    });
  }
}
