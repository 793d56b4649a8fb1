import assert from "node:assert/strict";
import { test } from "node:test";
import { recognize } from "../../src/input/recognize.ts";
import {
  account,
  keyParts,
  NO_TRUST,
  trustLines,
  trustText,
  withKey,
  withoutKey,
} from "../../src/input/trust.ts";

const VKEY = "example.com/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5";

test("trustText: appends keys added by hand to the trust file", () => {
  const chosen = {
    file: { name: "t", text: "quorum none" },
    keys: [{ kind: "emitter", vkey: VKEY }],
  } as const;
  assert.equal(trustText(chosen), `quorum none\nemitter ${VKEY}\n`);
  assert.equal(trustText(NO_TRUST), undefined);
  assert.equal(trustText({ file: { name: "t", text: "" }, keys: [] }), "");
});

test("withKey: adds a key once, and withoutKey removes it", () => {
  const key = { kind: "log", vkey: VKEY } as const;
  const added = withKey(withKey(NO_TRUST, key), { ...key });
  assert.deepEqual(added.keys, [key]);
  assert.equal(withKey(added, { kind: "issuer", vkey: VKEY }).keys.length, 2);
  assert.deepEqual(withoutKey(added, key), NO_TRUST);
});

test("account: counts the lines of a trust file by kind", () => {
  assert.deepEqual(account(`# log x\n\n emitter ${VKEY}\nemitter b\nwitness w k\nquorum none\nrevoke k -`), {
    log: 0,
    witness: 1,
    issuer: 0,
    emitter: 2,
    revoke: 1,
  });
});

test("trustLines: returns the keys of a trust file with their lines", () => {
  const text = `# a\nwitness w ${VKEY}\nrevoke ${VKEY} 2026-11-02T00:00:00.000Z\nrevoke ${VKEY} -\nemitter nonsense\n`;
  assert.deepEqual(
    trustLines(text).map(({ line, kind, name, since }) => [line, kind, name, since]),
    [
      [2, "witness", "example.com/a", undefined],
      [3, "revoke", "example.com/a", "2026-11-02T00:00:00.000Z"],
      [4, "revoke", "example.com/a", undefined],
    ],
  );
});

test("keyParts: recognizes public keys", () => {
  assert.deepEqual(keyParts(VKEY), { name: "example.com/a", id: "5cc3cc17" });
  for (const text of ["", "example.com", "a+zz+A", "a b+5cc3cc17+AR", VKEY.toUpperCase()])
    assert.equal(keyParts(text), undefined);
});

test("recognize: returns the kind of a file by its beginning", async () => {
  const kind = (text: string) => recognize(new Blob([text]));
  const root = Buffer.alloc(32).toString("base64");
  assert.equal(await kind(`# mine\n\n  emitter ${VKEY}\n`), "trust");
  assert.equal(await kind(`log.example/audit\n15\n${root}\n\n— log.example/audit AAAA\n`), "pin");
  assert.equal(await kind('{"countersign":"export/v1","origin":"o"}\n'), "export");
  assert.equal(await kind(`# the key of a\n${VKEY}\n`), "key");
  assert.equal(await kind(`${VKEY}\n${VKEY}\n`), "export");
  assert.equal(await kind("emitters of the world"), "export");
  assert.equal(await kind('{"countersign":"report/v1","verdict":"verified"}'), "report");
  assert.equal(await kind(`{"countersign":"report/v1","verdict":"${" ".repeat(2 << 20)}"}`), "report");
  assert.equal(await kind(""), "export");
});
