/** Tests who may write to a log: its trust file, and key notes (SPEC section 5). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { BEGIN, body, time } from "./chain.ts";
import { Signer } from "./keys.ts";
import { onEachLog } from "./log.ts";
import { EMITTERS, ISSUER, LOG, ORIGIN, REVOKED, SETUP } from "./setup.ts";

/** Returns the line of a key note with these statements. */
function note(statements: string | readonly string[], signer: Signer, origin = ORIGIN): string {
  return JSON.stringify({ note: signer.note(["countersign/v1 keys", origin, statements, ""].flat().join("\n")) });
}

const grant = ({ vkey }: Signer, from = "-", until = "-") => `grant ${vkey} ${from} ${until}`;
const revoke = ({ vkey }: Signer, since = "-") => `revoke ${vkey} ${since}`;

onEachLog((log) => {
  /** Returns a unique key below the issuer's name. */
  const fresh = () => new Signer(`example.net/${log.unique()}`, 7);
  const forbidden = async (body: string, line: number) => {
    const before = await log.size();
    assert.deepEqual((await log.submit(body)).refusal(403, "log.unauthorized"), { line });
    assert.equal(await log.size(), before);
  };

  test("keys: rejects a key without a grant", async () => {
    await forbidden(log.chain(fresh()).events(1).body(), 1);
    // Authorized names with other keys.
    await forbidden(log.chain(new Signer(EMITTERS[0].name, 8)).body(), 1);
    await forbidden(log.chain(new Signer(ORIGIN, 8)).body(), 1);
    await forbidden(log.chain(ISSUER).body(), 1);
  });

  test("keys: rejects thousands of submissions with unknown keys", async () => {
    const key = fresh();
    await forbidden(log.chain(key).body().repeat(8_000), 1);
    await forbidden(Array.from({ length: 1_000 }, () => log.chain(key).body()).join(""), 1);
  });

  test("keys: rejects a key revoked in the trust file", async () => {
    await forbidden(log.chain(REVOKED).events(1).body(), 1);
  });

  test("keys: accepts nothing of a body with one unauthorized chain", async () => {
    const [good, bad] = [log.chain().events(2), log.chain(fresh()).events(2)];
    await forbidden(good.body() + bad.body(), 4);
    assert.equal((await log.take(good.body())).added, 3);
  });

  test("keys: a grant applies to everything after it, even in the same body", async () => {
    const key = fresh();
    const chain = log.chain(key).events(2);
    const granted = note(grant(key), ISSUER);
    await forbidden(chain.body() + granted, 1);
    const before = await log.size();
    const { added, notes, chains } = await log.take(body(granted) + chain.body());
    assert.deepEqual([added, notes, chains.get(chain.id)], [4, [before], { seq: 2, index: before + 3 }]);
  });

  test("keys: a repeated key note returns its old index", async () => {
    const line = note([grant(fresh()), grant(fresh())], ISSUER);
    const before = await log.size();
    for (const added of [1, 0]) {
      const taken = await log.take(body(line, line, line));
      assert.deepEqual([taken.added, taken.repeated, taken.notes], [added, 3 - added, [before]]);
    }
    const often = await log.take(body(line).repeat(8_000));
    assert.deepEqual([often.added, often.repeated, often.notes], [0, 8_000, [before]]);
    assert.equal(await log.size(), before + 1);
  });

  test("keys: rejects grants by unauthorized keys", async () => {
    const key = fresh();
    for (const signer of [key, new Signer(ISSUER.name, 51), new Signer("example.org", 52), LOG, EMITTERS[0]]) {
      await forbidden(note(grant(key), signer), 1);
    }
    // An issuer may only grant keys below its own name.
    for (const name of ["example.org/app", "example.net", "example.network/app", "example.com/e0"]) {
      await forbidden(note(grant(new Signer(name, 9)), ISSUER), 1);
    }
    await forbidden(note([grant(key), grant(new Signer("example.org/app", 9))], ISSUER), 1);
    await forbidden(note(grant(key), ISSUER, "other.example"), 1);
    await forbidden(note(revoke(EMITTERS[0]), ISSUER), 1);
    await forbidden(note(revoke(EMITTERS[0]), EMITTERS[1]), 1);
    await log.stillAccepts();
  });

  test("keys: rejects key notes with another key's signature", async () => {
    const key = fresh();
    const text = ["countersign/v1 keys", ORIGIN, grant(key), ""].join("\n");
    const forged = JSON.stringify({ note: ISSUER.note(text).replace(grant(key), grant(key, time(BEGIN))) });
    await forbidden(forged, 1);
    await forbidden(log.chain(key).body(), 1);
  });

  test("keys: ignores signature lines of other keys", async () => {
    const key = fresh();
    const text = ["countersign/v1 keys", ORIGIN, grant(key), ""].join("\n");
    const [mine, others] = [ISSUER, fresh()].map((signer) => signer.note(text).slice(text.length + 1));
    await log.take(body(JSON.stringify({ note: `${text}\n${others}${mine}` })) + log.chain(key).body());
  });

  test("keys: a grant includes its start and excludes its end", async () => {
    const [early, late] = [fresh(), fresh()];
    // A chain's first event is a millisecond after its beginning.
    const notes = body(note(grant(early, time(BEGIN + 1)), ISSUER), note(grant(late, "-", time(BEGIN + 2)), ISSUER));
    await log.take(notes);
    await forbidden(log.chain(early).events(1).body(), 1);
    await log.take(
      log
        .chain(early, BEGIN + 1)
        .events(1)
        .body(),
    );
    const chain = log.chain(late).events(1);
    await forbidden(log.chain(late).events(2).body(), 3);
    await log.take(chain.body());
    chain.events(1);
    await forbidden(chain.body(2), 1);
    // A later grant only applies to chains that begin after it.
    await log.take(body(note(grant(late, time(BEGIN + 2)), ISSUER)));
    await forbidden(chain.body(2), 1);
    await log.take(log.chain(late).events(5).body());
  });

  test("keys: a revocation is permanent", async () => {
    const key = fresh();
    const granted = note(grant(key), ISSUER);
    const chain = log.chain(key).events(2);
    const before = await log.size();
    await log.take(body(granted) + chain.body());
    // Any key may revoke itself.
    const revoked = note(revoke(key, time(BEGIN)), key);
    const { notes } = await log.take(body(revoked));
    assert.deepEqual(notes, [before + 4]);
    chain.events(1);
    await forbidden(chain.body(3), 1);
    await forbidden(log.chain(key).body(), 1);
    await forbidden(body(note(grant(key, time(BEGIN)), ISSUER)) + chain.body(3), 2);
    // Earlier entries stay valid.
    const again = await log.take(body(granted) + chain.body(0, 3) + revoked);
    assert.deepEqual([again.added, again.repeated], [0, 5]);
  });

  test("keys: an issuer can revoke keys that it may grant", async () => {
    const key = fresh();
    await log.take(body(note(grant(key), ISSUER)) + log.chain(key).body());
    await log.take(body(note(revoke(key), ISSUER)));
    await forbidden(log.chain(key).body(), 1);
  });

  test("keys: rejects malformed notes", async () => {
    const key = fresh();
    const before = await log.size();
    const malformed = [
      note([], ISSUER),
      note("", ISSUER),
      note(`grant ${key.vkey} -`, ISSUER),
      note(`grant ${key.vkey} - - -`, ISSUER),
      note(`grant ${key.vkey}x - -`, ISSUER),
      note(`permit ${key.vkey} - -`, ISSUER),
      note(grant(key, time(BEGIN), time(BEGIN)), ISSUER),
      note(grant(key, "2020-02-30T00:00:00.000Z"), ISSUER),
      note(grant(key, "2020-01-01"), ISSUER),
      JSON.stringify({ note: `countersign/v1 keys\n${ORIGIN}\n${grant(key)}\n` }),
      JSON.stringify({ note: ISSUER.note(`countersign/v2 keys\n${ORIGIN}\n${grant(key)}\n`) }),
      JSON.stringify({ note: "" }),
      JSON.stringify({ note: 1 }),
    ];
    for (const line of malformed) {
      const answer = await log.submit(`\n${line}`);
      assert.deepEqual(answer.refusal(400, "export.invalid"), { line: 2 }, line);
    }
    assert.equal(await log.size(), before);
  });

  test("keys: rejects notes with too many signatures, or two of one key", async () => {
    const key = fresh();
    const good = ISSUER.note(`countersign/v1 keys\n${ORIGIN}\n${grant(key)}\n`);
    const others = (count: number) =>
      Array.from({ length: count }, (_, number) => `\u2014 other${number} ${Buffer.alloc(68, 1).toString("base64")}\n`);
    const crowded = JSON.stringify({ note: good + others(64).join("") });
    assert.deepEqual((await log.submit(crowded)).refusal(400, "export.invalid"), { line: 1 });
    const doubled = JSON.stringify({ note: good + good.slice(good.indexOf("\u2014")) });
    assert.deepEqual((await log.submit(doubled)).refusal(400, "export.invalid"), { line: 1 });
    await log.take(body(JSON.stringify({ note: good + others(63).join("") })));
  });

  test("keys: applies the current trust file", { skip: log.lasting }, async () => {
    const key = new Signer("example.com/new", 10);
    const [chain, old] = [log.chain(key).events(1), log.chain().events(1)];
    await forbidden(chain.body(), 1);
    await log.take(old.body());
    await log.restart({
      trust: SETUP.trust.replace(`emitter ${EMITTERS[0].vkey}`, `emitter ${key.vkey}`),
    });
    await log.take(chain.body());
    await forbidden(old.events(1).body(2), 1);
    await log.restart();
    await log.take(old.body(2));
    await forbidden(chain.events(1).body(2), 1);
  });
});
