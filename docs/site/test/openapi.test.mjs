/** Tests that the OpenAPI description is valid, and that the page about the HTTP interface has each of its operations. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { httpPage } from "../src/http.mjs";
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

test("the generated page has each operation, once, and each schema", () => {
  const page = httpPage(description);
  for (const [path, operations] of Object.entries(description.paths)) {
    for (const method of Object.keys(operations)) {
      assert.equal(page.split(`\n\`${method.toUpperCase()} ${path}\`\n`).length, 2, `${method} ${path}`);
    }
  }
  for (const name of Object.keys(description.components.schemas))
    assert.ok(page.includes(`\n### ${name}\n`), name);
  assert.doesNotMatch(page, /undefined|\[object/);
});

test("the generated page says which requests need a token, and unites statuses with one meaning", () => {
  const page = httpPage({
    info: { description: "A log." },
    security: [{ token: [] }],
    tags: [{ name: "a", description: "About a." }],
    paths: {
      "/x": {
        get: {
          summary: "Get x",
          tags: ["a"],
          responses: {
            200: { description: "x." },
            400: { description: "Bad." },
            default: { description: "Bad." },
          },
        },
        post: { summary: "Set x", tags: ["a"], security: [{}, { token: [] }], responses: {} },
        put: { summary: "Put x", tags: ["a"], security: [], responses: {} },
      },
    },
    components: { schemas: {} },
  });
  const [, get, post, put] = page.split("\n### ");
  assert.match(get, /^Get x\n\n`GET \/x`\n\nNeeds a token/);
  assert.match(get, /\| 200 \| x\. \|\n\| 400, other \| Bad\. \|/);
  assert.match(post, /\nMay need a token/);
  assert.match(put, /\nNeeds no token/);
});
