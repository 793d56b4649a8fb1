/** Tests mistakes in serving a page: its policy, the log server's CORS headers, and http. */

import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import type { Browser } from "playwright-core";
import { launch } from "../chromium.ts";
import { serve } from "../conformance/serve.ts";
import { EMITTERS, LOG, SETUP } from "../conformance/setup.ts";
import { type ExpectedError, showsAs } from "./mistake.ts";

const CODE = "script-src 'self' 'wasm-unsafe-eval'";
const {
  outputFiles: [built],
} = await esbuild.build({
  entryPoints: [fileURLToPath(new URL("../../packages/countersign/dist/record/record.js", import.meta.url))],
  bundle: true,
  format: "esm",
  write: false,
});
/** Serves a page with the test's module. */
const PAGE = `<!doctype html><meta charset="utf-8" /><title>page</title><script type="module" src="/page.js"></script>`;
const MODULE = `
  import { createRecorder, generateKeyHandle } from "/entry.js";
  const said = ({ code, member, message, hint }) => ({ code, member, message, hint });
  globalThis.deliver = async (options) => {
    try {
      const audit = await createRecorder({ ...options, autoFlush: false }).ready();
      const handle = audit.record({ action: "job.delete" });
      await audit.flush();
      return await handle.delivered();
    } catch (error) {
      return said(error);
    }
  };
  globalThis.handle = () => generateKeyHandle("example.com/page").catch(said);`;

describe("content security policy of a page", { skip: serve.skip }, () => {
  let site: Server;
  let moved: Server;
  let browser: Browser;
  let port = 0;
  const options = { key: EMITTERS[0].secret, to: "", log: LOG.vkey };
  const stops: (() => unknown)[] = [];

  before(async () => {
    site = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://x");
      response.setHeader("content-security-policy", `default-src 'none'; ${searchParams.get("policy") ?? ""}`);
      if (pathname === "/" || pathname === "/page.js") {
        response.setHeader("content-type", pathname === "/" ? "text/html" : "text/javascript");
        response.end(pathname === "/" ? PAGE : MODULE);
        return;
      }
      response.setHeader("content-type", "text/javascript");
      response
        .writeHead(pathname === "/entry.js" ? 200 : 404)
        .end(pathname === "/entry.js" ? built?.contents : undefined);
    });
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    port = (site.address() as AddressInfo).port;
    moved = createServer((request, response) => {
      request.resume();
      response.writeHead(308, { location: "https://log.example/submit", "access-control-allow-origin": "*" }).end();
    });
    await new Promise<void>((resolve) => moved.listen(0, "127.0.0.1", resolve));
    const log = await serve.start({ ...SETUP, cors: [`http://127.0.0.1:${port}`] });
    options.to = log.url;
    browser = await launch(`--host-resolver-rules=MAP insecure.test 127.0.0.1`);
    stops.push(
      () => browser.close(),
      () => log.close(),
      () => site.close(),
      () => moved.close(),
    );
  });
  after(async () => {
    for (const stop of stops) {
      await stop();
    }
  });

  async function page<T>(policy: string, call: string, host = "127.0.0.1", ...given: readonly unknown[]): Promise<T> {
    const tab = await browser.newPage();
    try {
      await tab.goto(`http://${host}:${port}/?policy=${encodeURIComponent(policy)}`);
      await tab.waitForFunction("globalThis.deliver");
      const source = `globalThis.${call}(...${JSON.stringify(given)})`;
      return (await tab.evaluate(source)) as T;
    } finally {
      await tab.close();
    }
  }

  const connecting = () => `${CODE}; connect-src 'self' ${options.to}`;

  test("everything allowed", async () => {
    const { proof } = await page<{ proof: string }>(connecting(), "deliver", undefined, options);
    assert.match(proof, /^c2sp\.org\/tlog-proof@v1\n/);
  });

  async function refused(name: string, policy: string, said: ExpectedError, to = options.to, host?: string) {
    const error = await page<{ code: string; member?: string; message: string; hint: string }>(
      policy,
      "deliver",
      host,
      { ...options, to },
    );
    showsAs(name, error, said);
  }

  test("no 'wasm-unsafe-eval'", ({ name }) =>
    refused(name, `script-src 'self'; connect-src 'self' ${options.to}`, ["wasm.unavailable", undefined]));

  test("connect-src with only the log server", async () => {
    const policy = `${CODE}; connect-src ${options.to}`;
    const { proof } = await page<{ proof: string }>(policy, "deliver", undefined, options);
    assert.match(proof, /^c2sp/);
  });

  test("connect-src without the log server", ({ name }) =>
    refused(name, `${CODE}; connect-src 'self'`, ["log_server.unreachable", undefined]));

  test("no CORS on the log server", ({ name }) => {
    const said = ["log_server.unreachable", undefined] as const;
    return refused(name, connecting(), said, options.to, "localhost");
  });

  test("a URL that redirects", ({ name }) => {
    const to = `http://127.0.0.1:${(moved.address() as AddressInfo).port}`;
    const said = ["log_server.unexpected", undefined] as const;
    return refused(name, `${CODE}; connect-src 'self' ${to}`, said, to);
  });

  test("over http, it records and reports that WebCrypto keys are unavailable", async () => {
    const host = "insecure.test";
    const { code, hint: secure } = await page<{ code: string; hint: string }>(connecting(), "handle", host);
    assert.equal(code, "webcrypto.unavailable");
    assert.match(secure, /a secure context/);
    const { hint } = await page<{ hint: string }>(connecting(), "deliver", host, options);
    assert.match(hint, /serve --cors/, "the request reaches the log server");
  });
});
