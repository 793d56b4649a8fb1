/** A real log server behind a proxy that fails in every way, determined by the number of the request. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { chance, choose } from "./chance.ts";

/** The treatments of a submission with their weights. */
const FATES = {
  passes: 52,
  "passes later": 4,
  "is refused": 4,
  "is cut off while it is sent": 2,
  "is not passed, and not answered": 2,
  "is passed, and not answered": 4,
  "is passed, and cut off": 4,
  "is answered by half": 4,
  "is answered 503": 4,
  "is answered 503 with retry-after": 2,
  "is answered 429": 3,
  "is answered 500": 2,
  "is answered with a page": 2,
  "is redirected": 1,
  "is too large": 2,
  "has a gap inside": 2,
  "has a gap after": 2,
  "has a gap before": 1,
  "has a forged proof": 2,
  "has the proof of before": 2,
  "has the proof of another link": 2,
  "has no proof": 1,
  "is said to be taken, and is not": 3,
};
export type Fate = keyof typeof FATES;
const NAMES = Object.keys(FATES) as Fate[];

/** A complete response of the log server. */
interface ProxyResponse {
  status: number;
  type: string;
  body: Buffer;
}

interface SubmitResponse {
  chains: Record<string, { seq: number; index: number; proof: string }>;
}

/** A client of the proxy. Its URL is `NAME/submit`. */
interface Sender {
  submissions: number;
  kill: (() => unknown) | undefined;
  /** Number of submissions until the sender is killed, and whether the log server receives the last one. */
  killIn: { left: number; after: boolean } | undefined;
}

