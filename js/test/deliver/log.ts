/** A log in memory behind a log server's interface, whose answers can be others, one after the other. */

import type { LogServerOptions, Fetch } from "../../packages/countersign/dist/deliver/log-server.js";
import { Chain } from "../conformance/chain.ts";
import { Signer } from "../conformance/keys.ts";
import { leafHash, root } from "../conformance/tree.ts";

export const ORIGIN = "log.example/audit";
const KEY = new Signer(ORIGIN, 1);
export const EMITTER = new Signer("example.com/emitter", 2);

/** What a submission is answered with, in the place of what the log would say. `pass` has the log take it. */
export type Intervention = (body: string, pass: () => Promise<Response>) => Response | Promise<Response>;

/** One line of a submission. */
interface Line {
  readonly link: string;
  readonly event?: { readonly action: string };
}

/** A log as a recorder has to do with it. */
export interface Reached {
  readonly vkey: string;
  readonly to: LogServerOptions;
}

/** A log. */
export class MemoryLog implements Reached {
  readonly vkey: string;
  readonly #key: Signer;
  readonly #leaves: string[] = [];
  /** The links of each chain. */
  readonly chains = new Map<string, string[]>();
  /** The actions of its events, in the order of the log. */
  readonly actions: string[] = [];
  /** The bodies that were submitted. */
  readonly bodies: string[] = [];
  readonly #interventions: Intervention[] = [];
  /** What happens to every submission that has no intervention of its own. */
  always: Intervention | undefined;

  constructor(key = KEY) {
    this.#key = key;
    this.vkey = key.vkey;
  }

  /** How a recorder reaches it. */
  get to(): LogServerOptions {
    return { url: "https://log.example", fetch: (_, init) => this.#submitted(init) };
  }

  /** Has the next submissions answered so. */
  meets(...interventions: Intervention[]): void {
    this.#interventions.push(...interventions);
  }

  /** The same log, of which nobody hears anything any more once that is so. */
  until(isDead: () => boolean): Reached {
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
    const said = Array.from(tips, ([chain, seq]) => {
      const link = this.chains.get(chain)?.[seq] ?? "";
      return [chain, { seq, index: this.#leaves.indexOf(link), proof: this.proof(link) }];
    });
    return json(200, { chains: Object.fromEntries(said), notes: [] });
  }

  /** A proof of a leaf that it has. */
  proof(leaf: string): string {
    const index = this.#leaves.indexOf(leaf);
    const hashes = this.#leaves.map((leaf) => leafHash(leaf));
    const path = pathTo(index, hashes).map((hash) => `${Buffer.from(hash).toString("base64")}\n`);
    const checkpoint = `${this.#key.name}\n${hashes.length}\n${Buffer.from(root(hashes)).toString("base64")}\n`;
    return `c2sp.org/tlog-proof@v1\nindex ${index}\n${path.join("")}\n${this.#key.note(checkpoint)}`;
  }

  /** Adds a leaf that is none of a recorder's. */
  add(leaf: string): void {
    this.#leaves.push(leaf);
  }
}

/** The way from a leaf to the root, from below. */
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

/** A refusal as the log server words it. */
export function refusal(
  status: number,
  code: string,
  beside: object = {},
  headers: Record<string, string> = {},
): Response {
  return json(status, { error: { code, message: "no", hint: "do something about it" }, ...beside }, headers);
}

/** The same answer with something else in the place of each chain's tip. */
export async function altered(
  answer: Response,
  alter: (tip: { seq: number; proof: string }, chain: string) => object | undefined,
): Promise<Response> {
  const body = (await answer.json()) as { chains: Record<string, { seq: number; proof: string }> };
  const chains = Object.entries(body.chains).map(([chain, tip]) => [chain, alter(tip, chain)]);
  return json(200, { ...body, chains: Object.fromEntries(chains) });
}
