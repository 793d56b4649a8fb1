/** A Durable Object's log and its witnesses. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { Chain } from "../conformance/chain.ts";
import { readExport } from "../conformance/export.ts";
import { ask } from "../conformance/http.ts";
import { COSIGNATURE, openCosignature, Signer } from "../conformance/keys.ts";
import { AUDITOR, EMITTERS, LOG, OPERATOR, ORIGIN, SETUP } from "../conformance/setup.ts";
import { grown, openCheckpoint } from "../conformance/tree.ts";
import { eventually, until } from "../eventually.ts";
import { type RunningLog, startLog } from "./start.ts";

const closing: (() => unknown)[] = [];
after(() => Promise.all(closing.map((close) => close())));

/** A witness that can be told not to answer as it should. */
class Witness {
  readonly key: Signer;
  readonly url: string;
  /** The last checkpoint that it cosigned. */
  #seen: { size: number; root: Buffer } = { size: 0, root: Buffer.of() };
  /** What it answers instead of cosigning. */
  instead: (() => [status: number, type: string, body: string] | undefined) | undefined;
  /** Told what it is shown. */
  shown: ((note: string) => void) | undefined;
  /** The latest checkpoint that it shows as its proof. */
  proof: string | undefined;
  /** Whether it never answers. */
  hangs = false;
  asked = 0;