/** A proxy that fails. */
export class FailingProxy {
  /** Number of submissions by treatment. */
  readonly fates = new Map<Fate, number>();
  /** Rejections by the log server itself. */
  readonly refusals: string[] = [];
  /** True if everything passes. */
  calm = false;
  readonly #senders = new Map<string, Sender>();
  readonly #seed: number;
  readonly #target: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #before = new Map<string, string>();
  readonly #server = createServer((incoming, outgoing) => {
    // A killed client accepts no response.
    incoming.on("error", () => {});
    outgoing.on("error", () => {});
    this.#serve(incoming, outgoing).catch(() => outgoing.destroy());
  });

  /** The behavior depends only on the seed, the sender, and the number of its submission. */
  constructor(target: string, seed: number) {
    this.#target = target;
    this.#seed = seed;
  }

  async start(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  /** Returns a sender's URL of the log server. */
  url(sender: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${sender}`;
  }

  /** Kills a sender on request, or at its n-th next submission. */
  killAt(sender: string, kill: () => unknown, at?: { left: number; after: boolean }): void {
    const found = this.#sender(sender);
    found.kill = kill;
    found.killIn = at && { ...at };
  }

  get submissions(): number {
    return [...this.#senders.values()].reduce((sum, { submissions }) => sum + submissions, 0);
  }

  close(): void {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    outgoing.setHeader("access-control-allow-origin", "*");
    outgoing.setHeader("access-control-expose-headers", "retry-after");
    const [, name = "", what] = (incoming.url ?? "").split("/");
    const sender = this.#sender(name);
    if (what === "kill") {
      killNow(sender);
    }
    if (what !== "submit" || incoming.method !== "POST") {
      outgoing.writeHead(204).end();
      return;
    }
    const number = sender.submissions++;
    const fate = this.calm ? "passes" : choose(FATES, chance(seedOf(`${this.#seed} ${name} ${number}`)));
    this.fates.set(fate, (this.fates.get(fate) ?? 0) + 1);
    if (fate === "is refused") {
      incoming.socket.destroy();
      return;
    }
    if (fate === "is cut off while it is sent") {
      incoming.once("data", () => incoming.socket.destroy());
      return;
    }
    const body = await whole(incoming);
    if (sender.killIn !== undefined && sender.killIn.left-- <= 0) {
      if (sender.killIn.after) {
        await this.#pass(body);
      }
      killNow(sender);
      outgoing.destroy();
      return;
    }
    await this.#meet(fate, body, outgoing);
  }

  #sender(name: string): Sender {
    const sender = this.#senders.get(name) ?? { submissions: 0, kill: undefined, killIn: undefined };
    this.#senders.set(name, sender);
    return sender;
  }

  async #meet(fate: Fate, body: Buffer, outgoing: ServerResponse): Promise<void> {
    const answer = (status: number, json: unknown, headers: Record<string, string> = {}) =>
      outgoing.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(json));
    const refuse = (status: number, code: string, beside: object = {}, headers: Record<string, string> = {}) =>
      answer(status, { error: { code, message: "by chance", hint: "try again" }, ...beside }, headers);
    const gap = (expected: (from: number, to: number) => number) => {
      const { chain, from, to } = placesOf(body);
      refuse(409, "log.gap", { chain, expected: expected(from, to), last: "" });
    };
    switch (fate) {
      case "is not passed, and not answered":
        return;
      case "is passed, and not answered":
        await this.#pass(body);
        return;
      case "is passed, and cut off":
        await this.#pass(body);
        outgoing.destroy();
        return;
      case "is answered by half": {
        const passed = await this.#pass(body);
        outgoing.writeHead(passed.status, { "content-type": passed.type, "content-length": passed.body.length });
        outgoing.write(passed.body.subarray(0, passed.body.length / 2), () => outgoing.destroy());
        return;
      }
      case "is answered 503":
        refuse(503, "server.unavailable");
        return;
      case "is answered 503 with retry-after":
        refuse(503, "server.unavailable", {}, { "retry-after": "1" });
        return;
      case "is answered 429":
        refuse(429, "server.busy", {}, { "retry-after": "0" });
        return;
      case "is answered 500":
        await this.#pass(body);
        refuse(500, "server.failed");
        return;
      case "is answered with a page":
        outgoing.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><p>Log in to the hotel's network");
        return;
      case "is redirected":
        outgoing.writeHead(302, { location: "/elsewhere" }).end();
        return;
      case "is too large":
        refuse(413, "submit.too_large", { limits: { bytes: 24_000, lines: 60 } });
        return;
      case "has a gap inside":
        gap((from, to) => Math.floor((from + to) / 2));
        return;
      case "has a gap after":
        gap((_, to) => to + 50);
        return;
      case "has a gap before":
        gap((from) => Math.max(0, from - 1));
        return;
      case "has a forged proof":
        answer(...(await this.#altered(body, (tip) => ({ ...tip, proof: tip.proof.replace(/index \d+/, "index 1") }))));
        return;
      case "has the proof of before":
        answer(
          ...(await this.#altered(body, (tip, chain) => ({ ...tip, proof: this.#before.get(chain) ?? tip.proof }))),
        );
        return;
      case "has the proof of another link":
        answer(...(await this.#altered(body, (tip) => ({ ...tip, seq: tip.seq + 1 }))));
        return;
      case "has no proof":
        answer(...(await this.#altered(body, () => undefined)));
        return;
      case "is said to be taken, and is not": {
        const { chain, to } = placesOf(body);
        answer(200, { chains: { [chain]: { seq: to, index: 1, proof: this.#before.get(chain) ?? "" } }, notes: [] });
        return;
      }
      case "passes later":
        await new Promise((resolve) => setTimeout(resolve, 30));
        break;
      default:
    }
    const passed = await this.#pass(body);
    outgoing.writeHead(passed.status, { "content-type": passed.type }).end(passed.body);
  }

  /** Returns the log server's response with altered tips. */
  async #altered(
    body: Buffer,
    alter: (tip: SubmitResponse["chains"][string], chain: string) => unknown,
  ): Promise<[number, unknown]> {
    const passed = await this.#pass(body);
    const json = JSON.parse(passed.body.toString()) as SubmitResponse;
    if (passed.status === 200) {
      const chains = Object.entries(json.chains).map(([chain, tip]) => [chain, alter(tip, chain)]);
      return [200, { ...json, chains: Object.fromEntries(chains) }];
    }
    return [passed.status, json];
  }

  async #pass(body: Buffer): Promise<ProxyResponse> {
    const outgoing = request(`${this.#target}/submit`, { method: "POST", agent: this.#agent });
    outgoing.end(body);
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    const passed = {
      status: incoming.statusCode ?? 500,
      type: incoming.headers["content-type"] ?? "",
      body: await whole(incoming),
    };
    if (passed.status === 200) {
      for (const [chain, { proof }] of Object.entries((JSON.parse(passed.body.toString()) as SubmitResponse).chains)) {
        this.#before.set(chain, proof);
      }
    } else {
      this.refusals.push(`${passed.status} ${passed.body.toString().slice(0, 300)}`);
    }
    return passed;
  }

  /** Counts by treatment, in their order. */
  get summary(): string {
    return NAMES.map((name) => `${this.fates.get(name) ?? 0} ${name}`).join(", ");
  }
}

function killNow(sender: Sender): void {
  const { kill } = sender;
  sender.kill = undefined;
  sender.killIn = undefined;
  kill?.();
}

function seedOf(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32LE();
}

async function whole(incoming: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) {
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces);
}

/** Returns the chain of a body's links, and their range. */
function placesOf(body: Buffer): { chain: string; from: number; to: number } {
  const lines = body
    .toString()
    .split("\n")
    .filter((line) => line !== "");
  const { link } = JSON.parse(lines.at(-1) ?? "") as { link: string };
  const [, kind, chain = "", seq] = link.split(" ");
  const to = Number(seq);
  assert.notEqual(kind, "open", "no recorder sends an open link alone");
  return { chain, from: to - lines.length + 1, to };
}
