/** Tests slices, explained proofs, and hashes with the conformance cases. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type VerifiedEvent, verify } from "countersign/verify";
import { cases } from "../verify/cases.ts";
import { exportOf } from "../verify/inputs.ts";
import { slicer, workers } from "./slicer.ts";

async function eventsOf(bytes: Uint8Array | Blob, trust: string | undefined) {
  const events: VerifiedEvent[] = [];
  const { report } = await verify(bytes, {
    trust,
    threads: 0,
    onEvents: (batch) => {
      events.push(...batch);
    },
  });
  return { report, events: events.sort((a, b) => a.line - b.line) };
}

const INTACT = new Set(["verified", "partial"]);

const intact: { name: string; source: Blob; trust: string | undefined; events: VerifiedEvent[] }[] = [];
for (const { name, bytes, options } of cases) {
  const { report, events } = await eventsOf(bytes, options.trust);
  if (INTACT.has(report.verdict) && events.length > 0) {
    intact.push({ name, source: new Blob([bytes]), trust: options.trust, events });
  }
}

test("slicer: there are exports to slice", () => assert.ok(intact.length > 20, `${intact.length}`));

test("slicer: a slice by indexes shows exactly these events, and verifies", async () => {
  for (const { name, source, trust, events } of intact) {
    const wanted = events.filter((_, place) => place % 2 === 0);
    const indexes = Float64Array.from(wanted, ({ index }) => index);
    const slice = await slicer.slice(source, { indexes }, { trust });
    assert.equal(slice.events, wanted.length, name);
    const again = await eventsOf(slice.bytes, trust);
    assert.ok(INTACT.has(again.report.verdict), `${name}: ${again.report.verdict}`);
    assert.deepEqual(
      again.events.map(({ json }) => json),
      wanted.map(({ json }) => json),
      name,
    );
  }
});

test("slicer: every step of an intact export's proof passes", async () => {
  for (const { name, source, trust, events } of intact) {
    const [event] = events;
    assert.ok(event);
    const { proof, report, steps } = await slicer.explain(source, event, { trust });
    assert.ok(INTACT.has(report.verdict), `${name}: ${report.verdict}`);
    assert.equal(steps.length, 11);
    const failed = steps.filter(({ state }) => state === "fail");
    assert.deepEqual(failed, [], name);
    for (const id of ["event", "commit", "link", "chain", "signature", "key"]) {
      assert.equal(steps.find((step) => step.id === id)?.state, "pass", `${name}: ${id}`);
    }
    const again = await eventsOf(proof, trust);
    assert.ok(again.events.some(({ chain, seq }) => chain === event.chain && seq === event.seq));
  }
});

test("slicer: without a trust file, a proof reports an unknown key", async () => {
  const { source, events } = intact.find(({ name }) => name === "log-two-chains") ?? assert.fail();
  const { steps } = await slicer.explain(source, events[0] ?? assert.fail());
  const states = Object.fromEntries(steps.map(({ id, state }) => [id, state]));
  assert.equal(states.signature, "pass");
  assert.equal(states.key, "not_checked");
  assert.equal(states.path, "pass");
  assert.equal(states.log, "not_checked");
});

test("slicer: a proof includes exactly the key notes in effect", async () => {
  const statements = async (name: string) => {
    const { source, trust, events } = intact.find((one) => one.name === name) ?? assert.fail(name);
    const { steps } = await slicer.explain(source, events[0] ?? assert.fail(), { trust });
    const key = steps.find(({ id }) => id === "key") ?? assert.fail();
    return key.facts.filter((fact) => fact.name === "statement").map(({ value }) => value.replace(/ \S*\+\S*/, ""));
  };
  assert.match((await statements("key-two-grants")).join(), /^\d+: grant\b.*,\d+: grant\b/);
  assert.deepEqual(await statements("plain-closed"), []);
});

test("slicer: a range is kept whole and claimed", async () => {
  const { source, trust } = intact.find(({ name }) => name === "log-two-chains") ?? assert.fail();
  const { bytes } = await slicer.slice(source, { range: [2, 9] }, { trust });
  const { report } = await eventsOf(bytes, trust);
  assert.equal(report.checks.range.state, "pass");
});

test("slicer: returns a file's SHA-256 hash", async () => {
  const { bytes } = exportOf({ chains: 1, events: 12_000 });
  for (const part of [bytes, bytes.subarray(0, 1), bytes.subarray(0, 0)]) {
    const progress: number[] = [];
    const hash = await slicer.sha256(new Blob([part as Uint8Array<ArrayBuffer>]), {
      onProgress: (read) => progress.push(read),
    });
    assert.equal(hash, createHash("sha256").update(part).digest("hex"));
    assert.ok(progress.every((read) => read <= part.length));
  }
});

