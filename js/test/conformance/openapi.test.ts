/** Tests that a log server answers as docs/openapi.json describes it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Started } from "./log.ts";
import { serve } from "./serve.ts";
import { AUDITOR, DESK, OPERATOR, SETUP } from "./setup.ts";

interface Parameter {
  readonly name: string;
  readonly in: "query" | "path" | "header";
}

interface Operation {
  readonly security?: readonly unknown[];
  readonly parameters?: readonly (Parameter | { readonly $ref: string })[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}

const description = JSON.parse(readFileSync(new URL("../../../docs/openapi.json", import.meta.url), "utf8")) as {
  readonly paths: Readonly<Record<string, { readonly get?: Operation; readonly post?: Operation }>>;
  readonly components: { readonly parameters: Readonly<Record<string, Parameter>> };
};

/** Values for the paths' parameters. The log has no such chain and no such erasure. */
const VALUES: Readonly<Record<string, string>> = {
  "{path}": "0/000.p/1",
  "{chain}": "00".repeat(16),
  "{seq}": "1",
  "{record}": "0",
};

const gets = Object.entries(description.paths).flatMap(([path, { get }]) =>
  get === undefined
    ? []
    : [{ path, operation: get, address: path.replace(/\{\w+\}/g, (name) => VALUES[name] ?? name) }],
);

/** Returns the headers of a request that is allowed to read a path. */
const authorized = (path: string) => {
  const token = path === "/evidence" ? OPERATOR : path.startsWith("/erasures") ? DESK : AUDITOR;
  return { authorization: `Bearer ${token}` };
};

/** Returns the query parameters of an operation. */
const queries = ({ parameters = [] }: Operation): string[] =>
  parameters
    .map((parameter) =>
      "$ref" in parameter
        ? (description.components.parameters[parameter.$ref.split("/").at(-1) ?? ""] ?? assert.fail(parameter.$ref))
        : parameter,
    )
    .filter((parameter) => parameter.in === "query")
    .map(({ name }) => name)
    .sort();

describe("OpenAPI description", { skip: serve.skip }, () => {
  let log: Started;
  before(async () => {
    log = await serve.start(SETUP);
  });
  after(() => log.close());

  for (const { path, operation, address } of gets) {
    test(`GET ${path} answers as described`, async () => {
      const stop = new AbortController();
      const response = await fetch(log.url + address, { headers: authorized(path), signal: stop.signal });
      const status = String(response.status);
      const described = operation.responses[status];
      const kind = response.headers.get("content-type")?.split(";")[0] ?? "";
      stop.abort();
      assert.notEqual(described, undefined, `status ${status} is not described`);
      // Errors share one description.
      const kinds = "$ref" in (described ?? {}) ? ["application/json"] : Object.keys(described?.content ?? {});
      assert.ok(kinds.includes(kind), `${status} has the type ${kind}, not ${kinds}`);
    });

    test(`GET ${path} needs a token exactly if it is described`, async () => {
      const stop = new AbortController();
      const { status } = await fetch(log.url + address, { signal: stop.signal });
      stop.abort();
      assert.equal(status === 401, operation.security === undefined, `status ${status}`);
    });
  }

  for (const path of ["/export", "/explain"]) {
    test(`GET ${path} accepts the described parameters and no others`, async () => {
      const operation = description.paths[path]?.get ?? assert.fail(path);
      const response = await fetch(`${log.url}${path}?unknown=1`, { headers: authorized(path) });
      assert.equal(response.status, 400);
      const { error } = (await response.json()) as { error: { hint: string } };
      const known = error.hint.replace(/^use one of /, "").split(", ");
      assert.deepEqual(queries(operation), known.sort());
    });
  }
});
