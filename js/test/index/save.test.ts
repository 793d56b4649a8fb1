import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrustBasis } from "../../packages/countersign/dist/codes.js";
import type { Doubts } from "../../packages/countersign/dist/report.js";
import type { SaveOptions } from "../../packages/ui/dist/index/types.js";
import { batchOf, put } from "./put.ts";
import { threaded } from "./threaded.ts";

const BY_PLACE = { by: "place", descending: false } as const;

/** Parses CSV according to RFC 4180. */
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

test("save: NDJSON has the events byte for byte in order, with their parsed fields", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  const events = [
    '{"action": "job.run","\\u0061ctor":{"id":"u_1"},"n":1.50}',
    '{"nobodys":[9007199254740993]}',
    '{"action":"login","actor":{"id":"u_2"},"outcome":"denied"}',
  ];
  await put(index, events);
  await index.ask("", { by: "place", descending: true }, () => {});
  const text = await (await index.save("ndjson", () => {})).text();
  const lines = text.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => line.slice(line.indexOf(',"event":') + 9, line.lastIndexOf(',"parsed":'))),
    events.toReversed(),
  );
  const [last, nobodys] = lines.map((line) => JSON.parse(line));
  assert.deepEqual(
    [last.line, last.signer_trust, last.parsed.as, last.parsed.outcome],
    [4, "unsettled", "countersign", "denied"],
  );
  assert.equal(nobodys.parsed, null);
});

test("save: CSV has a record per event", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  const event =
    '{"action":"job.\\u0075pdate","occurred_at":"2019-03-31T23:30:00Z","actor":{"id":"u,1","name":"Zo\\"ë"},"on_behalf_of":{"id":"u_2","name":"Grace"},"target":{"type":"cron_job","id":"42"},"tenant":"a\\r\\nb"}';
  await put(index, [event, '{"actor":{"type":"service","id":"s"},"outcome":"failure"}']);
  await index.ask("", BY_PLACE, () => {});
  const text = await (await index.save("csv", () => {})).text();
  const [header, ...rows] = records(text);
  const place = ["0", "ab".repeat(16), "1", "2026-11-20T06:01:02.345Z", "example.com+0123abcd+AAAA", "unsettled"];
  assert.equal(
    header?.join(),
    "line,index,chain,seq,recorded,signer,signer_trust,parsed_as,time,action,actor,actor_name,actor_type,on_behalf_of,on_behalf_of_name,on_behalf_of_type,target,target_name,target_type,address,outcome,reason,tenant,event",
  );
  const ada = ["u,1", 'Zo"ë', "user"];
  const grace = ["u_2", "Grace", "user"];
  const job = ["42", "", "cron_job"];
  assert.deepEqual(rows[0], [
    ...["2", ...place, "countersign", "2019-03-31T23:30:00.000Z", "job.update", ...ada, ...grace, ...job],
    ...["", "not stated", "", "a\r\nb", event],
  ]);
  assert.deepEqual(rows[1]?.slice(7, 23), [
    "",
    "",
    "",
    "s",
    "",
    "service",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "failure",
    "",
    "",
  ]);
  const withMark = await (await index.save("csv-with-bom", () => {})).bytes();
  assert.deepEqual([...withMark.subarray(0, 3)], [0xef, 0xbb, 0xbf]);
  assert.equal(new TextDecoder().decode(withMark), text);
});

test("save: CSV truncates no values", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  const long = (letter: string) => letter.repeat(20_000);
  const [who, what, tenant] = [long("a"), long("b"), long("c")];
  await put(index, [
    JSON.stringify({ action: what, actor: { id: who, name: who }, tenant, context: { ip: long("d") } }),
    JSON.stringify({ actor: { id: who, x: 1 }, target: what, tenant, unknown: true }),
  ]);
  await index.ask("", BY_PLACE, () => {});
  const [, ...rows] = records(await (await index.save("csv", () => {})).text());
  assert.deepEqual(rows[0]?.slice(7, 23), [
    ...["countersign", "", what, who, who, "user", "", "", "", "", "", "", long("d"), "not stated", "", tenant],
  ]);
  assert.deepEqual(rows[1]?.slice(7, 23), [
    "",
    "",
    "",
    who,
    "",
    "",
    "",
    "",
    "",
    what,
    "",
    "",
    "",
    "not stated",
    "",
    tenant,
  ]);
});

test("save: includes each signer's trust as in the report", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  const chains = ["aa", "bb", "cc"].map((byte) => byte.repeat(16));
  await put(index, ["{}", "{}", "{}"], (nth) => ({ chain: chains[nth] ?? "", authorized: nth !== 2 }));
  await index.ask("", BY_PLACE, () => {});
  const signerTrustsFor = async (saving: SaveOptions) => {
    const [, ...rows] = records(await (await index.save("csv", () => {}, saving)).text());
    const lines = (await (await index.save("ndjson", () => {}, saving)).text()).trimEnd().split("\n");
    const inCsv = rows.map((row) => row[6]);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).signer_trust),
      inCsv,
    );
    return inCsv.join();
  };
  assert.equal(await signerTrustsFor({}), "unsettled,unsettled,unsettled");
  const by = (trust: TrustBasis, doubts: Doubts): SaveOptions => ({
    signers: { signers: [{ vkey: "example.com+0123abcd+AAAA", trust }], doubts },
  });
  assert.equal(await signerTrustsFor(by("granted", [])), "trusted,trusted,untrusted");
  assert.equal(await signerTrustsFor(by("granted", chains.slice(0, 1))), "suspect,trusted,untrusted");
  assert.equal(await signerTrustsFor(by("revoked", chains.slice(0, 1))), "revoked,trusted,revoked");
  assert.equal(await signerTrustsFor(by("granted", "all")), "suspect,suspect,suspect");
  // The chains that another trust file authorizes replace what events state.
  const { signers } = by("granted", []);
  const later = { signers: signers && { ...signers, authorized: chains.slice(2) } };
  assert.equal(await signerTrustsFor(later), "untrusted,untrusted,trusted");
});

test("save: escapes values that spreadsheets would treat as formulas, for any separator", async (t) => {
  const index = threaded();
  t.after(() => index.close());
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
    index,
    values.map((value) => JSON.stringify({ action: value, actor: { id: value, name: value }, note: value })),
  );
  await index.ask("", BY_PLACE, () => {});
  const text = await (await index.save("csv", () => {})).text();
  assert.equal(records(text).length, values.length + 1);
  for (const separator of [",", ";", "\t"]) {
    for (const cell of text.split(/\r\n|\r|\n/).flatMap((line) => line.split(separator))) {
      assert.doesNotMatch(cell.replace(/^[\s"]+/, ""), /^[=+\-@\uff1d\uff0b\uff0d\uff20]/, JSON.stringify(cell));
    }
  }
});

test("save: can be canceled without affecting the index", async (t) => {
  const index = threaded();
  t.after(() => index.close());
  for (let batch = 0; batch < 20; batch += 1) {
    const events = Array.from({ length: 1000 }, () => '{"action":"a"}');
    await index.add(batchOf(events, (nth) => ({ line: 2 + batch * 1000 + nth })));
  }
  await index.settle();
  await index.ask("", BY_PLACE, () => {});
  const controller = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(
    index.save("csv", () => controller.abort(reason), { signal: controller.signal }),
    reason,
  );
  await assert.rejects(
    index.save("csv", () => {}, { signal: controller.signal }),
    reason,
  );
  assert.equal((await (await index.save("ndjson", () => {})).text()).split("\n").length, 20_001);
});