test("slicer: rejects invalid input with a code and a position", async () => {
  const { source, events } = intact.find(({ name }) => name === "log-two-chains") ?? assert.fail();
  const [{ chain, seq } = assert.fail()] = events;
  const text = await source.text();
  const refused: [Promise<unknown>, RegExp][] = [
    [slicer.slice(source, { indexes: Float64Array.of() }), /no event/],
    [slicer.slice(source, { range: [0, 1_000_000] }), /exceeds/],
    [slicer.slice(source, { range: [2, 1] }), /two indexes, the first less/],
    ...[Number.NaN, -1, 0.5, 2 ** 53].flatMap((index): [Promise<unknown>, RegExp][] => [
      [slicer.slice(source, { indexes: Float64Array.of(0, index) }), /only indexes/],
      [slicer.slice(source, { range: [index, 2 ** 53 - 1] }), /only indexes/],
      [slicer.explain(source, { chain, seq: index }), /the form CHAIN\/SEQ/],
    ]),
    [slicer.explain(source, { chain, seq: seq + 1_000 }), /does not contain the event/],
    [slicer.explain(source, { chain: "x", seq }), /the form CHAIN\/SEQ/],
    [slicer.slice(source, { chain, seq }, { trust: "nonsense" }), /./],
    [slicer.slice(new Blob(["{}"]), { chain, seq }), /./],
    [slicer.slice(new Blob([]), { chain, seq }), /no line/],
    [slicer.slice(new Blob([text, "{\n"]), { chain, seq }), /not one JSON object/],
    [slicer.slice(new Blob([Uint8Array.of(0x1f, 0x8b, 8, 0)]), { chain, seq }), /truncated/],
  ];
  for (const [promise, message] of refused) {
    await assert.rejects(promise, (error: { code?: string; message: string }) => {
      assert.match(error.message, message);
      assert.equal(typeof error.code, "string");
      return true;
    });
  }
});

test("slicer: a canceled call ends its worker", async () => {
  const { source, events } = intact[0] ?? assert.fail();
  const stop = new AbortController();
  const cut = slicer.slice(source, events[0] ?? assert.fail(), { signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(cut, /enough/);
  await assert.rejects(slicer.sha256(source, { signal: stop.signal }), /enough/);
  assert.equal(workers.ended, workers.started);
});

test("slicer: an evidence file can be written and read, and is rejected once altered", async () => {
  const { source, trust, events } = intact.find(({ name }) => name === "log-two-chains") ?? assert.fail();
  const { report } = await eventsOf(source, trust);
  const frame = JSON.stringify({
    countersign: "evidence/v1",
    file: { name: "export.ndjson", sha256: await slicer.sha256(source), size: source.size },
    tool: { name: "countersign page", version: "0.1.0", sha256: "0".repeat(64) },
    time: "2026-11-21T12:00:00.000Z",
    trust: { name: "trust.txt" },
    pins: [],
    query: null,
    scope: { events: events.length, examined: null, range: null, sample: null },
    detections: null,
    report,
    slice: null,
    reference: "</script>",
    examiner: "",
    papers: [],
    sections: [],
  });
  const page = new Blob(["<!doctype html>\n<title>a page</title>\n"]);
  const file = await slicer.writeEvidence({ frame, trust, pins: [] }, page, source);
  const read = await slicer.openEvidence(file);
  assert.equal(await read.export.text(), await source.text());
  assert.deepEqual([read.trust, read.pins], [trust, []]);
  assert.equal(
    read.pageSha256,
    createHash("sha256")
      .update(await page.text())
      .digest("hex"),
  );
  assert.equal(JSON.parse(read.frame).reference, "</script>");
  const text = await file.text();
  assert.equal(text.match(/<\/script>/g)?.length, 1);
  for (const altered of [text.slice(0, -20), text.replace("\nexport ", "\nexport A"), `${text}\n`, "<!doctype html>"]) {
    await assert.rejects(slicer.openEvidence(new Blob([altered])), (error: { code: string; hint: string }) => {
      assert.equal(error.code, "evidence.invalid");
      assert.ok(error.hint.length > 20);
      return true;
    });
  }
  // A report without an export has the same hashes.
  const alone = JSON.parse(await (await slicer.writeReport({ frame, trust, pins: [] })).text());
  assert.deepEqual(alone, JSON.parse(read.frame));
});

test("slicer: a sample matches the specification", async () => {
  const root = Buffer.from(Array.from({ length: 32 }, (_, place) => place)).toString("base64");
  const entries = Float64Array.from({ length: 100 }, (_, leaf) => leaf);
  assert.deepEqual([...(await slicer.draw({ root, seed: "2026-Q4", entries, wanted: 5 }))], [7, 58, 38, 61, 34]);
});
