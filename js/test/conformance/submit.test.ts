/** What a log takes, in which order, and what it answers: SPEC section 6, `POST /submit`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { BEGIN, body, Chain } from "./chain.ts";
import { onEachLog } from "./log.ts";
import { AUDITOR, DESK, EMITTERS, OPERATOR, ORIGIN } from "./setup.ts";
import { leafHash } from "./tree.ts";

onEachLog((log) => {
  test("an open link, events and a close link get the next indexes and a proof", async () => {
    const before = await log.size();
    const chain = log.chain().events(3);
    chain.close();
    const { added, repeated, chains, notes, checkpoint } = await log.take(chain.body());
    assert.deepEqual([added, repeated, notes], [5, 0, []]);
    assert.deepEqual([...chains], [[chain.id, { seq: 4, index: before + 4 }]]);
    assert.equal(checkpoint.size, before + 5);
    assert.deepEqual(await log.checkpoint(), checkpoint);
  });

  test("a chain goes on in later submissions", async () => {
    const before = await log.size();
    const chain = log.chain();
    await log.take(chain.body());
    for (const count of [1, 4, 2]) {
      const from = chain.lines.length;
      chain.events(count);
      const { chains } = await log.take(chain.body(from));
      assert.equal(chains.get(chain.id)?.index, before + from + count - 1);
    }
  });

  test("links of several chains may alternate, and each chain has its last link in the answer", async () => {
    const before = await log.size();
    const chains = EMITTERS.map((key) => log.chain(key));
    for (const chain of chains) {
      chain.event({ action: "a" }, { sign: false });
      chain.event({ action: "b" });
    }
    const lines = [0, 1, 2].flatMap((seq) => chains.map((chain) => chain.at(seq)));
    const taken = await log.take(body(...lines));
    for (const [place, chain] of chains.entries()) {
      assert.deepEqual(taken.chains.get(chain.id), { seq: 2, index: before + 6 + place });
    }
  });

  test("an event link may come without its event", async () => {
    const chain = log.chain();
    const [withheld, erased] = [chain.event({ action: "a" }), chain.event({ action: "b" })];
    await log.take(
      body(
        chain.at(0),
        JSON.stringify({ link: withheld.link }),
        JSON.stringify({ link: erased.link, withheld: "redacted" }),
      ),
    );
  });

  test("blank lines, line ends of Windows and white space around a line are nothing", async () => {
    const chain = log.chain().events(2);
    const [open, first, last] = chain.lines.map(({ text }) => text);
    const { added } = await log.take(`\n \t\r\n${open}\r\n\n  ${first}\t\r\n\r\n${last}`);
    assert.equal(added, 3);
  });

  test("what is there already gets its old index, wherever it is", async () => {
    const before = await log.size();
    const chain = log.chain().events(5);
    await log.take(chain.body());
    await log.goesOn();
    const again = await log.take(chain.body());
    assert.deepEqual([again.added, again.repeated], [0, 6]);
    assert.deepEqual(again.chains.get(chain.id), { seq: 5, index: before + 5 });
    // A single link, signed or not, is proven by itself.
    for (const seq of [0, 2, 5]) {
      const one = await log.take(body(chain.at(seq)));
      assert.deepEqual([one.added, one.repeated, one.chains.get(chain.id)], [0, 1, { seq, index: before + seq }]);
    }
    // Old and new together.
    chain.events(2);
    const more = await log.take(chain.body(4));
    assert.deepEqual([more.added, more.repeated], [2, 2]);
    assert.equal(await log.size(), before + 10);
  });

  test("a link twice in one body is a repeat", async () => {
    const before = await log.size();
    const chain = log.chain().events(2);
    const { added, repeated, chains } = await log.take(chain.body().repeat(3));
    assert.deepEqual([added, repeated], [3, 6]);
    assert.deepEqual(chains.get(chain.id), { seq: 2, index: before + 2 });
  });

  test("where links are missing, the log says from where to send again", async () => {
    const chain = log.chain();
    chain.events(2).events(2).events(1);
    const missing = { chain: chain.id, expected: 0 };
    const answer = await log.submit(chain.body(3));
    assert.deepEqual(answer.refusal(409, "log.gap"), { line: 1, ...missing });
    // In one body, what comes in the wrong order was not taken either.
    const reordered = await log.submit(
      body(chain.at(0), chain.at(1), chain.at(2), chain.at(5), chain.at(3), chain.at(4)),
    );
    assert.deepEqual(reordered.refusal(409, "log.gap"), { line: 4, ...missing });
    await log.take(chain.body(0, 3));
    const last = leafHash(chain.at(2).link).toString("base64");
    const gap = await log.submit(`\n${chain.body(5)}`);
    assert.deepEqual(gap.refusal(409, "log.gap"), { line: 2, chain: chain.id, expected: 3, last });
    // Whatever came of the chain with the same body does not count.
    const later = await log.submit(body(chain.at(1), chain.at(2), chain.at(5)));
    assert.deepEqual(later.refusal(409, "log.gap"), { line: 3, chain: chain.id, expected: 3, last });
    await log.take(chain.body(3));
  });

  test("a second link for one place is a fork, and nothing with it is taken", async () => {
    const chain = log.chain().events(2);
    const { chains } = await log.take(chain.body());
    const index = (chains.get(chain.id)?.index ?? 0) + 1;
    const twin = chain.twin();
    chain.events(1);
    await log.take(chain.body(3));
    twin.event({ action: "job.update", n: "another" });
    const before = await log.size();
    const fork = { chain: chain.id, seq: 3, index };
    for (const brought of [body(twin.at(3)), twin.body(), log.chain().body() + twin.body(3)]) {
      const refused = (await log.submit(brought)).refusal(409, "log.fork");
      assert.deepEqual(refused, { ...fork, line: brought.split("\n").indexOf(twin.at(3).text) + 1 });
    }
    // One that follows another than the last link: the fork shows at the log's last link.
    twin.events(1);
    assert.deepEqual((await log.submit(twin.body(4))).refusal(409, "log.fork"), { ...fork, line: 1, seq: 4 });
    assert.equal(await log.size(), before);
    chain.events(1);
    await log.take(chain.body(4));
  });

  test("of a fork both sides are kept, for those who may see what concerns the log as a whole", async () => {
    const chain = log.chain().events(1);
    const { chains } = await log.take(chain.body());
    const twin = chain.twin();
    await log.take(body(chain.events(1).last));
    twin.event({ action: "other" });
    (await log.submit(twin.body(2))).refusal(409, "log.fork");
    const { status, text } = await log.get("/evidence", OPERATOR);
    assert.equal(status, 200, text);
    const kept = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const { at, ...fork } = kept.find((fork) => fork.chain === chain.id);
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 600_000);
    const index = (chains.get(chain.id)?.index ?? 0) + 1;
    const refused = [twin.at(2).link];
    assert.deepEqual(fork, { countersign: "fork/v1", code: "log.fork", chain: chain.id, seq: 2, index, refused });
    for (const token of [AUDITOR, DESK]) {
      (await log.get("/evidence", token)).refusal(403, "request.forbidden");
    }
    (await log.get("/evidence")).refusal(401, "request.unauthenticated");
  });

  test("both continuations in one body are a fork of which the log has neither", async () => {
    const chain = log.chain().events(1);
    await log.take(chain.body());
    const twin = chain.twin();
    twin.event({ action: "other" });
    chain.events(1);
    const refused = (await log.submit(chain.body(2) + twin.body(2))).refusal(409, "log.fork");
    assert.deepEqual(refused, { line: 2, chain: chain.id, seq: 2 });
    await log.take(chain.body(2));
  });

  test("nothing follows a close link", async () => {
    const chain = log.chain().events(1);
    const twin = chain.twin();
    const close = chain.close();
    const { chains } = await log.take(chain.body());
    const index = chains.get(chain.id)?.index ?? 0;
    twin.events(1);
    assert.deepEqual((await log.submit(twin.body(2))).refusal(409, "log.fork"), {
      line: 1,
      chain: chain.id,
      seq: 2,
      index,
    });
    chain.events(1);
    assert.deepEqual((await log.submit(chain.body(3))).refusal(409, "log.fork"), {
      line: 1,
      chain: chain.id,
      seq: 3,
      index,
    });
    assert.equal((await log.take(body(close))).repeated, 1);
  });

  test("a fork that the key does not vouch for is none", async () => {
    const chain = log.chain().events(1);
    await log.take(chain.body());
    const [unsigned, stolen] = [chain.twin(), chain.twin()];
    await log.take(body(chain.events(1).last));
    const before = await log.size();
    unsigned.event({ action: "x" }, { sign: false });
    assert.deepEqual((await log.submit(unsigned.body(2))).refusal(400, "log.refused"), { line: 1 });
    stolen.event({ action: "x" }, { by: EMITTERS[1] });
    assert.deepEqual((await log.submit(stolen.body(2))).refusal(400, "signature.invalid"), { line: 1 });
    assert.equal(await log.size(), before);
  });

  test("the last link of each chain is signed", async () => {
    const [chain, other] = [log.chain().events(1), log.chain(EMITTERS[1]).events(1)];
    chain.event({ action: "tail" }, { sign: false });
    assert.deepEqual((await log.submit(chain.body() + other.body())).refusal(400, "log.refused"), { line: 3 });
    // When the signed one comes, all is well.
    await log.take(chain.events(1).body() + other.body());
  });

  test("a signature is that of the chain's key, over this link", async () => {
    const chain = log.chain().events(1);
    await log.take(chain.body());
    const stolen = chain.twin();
    stolen.event({ action: "x" }, { by: EMITTERS[1] });
    assert.deepEqual((await log.submit(stolen.body(2))).refusal(400, "signature.invalid"), { line: 1 });
    // One in the middle counts too.
    stolen.event({ action: "y" });
    assert.deepEqual((await log.submit(stolen.body(2))).refusal(400, "signature.invalid"), { line: 1 });
    const opened = log.chain();
    const forged = JSON.stringify({ link: opened.at(0).link.replace(/ [^ ]+$/, ` ${EMITTERS[1].sign("x")}`) });
    assert.deepEqual((await log.submit(forged)).refusal(400, "signature.invalid"), { line: 1 });
    await log.take(chain.events(1).body(2));
  });

  test("a chain's time does not go back", async () => {
    const chain = log.chain();
    chain.event({ action: "a" }, { at: BEGIN + 10 });
    chain.event({ action: "same moment" }, { at: BEGIN + 10 });
    await log.take(chain.body());
    chain.event({ action: "back" }, { at: BEGIN + 9 });
    assert.deepEqual((await log.submit(chain.body(3))).refusal(400, "log.refused"), { line: 1 });
  });

  test("a link's time may be 2 minutes ahead of the log's clock and no more", async () => {
    const minute = 60_000;
    const ahead = (minutes: number) => log.chain(EMITTERS[0], Date.now() + minutes * minute);
    const chain = log.chain(EMITTERS[1]);
    const before = await log.size();
    const begun = Date.now();
    await log.take(ahead(1.9).body());
    const soon = await log.submit(ahead(3).body());
    const { now, ...said } = soon.refusal(503, "submit.early") as { now: string };
    assert.deepEqual(said, { line: 1, tolerance: 120 });
    assert.ok(Math.abs(Date.parse(now) - begun) < 2 * minute, now);
    const seconds = Number(soon.headers["retry-after"]);
    assert.ok(seconds >= 1 && seconds <= 60, `${seconds}`);
    // Who is told to come again is never told to wait for more than an hour.
    const late = await log.submit(chain.body() + log.chain(EMITTERS[0], Date.UTC(9000, 0, 1)).body());
    assert.equal(late.refusal(503, "submit.early").line, 2);
    assert.equal(late.headers["retry-after"], "3600");
    chain.event({ action: "a" }, { at: Date.UTC(9000, 0, 1) });
    assert.equal((await log.submit(chain.body())).refusal(503, "submit.early").line, 2);
    assert.equal(await log.size(), before + 1);
  });

  test("a chain for another log is not taken", async () => {
    const other = Chain.begin(EMITTERS[0], "other.example/audit", "replayed").events(2);
    assert.deepEqual((await log.submit(other.body())).refusal(403, "log.unauthorized"), { line: 1 });
    assert.deepEqual((await log.submit(other.body(2))).refusal(409, "log.gap"), {
      line: 1,
      chain: other.id,
      expected: 0,
    });
    // One character more is another log too.
    const longer = Chain.begin(EMITTERS[0], `${ORIGIN}/`, "replayed");
    assert.deepEqual((await log.submit(longer.body())).refusal(403, "log.unauthorized"), { line: 1 });
  });

  test("the same body many times at once is taken once", async () => {
    const before = await log.size();
    const chain = log.chain().events(20);
    const taken = await Promise.all(Array.from({ length: 12 }, () => log.take(chain.body())));
    assert.equal(
      taken.reduce((sum, { added }) => sum + added, 0),
      21,
    );
    assert.ok(taken.every(({ chains }) => chains.get(chain.id)?.index === before + 20));
    assert.equal(await log.size(), before + 21);
  });

  test("two halves of a fork at once: one is taken", async () => {
    for (let round = 0; round < 5; round++) {
      const before = await log.size();
      const chain = log.chain();
      const twin = chain.twin();
      chain.event({ half: 0 });
      twin.event({ half: 1 });
      const answers = await Promise.all([log.submit(chain.body()), log.submit(twin.body())]);
      const [winner, loser] = answers[0].status === 200 ? answers : answers.toReversed();
      assert.equal(winner?.status, 200);
      const { index, ...rest } = loser?.refusal(409, "log.fork") ?? {};
      assert.deepEqual(rest, { line: 2, chain: chain.id, seq: 1 });
      assert.equal(index, before + 1);
      assert.equal(await log.size(), before + 2);
    }
  });

  test("links of one chain sent side by side are taken in their order", async () => {
    const chain = log.chain();
    for (let seq = 1; seq < 16; seq++) {
      chain.events(1);
    }
    const before = await log.size();
    await Promise.all(
      chain.lines.map(async (line) => {
        for (;;) {
          const answer = await log.submit(line.text);
          if (answer.status === 200) {
            return;
          }
          assert.ok(Number(answer.refusal(409, "log.gap").expected) < line.seq);
        }
      }),
    );
    const { repeated, chains } = await log.take(chain.body());
    assert.equal(repeated, 16);
    assert.equal(chains.get(chain.id)?.index, before + 15);
  });
});