  private constructor(key: Signer, server: Server) {
    this.key = key;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/w`;
    server.on("request", async (request, response) => {
      if (request.method === "GET") {
        const isAsked = request.url?.endsWith("/checkpoint") && this.proof !== undefined;
        response.writeHead(isAsked ? 200 : 404, { "content-type": "text/plain" }).end(isAsked ? this.proof : "");
        return;
      }
      this.asked += 1;
      if (this.hangs) {
        return;
      }
      const asking = await text(request);
      this.shown?.(asking.slice(asking.indexOf("\n\n") + 2));
      const [status, type, body] = this.#answer(request.url ?? "", asking);
      response.writeHead(status, { "content-type": type }).end(body);
    });
  }

  static async start(name: string, seed: number): Promise<Witness> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const witness = new Witness(new Signer(name, seed, COSIGNATURE), server);
    closing.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return witness;
  }

  #answer(path: string, request: string): [number, string, string] {
    const instead = this.instead?.();
    if (instead !== undefined) {
      return instead;
    }
    assert.equal(path, "/w/add-checkpoint");
    const [head = "", ...rest] = request.split("\n\n");
    const [old = "", ...proof] = head.split("\n");
    const note = rest.join("\n\n");
    const checkpoint = openCheckpoint(note, LOG.vkey);
    if (Number(old.slice(4)) !== this.#seen.size) {
      return [409, "text/x.tlog.size", `${this.#seen.size}\n`];
    }
    if (this.#seen.size > 0) {
      const path = proof.map((hash) => Buffer.from(hash, "base64"));
      const roots = grown(this.#seen, checkpoint.size, path);
      assert.deepEqual(roots.map(Buffer.from), [this.#seen.root, checkpoint.root]);
    }
    this.#seen = checkpoint;
    const signed = note.slice(0, note.lastIndexOf("\n\n") + 1);
    return [200, "text/plain", this.key.cosign(signed, Math.floor(Date.now() / 1000))];
  }
}

async function text(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
  }
  return text;
}

async function start(witnesses: readonly Witness[], quorum: string): Promise<RunningLog> {
  const lines = witnesses.map(({ key, url }, number) => `witness w${number} ${key.vkey} ${url}\n`);
  const names = witnesses.map((_, number) => `w${number}`).join(" ");
  const trust = `${SETUP.trust}${lines.join("")}group g ${quorum} ${names}\nquorum g\n`;
  const log = await startLog({ ...SETUP, trust });
  closing.push(() => log.close());
  return log;
}

async function submit(log: RunningLog, chain: Chain, events: number): Promise<string> {
  const from = chain.last.seq === 0 ? 0 : chain.last.seq;
  const answer = await ask(log.url, "/submit", { method: "POST", body: chain.events(events).body(from) });
  assert.equal(answer.status, 200, answer.text);
  return (answer.json as { checkpoint: string }).checkpoint;
}

const newest = async (log: RunningLog) => (await ask(log.url, "/checkpoint")).text;

const isWitnessed = async (log: RunningLog) => {
  const { published } = (await ask(log.url, "/healthz")).json as { published: { witnessed: boolean } };
  return published.witnessed;
};

test("a checkpoint is published when the quorum saw it", async () => {
  const witnesses = await Promise.all([10, 11].map((seed) => Witness.start(`witness${seed}.example`, seed)));
  const log = await start(witnesses, "all");
  const chain = Chain.begin(EMITTERS[0], ORIGIN, "witnessed");
  for (const events of [3, 300, 1]) {
    const note = await submit(log, chain, events);
    for (const { key } of witnesses) {
      assert.ok(openCosignature(note, key.vkey));
    }
    assert.equal(await newest(log), note);
  }
  assert.ok(await isWitnessed(log));
  // Many at once are seen together, and each is answered with one that holds it.
  const others = Array.from({ length: 20 }, (_, n) => Chain.begin(EMITTERS[1], ORIGIN, `witnessed ${n}`));
  const notes = await Promise.all(others.map((chain) => submit(log, chain, 2)));
  for (const note of notes) {
    assert.ok(openCosignature(note, witnesses[0]?.key.vkey ?? ""));
  }
  const exported = await ask(log.url, "/export", { headers: { authorization: `Bearer ${AUDITOR}` } });
  assert.equal(readExport(exported.text).entries.length, 305 + 60);
});

test("a witness that never answers holds nothing up but what needs it, and that for 5 seconds", async () => {
  const [answers, hangs] = await Promise.all([15, 16].map((seed) => Witness.start(`witness${seed}.example`, seed)));
  assert.ok(answers && hangs);
  hangs.hangs = true;
  const some = await start([answers, hangs], "any");
  assert.ok(openCosignature(await submit(some, Chain.begin(EMITTERS[0], ORIGIN, "hangs"), 3), answers.key.vkey));
  const all = await start([hangs], "all");
  const began = performance.now();
  const chains = [0, 1, 2].map((n) => Chain.begin(EMITTERS[1], ORIGIN, `hangs ${n}`));
  for (const note of await Promise.all(chains.map((chain) => submit(all, chain, 3)))) {
    assert.equal(openCosignature(note, hangs.key.vkey), undefined);
  }
  assert.ok(performance.now() - began >= 4_900);
  assert.ok(!(await isWitnessed(all)));
});

test("a witness that is elsewhere is asked from there; one that never agrees is left", async () => {
  const [agrees, disagrees] = await Promise.all([12, 13].map((seed) => Witness.start(`witness${seed}.example`, seed)));
  assert.ok(agrees && disagrees);
  let size = 0;
  disagrees.instead = () => [409, "text/x.tlog.size", `${size++ % 2}\n`];
  const log = await start([agrees, disagrees], "any");
  const chain = Chain.begin(EMITTERS[0], ORIGIN, "elsewhere");
  await submit(log, chain, 4);
  // The log forgets where its witnesses are, and they tell it.
  await log.restart({ ...SETUP, trust: `${SETUP.trust}witness w ${agrees.key.vkey} ${agrees.url}\nquorum w\n` });
  const asked = agrees.asked;
  const note = await submit(log, chain, 4);
  assert.ok(openCosignature(note, agrees.key.vkey));
  // It is told when the object wakes, in two questions, and the submission is a third.
  assert.equal(agrees.asked, asked + 3);
});

for (const [seed, status, type, body, code] of [
  [17, 409, "text/x.tlog.size", "99\n", "log.rollback"],
  [18, 422, "text/plain", "another tree\n", "log.split_view"],
] as const) {
  test(`a witness that answers ${status} stops the log until its operator takes it for wrong`, async () => {
    const witness = await Witness.start(`witness${seed}.example`, seed);
    const trust = `${SETUP.trust}witness w ${witness.key.vkey} ${witness.url}\nquorum w\n`;
    const log = await startLog({ ...SETUP, trust });
    closing.push(() => log.close());
    const chain = Chain.begin(EMITTERS[0], ORIGIN, `stopped ${status}`);
    const note = await submit(log, chain, 3);
    witness.instead = () => [status, type, body];
    const lines = chain.events(2).body(3);
    for (const again of [false, true]) {
      if (again) {
        await log.restart({ ...SETUP, trust });
      }
      const answer = await ask(log.url, "/submit", { method: "POST", body: lines });
      assert.equal(answer.status, 503, answer.text);
      assert.equal((answer.json as { error: { code: string } }).error.code, code);
      const health = await ask(log.url, "/healthz");
      assert.equal(health.status, 503);
      assert.equal((health.json as { stopped: { code: string } }).stopped.code, code);
      assert.equal(await newest(log), note);
    }
    const evidenceFor = (token: string) => ask(log.url, "/evidence", { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await evidenceFor(AUDITOR)).status, 403);
    const evidence = await evidenceFor(OPERATOR);
    const kept = JSON.parse(evidence.text);
    assert.deepEqual([kept.code, kept.witness.vkey, kept.witness.status], [code, witness.key.vkey, status]);
    openCheckpoint(kept.checkpoint, LOG.vkey);
    await log.restart(SETUP);
    assert.equal((await ask(log.url, "/healthz")).status, 200);
    assert.equal((await ask(log.url, "/submit", { method: "POST", body: lines })).status, 200);
  });
}

const lie = (size: number) => (): [number, string, string] => [409, "text/x.tlog.size", `${size}\n`];

async function health(log: RunningLog): Promise<{ status: number; proven: boolean | undefined }> {
  const { status, json } = await ask(log.url, "/healthz");
  return { status, proven: (json as { stopped: { proven: boolean } | null }).stopped?.proven };
}

test("a witness that lies stops nothing where another one is enough, and no longer than it lies where it isn't", async () => {
  const [honest, liar] = await Promise.all([20, 21].map((seed) => Witness.start(`witness${seed}.example`, seed)));
  assert.ok(honest && liar);
  liar.instead = lie(999_999);
  const any = await start([honest, liar], "any");
  const chain = Chain.begin(EMITTERS[0], ORIGIN, "lied to");
  assert.ok(openCosignature(await submit(any, chain, 3), honest.key.vkey));
  assert.ok(openCosignature(await submit(any, chain, 2), honest.key.vkey));
  assert.deepEqual(await health(any), { status: 200, proven: undefined });

  const [second] = await Promise.all([22].map((seed) => Witness.start(`witness${seed}.example`, seed)));
  assert.ok(second);
  const all = await start([second, liar], "all");
  const lines = Chain.begin(EMITTERS[0], ORIGIN, "lied to by one of all").events(2).body(0);
  (await ask(all.url, "/submit", { method: "POST", body: lines })).refusal(503, "log.rollback");
  assert.deepEqual(await health(all), { status: 503, proven: false });
  liar.instead = undefined;
  await eventually(
    "the log takes it",
    async () => (await ask(all.url, "/submit", { method: "POST", body: lines })).status,
    (status) => status === 200,
  );
  assert.deepEqual(await health(all), { status: 200, proven: undefined });
});

test("a witness with a proof stops the log though another one would cosign", async () => {
  const witnesses = await Promise.all([23, 24, 25].map((seed) => Witness.start(`witness${seed}.example`, seed)));
  const [knows, other, elsewhere] = witnesses;
  assert.ok(knows && other && elsewhere);
  const longer = await start([elsewhere], "all");
  const proof = await submit(longer, Chain.begin(EMITTERS[0], ORIGIN, "longer"), 300);
  const log = await start([knows, other], "any");
  knows.instead = lie(301);
  knows.proof = proof;
  // The other one may be faster.
  let number = 0;
  await until("the log takes nothing", async () => {
    const lines = Chain.begin(EMITTERS[1], ORIGIN, `shorter ${number++}`).events(1).body(0);
    return (await ask(log.url, "/submit", { method: "POST", body: lines })).status === 503;
  });
  assert.deepEqual(await health(log), { status: 503, proven: true });
});

test("an object that wakes asks its witnesses before it takes anything", async () => {
  const witness = await Witness.start("witness19.example", 19);
  const trust = `${SETUP.trust}witness w ${witness.key.vkey} ${witness.url}\nquorum w\n`;
  const log = await startLog({ ...SETUP, trust });
  closing.push(() => log.close());
  const chain = Chain.begin(EMITTERS[0], ORIGIN, "waking");
  await submit(log, chain, 3);
  const size = (await ask(log.url, "/checkpoint")).text.split("\n")[1];
  // Of what was seen here a backup knows nothing.
  witness.instead = () => [409, "text/x.tlog.size", "99\n"];
  const signed: string[] = [];
  witness.shown = (note) => signed.push(note.split("\n")[1] ?? "");
  await log.restart({ ...SETUP, trust });
  const answer = await ask(log.url, "/submit", { method: "POST", body: chain.events(2).body(3) });
  answer.refusal(503, "log.rollback");
  assert.deepEqual(new Set(signed), new Set([size]), "no other tree was signed");
  const { json } = await ask(log.url, "/healthz");
  assert.equal(json.size, Number(size));
});

test("without the quorum the log goes on, says so, and asks again until it is met", async () => {
  const witness = await Witness.start("witness14.example", 14);
  const hostile: [number, string, string][] = [
    [404, "text/plain", ""],
    [200, "text/plain", "nonsense\n"],
    [200, "text/plain", ""],
    [409, "text/plain", "99999999\n"],
    [200, "text/plain", "x".repeat(1 << 20)],
    [500, "text/html", "<h1>"],
  ];
  let turn = 0;
  witness.instead = () => hostile[turn++ % hostile.length];
  const log = await start([witness], "all");
  const chain = Chain.begin(EMITTERS[0], ORIGIN, "without");
  for (const _ of hostile) {
    const note = await submit(log, chain, 2);
    assert.equal(openCosignature(note, witness.key.vkey), undefined);
    openCheckpoint(note, LOG.vkey);
  }
  assert.ok(!(await isWitnessed(log)));
  const metrics = (await ask(log.url, "/metrics")).text;
  assert.match(metrics, /countersign_witness_failures_total\{witness="witness14\.example"\} [6-9]/);
  witness.instead = undefined;
  await until("the log is witnessed", () => isWitnessed(log));
  assert.ok(openCosignature(await newest(log), witness.key.vkey));
});
