import assert from "node:assert/strict";
import { test } from "node:test";
import { EVERYTHING, parseQuery } from "../../dist/shelf/query.js";
import type { Saving } from "../../dist/shelf/types.js";
import { chance } from "../chaos/chance.ts";
import { inline } from "./inline.ts";
import { batchLine, leaves } from "./made.ts";
import { batchOf, put } from "./put.ts";

const BY_PLACE = { by: "place", descending: false } as const;

/** Reads CSV as RFC 4180 says. */
function records(text: string): string[][] {
  const rows: string[][] = [[]];
  let field = "";
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text.charAt(at);
    if (quoted) {
      if (letter === '"' && text.charAt(at + 1) === '"') {
        field += letter;
        at += 1;
      } else if (letter === '"') {
        quoted = false;
      } else {
        field += letter;
      }
    } else if (letter === '"' && field === "") {
      quoted = true;
    } else if (letter === "," || text.startsWith("\r\n", at)) {
      rows.at(-1)?.push(field);
      field = "";
      if (letter !== ",") {
        rows.push([]);
        at += 1;
      }
    } else {
      field += letter;
    }
  }
  assert.deepEqual(rows.pop(), [], "the last record ends");
  return rows;
}

test("NDJSON is what the verifier wrote, in the order of the log, but for what is known of signers", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const events = leaves(chance(9), 3000).filter(({ kind }) => kind === "event");
  const lines = events.map(batchLine);
  const encoder = new TextEncoder();
  await shelf.add(encoder.encode(lines.slice(1000).join("")));
  await shelf.add(encoder.encode(lines.slice(0, 1000).join("")));
  await shelf.ask(EVERYTHING, BY_PLACE, () => {});
  const told: number[] = [];
  const blob = await shelf.save("ndjson", (count) => told.push(count));
  assert.equal(
    await blob.text(),
    lines.map((line) => line.replace(/"authorised":(true|false)/, '"standing":"unsettled"')).join(""),
  );
  assert.ok(told.every((count, nth) => count <= events.length && count > (told[nth - 1] ?? 0)));
  await shelf.ask(parseQuery("action:job.*").query, { by: "place", descending: true }, () => {});
  const saved = await (await shelf.save("ndjson", () => {})).text();
  const found = await shelf.rows(0, 3000);
  assert.deepEqual(
    saved
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).line),
    found.map(({ line }) => line),
  );
});

test("CSV has a record for each event", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const event =
    '{"action":"job.\\u0075pdate","actor":{"id":"u,1","name":"Zo\\"ë"},"target":{"type":"cron_job","id":"42"},"tenant":"a\\r\\nb"}';
  await put(shelf, [event, '{"actor":{"type":"service","id":"s"},"outcome":"failure"}']);
  await shelf.ask(EVERYTHING, BY_PLACE, () => {});
  const text = await (await shelf.save("csv", () => {})).text();
  const [header, ...rows] = records(text);
  const place = ["0", "ab".repeat(16), "1", "2026-11-20T06:01:02.345Z", "example.com+0123abcd+AAAA", "unsettled"];
  assert.equal(
    header?.join(),
    "line,index,chain,seq,time,signer,standing,action,actor,actor_name,target,target_name,outcome,tenant,event",
  );
  assert.deepEqual(rows[0], [
    "2",
    ...place,
    "job.update",
    "u,1",
    'Zo"ë',
    "cron_job:42",
    "",
    "not stated",
    "a\r\nb",
    event,
  ]);
  assert.deepEqual(rows[1]?.slice(7, 14), ["", "service:s", "", "", "", "failure", ""]);
  const withMark = await (await shelf.save("csv-with-bom", () => {})).bytes();
  assert.deepEqual([...withMark.subarray(0, 3)], [0xef, 0xbb, 0xbf]);
  assert.equal(new TextDecoder().decode(withMark), text);
});

test("what is saved says of each signer what the report does", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const chains = ["aa", "bb", "cc"].map((byte) => byte.repeat(16));
  await put(shelf, ["{}", "{}", "{}"], (nth) => ({ chain: chains[nth] ?? "", authorised: nth !== 2 }));
  await shelf.ask(EVERYTHING, BY_PLACE, () => {});
  const standingsFor = async (saving: Saving) => {
    const [, ...rows] = records(await (await shelf.save("csv", () => {}, saving)).text());
    const lines = (await (await shelf.save("ndjson", () => {}, saving)).text()).trimEnd().split("\n");
    const inCsv = rows.map((row) => row[6]);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).standing),
      inCsv,
    );
    return inCsv.join();
  };
  assert.equal(await standingsFor({}), "unsettled,unsettled,unsettled");
  assert.equal(await standingsFor({ doubts: [] }), "trusted,trusted,unconfirmed");
  assert.equal(await standingsFor({ doubts: chains.slice(0, 1) }), "suspect,trusted,unconfirmed");
  assert.equal(await standingsFor({ doubts: "all" }), "suspect,suspect,suspect");
});

test("no spreadsheet takes a value for a formula, whatever it parts cells by", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  const signs = ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"];
  const values = signs.flatMap((sign) => [
    ...[
      `${sign}cmd|' /C calc'!A0`,
      `\t${sign}1`,
      `\r${sign}1`,
      `a;${sign}1`,
      `a\n${sign}1`,
      `a; "${sign}1`,
      `";"${sign}1`,
    ],
  ]);
  await put(
    shelf,
    values.map((value) => JSON.stringify({ action: value, actor: { id: value, name: value }, note: value })),
  );
  await shelf.ask(EVERYTHING, BY_PLACE, () => {});
  const text = await (await shelf.save("csv", () => {})).text();
  assert.equal(records(text).length, values.length + 1);
  for (const separator of [",", ";", "\t"]) {
    for (const cell of text.split(/\r\n|\r|\n/).flatMap((line) => line.split(separator))) {
      assert.doesNotMatch(cell.replace(/^[\s"]+/, ""), /^[=+\-@\uff1d\uff0b\uff0d\uff20]/, JSON.stringify(cell));
    }
  }
});

test("saving can be cancelled, and leaves the shelf as it was", async (t) => {
  const shelf = inline();
  t.after(() => shelf.close());
  for (let batch = 0; batch < 20; batch += 1) {
    const events = Array.from({ length: 1000 }, () => '{"action":"a"}');
    await shelf.add(batchOf(events, (nth) => ({ line: 2 + batch * 1000 + nth })));
  }
  await shelf.ask(EVERYTHING, BY_PLACE, () => {});
  const controller = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(
    shelf.save("csv", () => controller.abort(reason), { signal: controller.signal }),
    reason,
  );
  await assert.rejects(
    shelf.save("csv", () => {}, { signal: controller.signal }),
    reason,
  );
  assert.equal((await (await shelf.save("ndjson", () => {})).text()).split("\n").length, 20_001);
});
