/** Tests what a log accepts, in which order, and its responses (SPEC section 6, `POST /submit`). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { BEGIN, body, Chain, signed, time } from "./chain.ts";
import { onEachLog } from "./log.ts";
import { AUDITOR, DESK, EMITTERS, OPERATOR, ORIGIN } from "./setup.ts";
import { leafHash } from "./tree.ts";

onEachLog((log) => {
  test("submit: returns consecutive indexes and a proof for a chain", async () => {
    const before = await log.size();
    const chain = log.chain().events(3);
    chain.close();
    const { added, repeated, chains, notes, checkpoint } = await log.take(chain.body());
    assert.deepEqual([added, repeated, notes], [5, 0, []]);
    assert.deepEqual([...chains], [[chain.id, { seq: 4, index: before + 4 }]]);
    assert.equal(checkpoint.size, before + 5);
    assert.deepEqual(await log.checkpoint(), checkpoint);
  });

  test("submit: continues a chain in later submissions", async () => {
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

  test("submit: accepts interleaved chains, and returns the last link of each", async () => {
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

  test("submit: accepts an event link without its event", async () => {
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

  test("submit: ignores blank lines, CRLF, and surrounding white space", async () => {
    const chain = log.chain().events(2);
    const [open, first, last] = chain.lines.map(({ text }) => text);
    const { added } = await log.take(`\n \t\r\n${open}\r\n\n  ${first}\t\r\n\r\n${last}`);
    assert.equal(added, 3);
  });

  test("submit: returns the old index of a repeated link", async () => {
    const before = await log.size();
    const chain = log.chain().events(5);
    await log.take(chain.body());
    await log.stillAccepts();
    const again = await log.take(chain.body());
    assert.deepEqual([again.added, again.repeated], [0, 6]);
    assert.deepEqual(again.chains.get(chain.id), { seq: 5, index: before + 5 });
    // A single link, signed or not, is proven by itself.
    for (const seq of [0, 2, 5]) {
      const one = await log.take(body(chain.at(seq)));
      assert.deepEqual([one.added, one.repeated, one.chains.get(chain.id)], [0, 1, { seq, index: before + seq }]);
    }
    // Repeated and new links together.
    chain.events(2);
    const more = await log.take(chain.body(4));
    assert.deepEqual([more.added, more.repeated], [2, 2]);
    assert.equal(await log.size(), before + 10);
  });

  test("submit: treats a duplicate in one body as a repetition", async () => {
    const before = await log.size();
    const chain = log.chain().events(2);
    const { added, repeated, chains } = await log.take(chain.body().repeat(3));
    assert.deepEqual([added, repeated], [3, 6]);
    assert.deepEqual(chains.get(chain.id), { seq: 2, index: before + 2 });
  });

  test("submit: reports where to resume if links are missing", async () => {
    const chain = log.chain();
    chain.events(2).events(2).events(1);
    const missing = { chain: chain.id, expected: 0 };
    const answer = await log.submit(chain.body(3));
    assert.deepEqual(answer.refusal(409, "log.gap"), { line: 1, ...missing });
    // After links in the wrong order, none of the body were accepted.
    const reordered = await log.submit(
      body(chain.at(0), chain.at(1), chain.at(2), chain.at(5), chain.at(3), chain.at(4)),
    );
    assert.deepEqual(reordered.refusal(409, "log.gap"), { line: 4, ...missing });
    await log.take(chain.body(0, 3));
    const last = leafHash(chain.at(2).link).toString("base64");
    const gap = await log.submit(`\n${chain.body(5)}`);
    assert.deepEqual(gap.refusal(409, "log.gap"), { line: 2, chain: chain.id, expected: 3, last });
    // Earlier links of the chain in the same rejected body don't count.
    const later = await log.submit(body(chain.at(1), chain.at(2), chain.at(5)));
    assert.deepEqual(later.refusal(409, "log.gap"), { line: 3, chain: chain.id, expected: 3, last });
    await log.take(chain.body(3));
  });

  test("submit: rejects a fork and everything sent with it", async () => {
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
    // A link that doesn't follow the last one is a fork at the log's last link.
    twin.events(1);
    assert.deepEqual((await log.submit(twin.body(4))).refusal(409, "log.fork"), { ...fork, line: 1, seq: 4 });
    assert.equal(await log.size(), before);
    chain.events(1);
    await log.take(chain.body(4));
  });

  test("submit: keeps both sides of a fork for those who may see them", async () => {
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

  test("submit: rejects both branches of a fork in one body", async () => {
    const chain = log.chain().events(1);
    await log.take(chain.body());
    const twin = chain.twin();
    twin.event({ action: "other" });
    chain.events(1);
    const refused = (await log.submit(chain.body(2) + twin.body(2))).refusal(409, "log.fork");
    assert.deepEqual(refused, { line: 2, chain: chain.id, seq: 2 });
    await log.take(chain.body(2));
  });

  test("submit: rejects links after a close link", async () => {
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

  test("submit: ignores a fork without a valid signature", async () => {
    const chain = log.chain().events(1);
    await log.take(chain.body());
    const [unsigned, stolen] = [chain.twin(), chain.twin()];
    await log.take(body(chain.events(1).last));
    const before = await log.size();
    unsigned.event({ action: "x" }, { sign: false });
    stolen.event({ action: "x" }, { by: EMITTERS[1] });
    for (const twin of [unsigned, stolen]) {
      const refused = (await log.submit(twin.body(2))).refusal(409, "log.gap");
      assert.deepEqual(refused, { line: 1, chain: chain.id, expected: 0 });
    }
    assert.equal(await log.size(), before);
  });

  test("submit: gives strangers the same answers, whatever it knows about a chain", async () => {
    const [known, closed, unknown] = [log.chain().events(2), log.chain().events(2), log.chain().events(2)];
    closed.close();
    await log.take(known.body() + closed.body());
    const before = await log.size();
    const guess = Buffer.alloc(32, 5).toString("base64");
    for (const [seq, at] of [
      [1, BEGIN + 1],
      [2, BEGIN],
      [3, BEGIN + 9],
      [3, Date.UTC(9000, 0, 1)],
      [90, BEGIN + 9],
    ] as const) {
      const [first, ...others] = await Promise.all(
        [known, closed, unknown].map(async ({ id }) => {
          const link = `countersign/v1 event ${id} ${seq} ${time(at)} ${guess} ${guess}`;
          const answers = [await log.submit(JSON.stringify({ link }))];
          answers.push(await log.submit(JSON.stringify({ link: signed(link, EMITTERS[1]) })));
          return answers.map(({ status, text }) => [status, text.replaceAll(id, "ID")]);
        }),
      );
      for (const other of others) {
        assert.deepEqual(other, first);
      }
    }
    assert.equal(await log.size(), before);
  });

  test("submit: requires a signature on the last link of each chain", async () => {
    const [chain, other] = [log.chain().events(1), log.chain(EMITTERS[1]).events(1)];
    chain.event({ action: "tail" }, { sign: false });
    assert.deepEqual((await log.submit(chain.body() + other.body())).refusal(400, "log.refused"), { line: 3 });
    // It is accepted together with the signed link.
    await log.take(chain.events(1).body() + other.body());
  });

  test("submit: requires a signature by the chain's key over this link", async () => {
    const chain = log.chain().events(1);
    await log.take(chain.body());
    const stolen = chain.twin();
    stolen.event({ action: "x" }, { by: EMITTERS[1] });
    assert.deepEqual((await log.submit(stolen.body(2))).refusal(400, "signature.invalid"), { line: 1 });
    // A signature in the middle is verified too.
    stolen.event({ action: "y" });
    assert.deepEqual((await log.submit(stolen.body(2))).refusal(400, "signature.invalid"), { line: 1 });
    const opened = log.chain();
    const forged = JSON.stringify({ link: opened.at(0).link.replace(/ [^ ]+$/, ` ${EMITTERS[1].sign("x")}`) });
    assert.deepEqual((await log.submit(forged)).refusal(400, "signature.invalid"), { line: 1 });
    await log.take(chain.events(1).body(2));
  });

  test("submit: rejects times that go back within a chain", async () => {
    const chain = log.chain();
    chain.event({ action: "a" }, { at: BEGIN + 10 });
    chain.event({ action: "same moment" }, { at: BEGIN + 10 });
    await log.take(chain.body());
    chain.event({ action: "back" }, { at: BEGIN + 9 });
    assert.deepEqual((await log.submit(chain.body(3))).refusal(400, "log.refused"), { line: 1 });
  });

  test("submit: accepts times up to 2 minutes ahead of the log's clock", async () => {
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
    // A retry time is never more than an hour.
    const late = await log.submit(chain.body() + log.chain(EMITTERS[0], Date.UTC(9000, 0, 1)).body());
    assert.equal(late.refusal(503, "submit.early").line, 2);
    assert.equal(late.headers["retry-after"], "3600");
    chain.event({ action: "a" }, { at: Date.UTC(9000, 0, 1) });
    assert.equal((await log.submit(chain.body())).refusal(503, "submit.early").line, 2);
    assert.equal(await log.size(), before + 1);
  });

  test("submit: rejects a chain for another log", async () => {
    const other = Chain.begin(EMITTERS[0], "other.example/audit", "replayed").events(2);
    assert.deepEqual((await log.submit(other.body())).refusal(403, "log.unauthorized"), { line: 1 });
    assert.deepEqual((await log.submit(other.body(2))).refusal(409, "log.gap"), {
      line: 1,
      chain: other.id,
      expected: 0,
    });
    // A longer origin is another log too.
    const longer = Chain.begin(EMITTERS[0], `${ORIGIN}/`, "replayed");
    assert.deepEqual((await log.submit(longer.body())).refusal(403, "log.unauthorized"), { line: 1 });
  });

  test("submit: accepts concurrent identical bodies once", async () => {
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

  test("submit: accepts one of two concurrent branches of a fork", async () => {
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

  test("submit: accepts concurrent links of a chain in order", async () => {
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
