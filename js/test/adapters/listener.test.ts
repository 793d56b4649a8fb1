/** Tests `Request` handlers in `node:http` servers and in Express. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { createIssuer } from "countersign/issuer";
import { nodeListener } from "countersign/node";
import express from "express";
import { Signer } from "../conformance/keys.ts";
import { ISSUER, LOG } from "../conformance/setup.ts";
import { grantRequest } from "../keys/grant-requests.ts";

async function listen(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const issuer = createIssuer({ key: ISSUER.secret, to: "https://log.example", log: LOG.vkey });
const grants = () => nodeListener(issuer.handler({ authorize: () => false }));

test("nodeListener: serves an issuer's handler in node:http, and in Express before and after its parser", async (t) => {
  const parsed = express();
  parsed.use(express.json());
  parsed.post("/grant", grants());
  const plain = express();
  plain.use("/grant", grants());
  for (const listener of [grants(), parsed, plain]) {
    const url = `${await listen(t, listener)}/grant`;
    const ask = (request: unknown, headers = {}) =>
      fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ request }),
      });
    assert.deepEqual([(await ask("text")).status, (await ask(7)).status], [400, 400]);
    const granted = await ask(grantRequest(new Signer(`${ISSUER.name}/0123456789abcdef`, 1)));
    assert.equal(granted.status, 403);
    assert.match(JSON.stringify(await granted.json()), /grant\.refused/);
    assert.equal((await ask("text", { origin: "https://evil.example" })).status, 403);
    assert.equal((await ask("text", { origin: new URL(url).origin })).status, 400);
  }
});

test("nodeListener: passes errors to the framework, or responds with 500", async (t) => {
  const failing = () =>
    nodeListener(async () => {
      throw new Error("of the handler's");
    });
  const app = express();
  app.use(failing());
  const handled: express.ErrorRequestHandler = (_error, _request, response, _next) => {
    response.status(418).end();
  };
  app.use(handled);
  assert.equal((await fetch(await listen(t, app))).status, 418);
  const error = t.mock.method(console, "error", () => {});
  const listener = failing();
  assert.equal((await fetch(await listen(t, (request, response) => listener(request, response)))).status, 500);
  assert.equal(error.mock.callCount(), 1);
  assert.throws(() => nodeListener(undefined as never), { code: "options.invalid", member: "handler" });
});
