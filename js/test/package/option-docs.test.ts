/** Tests that the docs of every public option state its default, unless it is required, and an example. */

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const packages = fileURLToPath(new URL("../../packages/", import.meta.url));
const sources = globSync("{countersign,cloudflare-log}/src/**/*.ts", { cwd: packages }).map((path) =>
  readFileSync(`${packages}${path}`, "utf8"),
);
const entries = globSync(
  "{countersign,cloudflare-log}/src/{*,record/public,record/record,verify/public,verify/verify}.ts",
  {
    cwd: packages,
  },
).map((path) => readFileSync(`${packages}${path}`, "utf8"));

/** Matches an interface of options, and captures its name and its body. */
const INTERFACE = /^export interface (\w*(?:Options|Settings))\b[^{]*\{\n(.*?)^\}/gms;
/** Matches an option with its docs, and captures these, its name, and `?` if it isn't required. */
const OPTION = /( {2}\/\*\*(?:(?!\*\/).)*\*\/\n)? {2}(?:readonly )?(\w+)(\?)?: ([^\n]*)/gs;

const interfaces = sources
  .flatMap((source) => [...source.matchAll(INTERFACE)])
  .map(([, name = "", body = ""]) => ({ name, body }))
  .filter(({ name }) => entries.some((entry) => new RegExp(`\\b${name}\\b`).test(entry)));

test("public interfaces of options are found", () => {
  const names = interfaces.map(({ name }) => name);
  for (const name of ["CommonOptions", "VerifyOptions", "OpenLogOptions", "EventsOptions", "LogSettings"]) {
    assert.ok(names.includes(name), name);
  }
});

for (const { name, body } of interfaces) {
  test(`${name}: each option has a default and an example in its docs`, () => {
    for (const [, docs = "", option = "", isOptional, type] of body.matchAll(OPTION)) {
      // Options that another kind of destination excludes.
      if (type === "undefined;") {
        continue;
      }
      assert.ok(isOptional === undefined || docs.includes("@default"), `${name}.${option} has no @default`);
      assert.ok(docs.includes("@example"), `${name}.${option} has no @example`);
    }
  });
}
