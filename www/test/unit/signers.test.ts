import assert from "node:assert/strict";
import { test } from "node:test";
import type { Marks } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { emitters, vouchers } from "../../src/state/signers.ts";

const KEY = "ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5";
const EMITTER = `example.com/a+5cc3cc17+${KEY}`;
const ISSUER = `example.com+11223344+${KEY}`;
const WITNESS = `witness.example+aabbccdd+${KEY}`;
const LOG = `log.example/x+01020304+${KEY}`;
const TRUST = `# mine\nlog ${LOG}\nwitness w1 ${WITNESS}\nissuer ${ISSUER}\nrevoke ${EMITTER} 2026-11-02T00:00:00.000Z\n`;

const MARKS: Marks = {
  checkpoints: [
    {
      kind: "checkpoint",
      line: 5,
      origin: "log.example/x",
      size: 3,
      root: "",
      matches: true,
      signatures: [
        { name: "log.example/x", id: "01020304", by: "log", valid: true, time: null },
        {
          name: "witness.example",
          id: "aabbccdd",
          by: "witness",
          valid: false,
          time: "2026-11-01T00:00:00.000Z",
        },
        { name: "witness.example", id: "aabbccdd", by: "unknown", valid: null, time: null },
      ],
      existed: null,
      seen: null,
    },
  ],
  notes: [
    {
      kind: "note",
      line: 2,
      index: 0,
      acts: true,
      statements: [{ kind: "grant", vkey: EMITTER, from: null, until: "2026-12-01T00:00:00.000Z" }],
      signers: [ISSUER],
    },
    {
      kind: "note",
      line: 4,
      index: 2,
      acts: false,
      statements: [{ kind: "revoke", vkey: EMITTER, since: null }],
      signers: [],
    },
  ],
  chains: [],
  skips: [],
  withheld: 0,
  dropped: 0,
};

test("emitters: histories combine log and trust file, with what takes effect", () => {
  const signer = { vkey: EMITTER, trust: "revoked", chains: 1, links: 2, first: "", last: "" };
  const report = { signers: [signer], finding_counts: {} } as unknown as Report;
  const [emitter] = emitters(report, MARKS, TRUST);
  assert.deepEqual(
    emitter?.history.map(({ kind, from, until, acts, place, by, trustLine }) => ({
      kind,
      from,
      until,
      acts,
      line: place?.line,
      by,
      trustLine,
    })),
    [
      {
        kind: "grant",
        from: null,
        until: "2026-12-01T00:00:00.000Z",
        acts: true,
        line: 2,
        by: [ISSUER],
        trustLine: undefined,
      },
      { kind: "revoke", from: null, until: null, acts: false, line: 4, by: [], trustLine: undefined },
      {
        kind: "revoke",
        from: "2026-11-02T00:00:00.000Z",
        until: null,
        acts: true,
        line: undefined,
        by: [],
        trustLine: 5,
      },
    ],
  );
  assert.deepEqual(emitter?.named, []);
});

test("emitters: omitted entries may revoke keys that only the log grants", () => {
  const isRevocable = (trust: string, unseen: number) => {
    const signer = { vkey: EMITTER, trust, chains: 1, links: 2, first: "", last: "" };
    const report = { signers: [signer], finding_counts: { "key.unseen": unseen } } as unknown as Report;
    return emitters(report, MARKS, TRUST)[0]?.isRevocable;
  };
  assert.deepEqual(
    ["granted", "trust_file", "untrusted", "revoked"].map((trust) => isRevocable(trust, 1)),
    [true, false, false, false],
  );
  assert.equal(isRevocable("granted", 0), false);
});

test("vouchers: list issuers, logs, and witnesses with their signatures and lines", () => {
  assert.deepEqual(
    vouchers(MARKS, TRUST).map(({ role, name, valid, invalid, last, named }) => [
      role,
      name,
      valid,
      invalid,
      last,
      named.map(({ line }) => line),
    ]),
    [
      ["log", "log.example/x", 1, 0, undefined, [2]],
      ["witness", "witness.example", 0, 1, undefined, [3]],
      ["issuer", "example.com", 1, 0, undefined, [4]],
    ],
  );
});
