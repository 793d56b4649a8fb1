/** Packs in the form that `countersign rules build` writes. */

import { readFileSync } from "node:fs";

/** Returns a pack of rules, each with an ID, a decision, and a detection. */
export function pack(rules: Readonly<Record<string, readonly [decision: string, detection: object]>>): object {
  return {
    countersign: "rules/v1",
    name: "test",
    rules: Object.entries(rules).map(([id, [decision, detection]]) => ({
      "countersign.decision": decision,
      detection,
      id,
      level: "high",
      title: `The rule ${id}`,
    })),
  };
}

/** Refuses paths below /internal, challenges /admin, and exempts /healthz. */
export const PATHS = pack({
  internal: ["deny", { condition: "path", path: { "http.path|startswith": ["/internal", "/healthz"] } }],
  admin: ["challenge", { condition: "path", path: { "http.path|startswith": "/admin" } }],
  health: ["allow", { condition: "path", path: { "http.path": "/healthz" } }],
});

const table = new URL("../../../crates/analyze/tests/gate/", import.meta.url);

/** Decisions of native code on many events (crates/analyze/tests/testsuite/decisions.rs). */
export const TABLE = {
  pack: readFileSync(new URL("pack.json", table), "utf8"),
  watchlist: readFileSync(new URL("watchlist.txt", table), "utf8"),
  key: readFileSync(new URL("watchlist.vkey", table), "utf8").trim(),
  cases: readFileSync(new URL("decisions.ndjson", table), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; now: string; decision: string | null }),
};
