/** Tests that the OpenAPI description is valid, and that the page about the HTTP interface has each of its operations. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { PROJECT } from "../src/paths.mjs";

const description = JSON.parse(readFileSync(`${PROJECT}docs/openapi.json`, "utf8"));

test("the description is valid OpenAPI 3.1", async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(description));
  assert.ok(valid, JSON.stringify(errors, undefined, 2));
});

test("each operation is on the page about the HTTP interface", () => {
  const page = readFileSync(`${PROJECT}crates/log/README.md`, "utf8");
  const missing = Object.entries(description.paths).flatMap(([path, operations]) => {
    const [start = path] = path.split("{");
    return Object.keys(operations)
      .map((method) => `${method.toUpperCase()} ${start}`)
      .filter((operation) => !page.includes(operation));
  });
  assert.deepEqual(missing, []);
});
