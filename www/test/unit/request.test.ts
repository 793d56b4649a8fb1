import assert from "node:assert/strict";
import { test } from "node:test";
import {
  conditions,
  exportAddress,
  fileName,
  isToken,
  pinnedSize,
  type Wanted,
} from "../../src/log/request.ts";

const NOTHING: Wanted = { actor: "", action: "", since: "", until: "", words: "" };
const page = (address: string) => new URL(address);

test("without a condition the whole log is asked for, beside the page", () => {
  assert.equal(exportAddress(page("https://log.example/"), NOTHING, undefined), "https://log.example/export");
  assert.equal(
    exportAddress(page("https://example.com/audit/?x#y"), NOTHING, undefined),
    "https://example.com/audit/export",
  );
  assert.equal(
    exportAddress(page("https://ada:pw@log.example/"), NOTHING, undefined),
    "https://log.example/export",
  );
  assert.equal(conditions(NOTHING), 0);
});

test("conditions are asked for, and times are in UTC", () => {
  const wanted = {
    actor: " u_ada&x=1 ",
    action: "job.*",
    since: "2026-11-20T06:01",
    until: "2026-11-20T06:01:02",
    words: "night shift",
  };
  const { searchParams } = new URL(exportAddress(page("https://log.example/"), wanted, undefined));
  assert.deepEqual(Object.fromEntries(searchParams), {
    actor: "u_ada&x=1",
    action: "job.*",
    since: "2026-11-20T06:01:00.000Z",
    until: "2026-11-20T06:01:02.000Z",
    q: "night shift",
  });
  assert.equal(conditions(wanted), 5);
  const precise = exportAddress(
    page("https://log.example/"),
    { ...NOTHING, since: "2026-11-20T06:01:02.5" },
    undefined,
  );
  assert.equal(new URL(precise).searchParams.get("since"), "2026-11-20T06:01:02.500Z");
});

test("a part of the log is cut at the pin's size, and the whole need not be", () => {
  const at = (wanted: Wanted) => new URL(exportAddress(page("https://log.example/"), wanted, 42)).search;
  assert.equal(at(NOTHING), "");
  assert.equal(at({ ...NOTHING, actor: "u_1" }), "?actor=u_1&boundary=42");
  assert.equal(pinnedSize([]), undefined);
  assert.equal(pinnedSize(["no pin", "log.example/a\n7\nroot\n", "log.example/a\n42\nroot\n"]), 42);
});

test("a token is one word that a header can carry", () => {
  assert.ok(isToken("ct_Zm9vYmFy-_=+/"));
  for (const text of ["", "two words", "line\nbreak", "café", "Bearer x", "x".repeat(4097)]) {
    assert.ok(!isToken(text), text);
  }
});

test("a file has the name that the log gives it, and no folder", () => {
  const names: [string | null, string][] = [
    ['attachment; filename="audit.ndjson"', "audit.ndjson"],
    ["attachment; filename=audit.ndjson", "audit.ndjson"],
    ["attachment; filename=\"x.ndjson\"; filename*=UTF-8''%C3%A9t%C3%A9.ndjson", "été.ndjson"],
    ['attachment; filename="say \\"hi\\".ndjson"', 'say "hi".ndjson'],
    ['attachment; filename="../../etc/passwd"', "passwd"],
    ["attachment; filename*=UTF-8''..%5C..%2Fa%00%0Ab.ndjson", "ab.ndjson"],
  ];
  for (const [header, name] of names) assert.equal(fileName(header), name);
  const none = [
    null,
    "attachment",
    'attachment; filename=""',
    'attachment; filename=".."',
    'attachment; filename="a/"',
    "attachment; filename*=UTF-8''%FF",
    `attachment; filename="${"x".repeat(201)}"`,
  ];
  for (const header of none) assert.equal(fileName(header), "export.countersign.ndjson");
});
