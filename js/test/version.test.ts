/** Tests that the code and the package state the same version. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { VERSION } from "../packages/countersign/dist/version.js";

test("version: is that of the package", () => {
  const text = readFileSync(new URL("../packages/countersign/package.json", import.meta.url), "utf8");
  assert.equal(VERSION, JSON.parse(text).version);
});
