/** A log under test, whatever runs it. */

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

/** How long the tests of one file may take with one log before they have failed anyway. */
export const PATIENCE = 120_000;

/** A log that runs. */
export interface Started {
  /** Where, without a slash at its end. It may change with a restart. */
  readonly url: string;
  /** Stops it, or kills it in the middle of what it does, and starts it again with all that it stored. */
  restart(setup: Setup, killed: boolean): Promise<void>;
  close(): Promise<void>;
}

/** One way to run a log. */
export interface Kind {
  readonly name: string;
  /** Why it cannot be run here, if it cannot. */
  readonly skip: string | false;
  /** How much it takes at one time. */
  readonly limits: { bytes: number; lines: number };
  /** Whether it can be started again, and under another setup. */
  readonly restarts: boolean;
  start(setup: Setup): Promise<Started>;
}

/** What a log answered to a submission that it took, all of it verified. */
export interface Taken {
  readonly added: number;
  readonly repeated: number;
  readonly checkpoint: Checkpoint;
  /** Of each chain its last link's place, and of each key note its index. */
  readonly chains: ReadonlyMap<string, { seq: number; index: number }>;
  readonly notes: readonly number[];
}

/** A leaf that a body brings. */
interface Brought {
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

  /** Starts it as all logs are set up, but for this. */
  async start(change: Partial<Setup> = {}): Promise<void> {
    this.#started = await this.kind.start({ ...SETUP, ...change });
  }

  async close(): Promise<void> {
    await this.#started?.close();
  }

  async restart(change: Partial<Setup> = {}): Promise<void> {
    await this.#running.restart({ ...SETUP, ...change }, false);
  }

  /** Ends it in the middle of what it does, and starts it again. */
  async kill(): Promise<void> {
    await this.#running.restart(SETUP, true);
  }

  get url(): string {
    return this.#running.url;
  }

  get #running(): Started {
    return this.#started ?? assert.fail("the log was not started");
  }

  /** Why a test that starts the log again has to be left out, if it has. */
  get lasting(): string | false {
    return this.kind.restarts ? false : "it cannot be started again from here";
  }

  /** A text that no other test has, the same for each kind of log. */
  unique(): string {
    this.#given += 1;
    return String(this.#given);
  }

  /** A chain that no other test has. */
  chain(key: Signer = EMITTERS[0], at?: number): Chain {
    return Chain.begin(key, ORIGIN, this.unique(), at);
  }

  ask(path: string, options?: Ask): Promise<Answer> {
    return ask(this.url, path, options);
  }

  /** Asks for something, as a reader where there is a token. */
  get(path: string, token?: string, headers: Ask["headers"] = {}): Promise<Answer> {
    return this.ask(path, { headers: { ...headers, ...bearer(token) } });
  }

  /** The same, whose answer may never end. */
  open(path: string, token?: string, headers: Ask["headers"] = {}): ReturnType<typeof send> {
    return send(this.url, path, { headers: { ...headers, ...bearer(token) } });
  }

  submit(body: string | Uint8Array, headers: Ask["headers"] = {}): Promise<Answer> {
    return this.ask("/submit", { method: "POST", headers, body });
  }

  /** Submits what the log has to take, and verifies its answer. */
  async take(body: string, headers?: Ask["headers"]): Promise<Taken> {
    const answer = await this.submit(body, headers);
    assert.equal(answer.status, 200, answer.text);
    return taken(answer, body);
  }

  erase(asked: Json | string, token?: string): Promise<Answer> {
    const body = typeof asked === "string" ? asked : JSON.stringify(asked);
    return this.ask("/erase", { method: "POST", headers: bearer(token), body });
  }

  /** The published checkpoint, verified. */
  async checkpoint(vkey = LOG.vkey): Promise<Checkpoint> {
    const answer = await this.get("/checkpoint");
    assert.equal(answer.status, 200, answer.text);
    return openCheckpoint(answer.text, vkey);
  }

  async size(): Promise<number> {
    return (await this.checkpoint()).size;
  }

  /** An export's text. */
  async export(query: string, token: string): Promise<string> {
    const answer = await this.get(`/export${query}`, token);
    assert.equal(answer.status, 200, answer.text);
    return answer.text;
  }

  /** Asserts that a chain that nothing was heard of is taken. */
  async goesOn(): Promise<void> {
    const before = await this.size();
    assert.equal((await this.take(this.chain(EMITTERS[2]).events(1).body())).checkpoint.size, before + 2);
  }
}

const bearer = (token: string | undefined): { authorization?: string } =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** Verifies what a log answers to a submission of this body. */
function taken(answer: Answer, body: string): Taken {
  assert.equal(answer.headers["content-type"], "application/json");
  const { checkpoint, chains, notes, added, repeated, ...rest } = answer.json;
  assert.deepEqual(rest, {});
  assert.ok(typeof checkpoint === "string" && typeof added === "number" && typeof repeated === "number");
  const lines = body.split("\n").filter((line) => line.trim() !== "");
  const brought = lines.map((line): Brought => JSON.parse(line));
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

/** Which link of which chain this is. */
function placeOf(link: string): { chain: string; seq: number } {
  const [, kind, chain = "", seq] = link.split(" ");
  return kind === "open" ? { chain: Chain.idOf(link), seq: 0 } : { chain, seq: Number(seq) };
}

/** The logs that are tested: the one whose address is given, or one of each kind. */
export const KINDS: readonly Kind[] = byUrl === undefined ? [serve, durableObject] : [byUrl];

/** Tests the same of each kind of log, each with one log of its own that its tests share. */
export function onEachLog(tests: (log: Log) => void): void {
  for (const kind of KINDS) {
    describe(kind.name, { skip: kind.skip, timeout: PATIENCE }, () => {
      const log = new Log(kind);
      before(() => log.start());
      after(() => log.close());
      tests(log);
    });
  }
}
