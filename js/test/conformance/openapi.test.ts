/** Tests that log servers, with and without tenants, answer as docs/openapi.json describes it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { eventually } from "../eventually.ts";
import { TenantServer } from "../tenants/server.ts";
import type { Started } from "./log.ts";
import { serve } from "./serve.ts";
import { AUDITOR, DESK, OPERATOR, SETUP } from "./setup.ts";

interface Parameter {
  readonly name: string;
  readonly in: "query" | "path" | "header";
}

interface Operation {
  readonly tags: readonly string[];
  readonly security?: readonly unknown[];
  readonly parameters?: readonly (Parameter | { readonly $ref: string })[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}

const description = JSON.parse(readFileSync(new URL("../../../docs/openapi.json", import.meta.url), "utf8")) as {
  readonly paths: Readonly<Record<string, Readonly<Partial<Record<"get" | "post", Operation>>>>>;
  readonly components: { readonly parameters: Readonly<Record<string, Parameter>> };
};

/** Values for the paths' parameters. The log has no such chain and no such erasure. The tenant's ID is added. */
const VALUES: Record<string, string> = {
  "{path}": "0/000.p/1",
  "{chain}": "00".repeat(16),
  "{seq}": "1",
  "{record}": "0",
};

interface Described {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly operation: Operation;
}

const operations = Object.entries(description.paths).flatMap(([path, { get, post }]): Described[] => [
  ...(get === undefined ? [] : [{ method: "GET", path, operation: get } as const]),
  ...(post === undefined ? [] : [{ method: "POST", path, operation: post } as const]),
]);

const isOfTenants = ({ operation: { tags } }: Described) => tags.some((tag) => tag.startsWith("tenant"));

/** Requests that only a log in a Durable Object answers. */
const OBJECT_ONLY = ["/tenants/end"];

/** Requests that a log server answers only with an option that this one doesn't have. */
const OPTIONAL = ["/v1/logs"];

/** Returns the path with values for its parameters. */
const addressOf = (path: string) => path.replace(/\{\w+\}/g, (name) => VALUES[name] ?? name);

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

/** Sends a request, and returns the status and the type of the response, without waiting for its body. */
async function send(method: string, url: string, token?: string) {
  const stop = new AbortController();
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const body = method === "POST" ? { body: "" } : {};
  const response = await fetch(url, { method, headers, redirect: "manual", signal: stop.signal, ...body });
  const kind = response.headers.get("content-type")?.split(";")[0] ?? "";
  stop.abort();
  return { status: response.status, kind };
}

/** Tests that the response to a request with an authorized token, without parameters and with an empty body, is described. */
async function assertDescribed({ method, path, operation }: Described, url: string, token: string) {
  const { status, kind } = await send(method, url + addressOf(path), token);
  const described = operation.responses[String(status)] ?? assert.fail(`status ${status} is not described`);
  // Errors share one description.
  const kinds = "$ref" in described ? ["application/json"] : Object.keys(described.content ?? { "": {} });
  assert.ok(kinds.includes(kind), `${status} has the type ${kind}, not ${kinds}`);
}

/**
 * Tests that a request without a token is refused exactly if it is described. A token that is optional for signed bodies
 * isn't for this one.
 */
async function assertNeedsToken({ method, path, operation }: Described, url: string) {
  const { status } = await send(method, url + addressOf(path));
  assert.equal(status === 401, operation.security?.length !== 0, `status ${status}`);
}

/** Returns the token that is authorized for a path, of those by their right. */
const tokenFor = <Token>(path: string, tokens: Record<"read" | "erase" | "admin" | "growth", Token>): Token => {
  if (/\/growth$/.test(path)) return tokens.growth;
  if (/\/(?:evidence|tenants|metrics)$/.test(path)) return tokens.admin;
  return /\/(?:erase|erasures(?:\/.*)?)$/.test(path) ? tokens.erase : tokens.read;
};

