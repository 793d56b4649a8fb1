/** An in-memory log with a log server's interface, whose responses can be replaced one by one. */

import type { Fetch, LogServerOptions } from "../../packages/countersign/dist/deliver/log-server.js";
import { Chain } from "../conformance/chain.ts";
import { Signer } from "../conformance/keys.ts";
import { leafHash, root } from "../conformance/tree.ts";

export const ORIGIN = "log.example/audit";
const KEY = new Signer(ORIGIN, 1);
export const EMITTER = new Signer("example.com/emitter", 2);

/** Returns a response to a submission instead of the log's. `pass` lets the log accept it. */
export type Intervention = (body: string, pass: () => Promise<Response>) => Response | Promise<Response>;

/** One line of a submission. */
interface Line {
  readonly link: string;
  readonly event?: { readonly action: string };
}

/** A log as a recorder sees it. */
export interface Destination {
  readonly vkey: string;
  readonly to: LogServerOptions;
}

/** An in-memory log. */
export class MemoryLog implements Destination {
  readonly vkey: string;
  readonly #key: Signer;
  readonly #leaves: string[] = [];
  /** The links of each chain. */
  readonly chains = new Map<string, string[]>();
  /** The actions of its events, in the order of the log. */
  readonly actions: string[] = [];
  /** The submitted bodies. */
  readonly bodies: string[] = [];
  readonly #interventions: Intervention[] = [];
  /** The response to every submission without an intervention of its own. */
  always: Intervention | undefined;

  constructor(key = KEY) {
    this.#key = key;
    this.vkey = key.vkey;
  }

  /** The option `to` for recorders. */
  get to(): LogServerOptions {
    return { url: "https://log.example", fetch: (_, init) => this.#submitted(init) };
  }

  /** Sets the responses to the next submissions. */
  meets(...interventions: Intervention[]): void {
    this.#interventions.push(...interventions);
  }

  /** Returns the same log, which stops responding once `isDead` returns true. */
  until(isDead: () => boolean): Destination {
    const fetch: Fetch = (_, init) => (isDead() ? new Promise(() => {}) : this.#submitted(init));
    return { vkey: this.vkey, to: { url: "https://log.example", fetch } };
  }

  async #submitted({ body, signal }: RequestInit): Promise<Response> {
    const text = new TextDecoder().decode(body as Uint8Array);
    this.bodies.push(text);
    const intervention = this.#interventions.shift() ?? this.always ?? ((_, pass) => pass());
    return Promise.race([
      Promise.resolve().then(() => intervention(text, async () => this.#take(text))),
      new Promise<never>((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      }),
    ]);
  }

  #take(body: string): Response {
    const lines = linesOf(body);
    const tips = new Map<string, number>();
    for (const { link, event } of lines) {
      const { chain, seq } = placeOf(link);
      const links = this.chains.get(chain) ?? [];
      if (seq > links.length) {
        return refusal(409, "log.gap", { chain, expected: links.length });
      }
      if (seq < links.length && links[seq] !== link) {
        return refusal(409, "log.fork", { chain, seq });
      }
      if (seq === links.length) {
        this.chains.set(chain, [...links, link]);
        this.#leaves.push(link);
        if (event !== undefined) {
          this.actions.push(event.action);
        }
      }
      tips.set(chain, seq);
    }
    const tipLines = Array.from(tips, ([chain, seq]) => {
      const link = this.chains.get(chain)?.[seq] ?? "";
      return [chain, { seq, index: this.#leaves.indexOf(link), proof: this.proof(link) }];
    });
    return json(200, { chains: Object.fromEntries(tipLines), notes: [] });
  }

  /** Returns a proof of an entry. */
  proof(leaf: string): string {
    const index = this.#leaves.indexOf(leaf);
    const hashes = this.#leaves.map((leaf) => leafHash(leaf));
    const path = pathTo(index, hashes).map((hash) => `${Buffer.from(hash).toString("base64")}\n`);
    const checkpoint = `${this.#key.name}\n${hashes.length}\n${Buffer.from(root(hashes)).toString("base64")}\n`;
    return `c2sp.org/tlog-proof@v1\nindex ${index}\n${path.join("")}\n${this.#key.note(checkpoint)}`;
  }

  /** Adds an entry that is not a recorder's. */
  add(leaf: string): void {
    this.#leaves.push(leaf);
  }
}

/** Returns the path from a leaf to the root, from below. */
function pathTo(index: number, hashes: readonly Uint8Array[]): Uint8Array[] {
  if (hashes.length === 1) {
    return [];
  }
  const middle = 2 ** Math.ceil(Math.log2(hashes.length) - 1);
  const [left, right] = [hashes.slice(0, middle), hashes.slice(middle)];
  return index < middle ? [...pathTo(index, left), root(right)] : [...pathTo(index - middle, right), root(left)];
}

export function linesOf(body: string): Line[] {
  return body
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

export function placeOf(link: string): { chain: string; seq: number } {
  const [, kind, chain = "", seq] = link.split(" ");
  return kind === "open" ? { chain: Chain.idOf(link), seq: 0 } : { chain, seq: Number(seq) };
}

export function json(status: number, body: object, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

/** Returns an error response of the log server. */
export function refusal(
  status: number,
  code: string,
  beside: object = {},
  headers: Record<string, string> = {},
): Response {
  return json(status, { error: { code, message: "no", hint: "do something about it" }, ...beside }, headers);
}

/** Returns a response with altered tips. */
export async function altered(
  answer: Response,
  alter: (tip: { seq: number; proof: string }, chain: string) => object | undefined,
): Promise<Response> {
  const body = (await answer.json()) as { chains: Record<string, { seq: number; proof: string }> };
  const chains = Object.entries(body.chains).map(([chain, tip]) => [chain, alter(tip, chain)]);
  return json(200, { ...body, chains: Object.fromEntries(chains) });
}