test("each route of the server is described", () => {
  const source = (path: string) =>
    readFileSync(new URL(`../../../crates/log-server/src/${path}`, import.meta.url), "utf8");
  const routes = (text: string) => [...text.matchAll(/\.route\("([^"]+)"/g)].map(([, path = ""]) => path);
  const [reading = "", ordinary = ""] = source("server.rs").split("pub fn router(");
  const [tenants = "", log = ""] = source("server/tenants.rs").split("fn log_routes(");
  const served = [
    ...routes(reading).flatMap((path) => [path, `/t/{id}${path}`]),
    ...routes(ordinary),
    ...routes(tenants).filter((path) => path !== "/t/{id}/{*path}"),
    ...routes(log).map((path) => `/t/{id}${path}`),
  ].map((path) => path.replace("{*path}", "{path}"));
  const described = Object.keys(description.paths).filter((path) => !OBJECT_ONLY.includes(path));
  assert.deepEqual([...new Set(served)].sort(), described.sort());
});

describe("OpenAPI description", { skip: serve.skip }, () => {
  const tokens = { read: AUDITOR, erase: DESK, admin: OPERATOR, growth: AUDITOR };
  let log: Started;
  before(async () => {
    log = await serve.start(SETUP);
  });
  after(() => log.close());

  for (const described of operations.filter((operation) => !isOfTenants(operation))) {
    const { method, path } = described;
    test(`${method} ${path} answers as described`, () => assertDescribed(described, log.url, tokenFor(path, tokens)));

    if (!OPTIONAL.includes(path)) {
      test(`${method} ${path} needs a token exactly if it is described`, () => assertNeedsToken(described, log.url));
    }
  }

  for (const path of ["/tenants", "/growth", "/keys", "/head", ...OPTIONAL]) {
    test(`an ordinary log has no ${path}`, async () => {
      assert.equal((await send("GET", log.url + path, OPERATOR)).status, 404);
    });
  }

  for (const path of ["/export", "/explain"]) {
    test(`GET ${path} accepts the described parameters and no others`, async () => {
      const operation = description.paths[path]?.get ?? assert.fail(path);
      const response = await fetch(`${log.url}${path}?unknown=1`, {
        headers: { authorization: `Bearer ${AUDITOR}` },
      });
      assert.equal(response.status, 400);
      const { error } = (await response.json()) as { error: { hint: string } };
      const known = error.hint.replace(/^use one of /, "").split(", ");
      assert.deepEqual(queries(operation), known.sort());
    });
  }
});

describe("OpenAPI description of a server with tenants", { skip: serve.skip }, () => {
  let server: TenantServer;
  let tokens: Record<"read" | "erase" | "admin" | "growth", string>;
  let root: string;
  before(async () => {
    server = await TenantServer.start({});
    const { origin, token } = await server.addWithToken("acme");
    VALUES["{id}"] = origin.slice(-32);
    root = server.url;
    const erase = await server.token("desk", "--right", "erase", "--log", "all");
    const admin = await server.token("operator", "--right", "admin", "--log", "all");
    const growth = await server.token("growth", "--right", "growth", "--log", "all");
    tokens = { read: token, erase, admin, growth };
    await eventually(
      "the tenant's log has a head",
      () => send("GET", `${root}${addressOf("/t/{id}/head")}`, token),
      ({ status }) => status === 200,
    );
  });
  after(() => server.close());

  for (const described of operations.filter(isOfTenants).filter(({ path }) => !OBJECT_ONLY.includes(path))) {
    const { method, path } = described;
    test(`${method} ${path} answers as described`, () => assertDescribed(described, root, tokenFor(path, tokens)));

    test(`${method} ${path} needs a token exactly if it is described`, () => assertNeedsToken(described, root));
  }

  for (const described of operations.filter(({ path }) => /^\/(?:checkpoint|healthz|metrics|evidence|)$/.test(path))) {
    test(`GET ${described.path} of the root log answers as described`, () =>
      assertDescribed(described, root, tokens.admin));
  }

  test("GET /tenants and GET /growth accept the described parameters and no others", async () => {
    for (const [path, token] of [
      ["/tenants", tokens.admin],
      ["/growth", tokens.growth],
    ] as const) {
      const response = await fetch(`${root}${path}?unknown=1`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(response.status, 400);
      const { error } = (await response.json()) as { error: { hint: string } };
      const known = error.hint.replace(/^use (?:one of )?/, "").split(", ");
      assert.deepEqual(queries(description.paths[path]?.get ?? assert.fail(path)), known.sort());
    }
  });
});
