/** Tests keys that a real browser generates, stores, and has granted, with a real log that accepts their signatures. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import type { BrowserContext, Page as Tab } from "playwright-core";
import { createIssuer, type Issuer } from "../../packages/countersign/dist/keys/issuer.js";
import { launchWith, WITHOUT_CHROMIUM } from "../chromium.ts";
import type { Started } from "../conformance/log.ts";
import { verify } from "../conformance/program.ts";
import { serve } from "../conformance/serve.ts";
import { AUDITOR, ISSUER, LOG, SETUP } from "../conformance/setup.ts";
import type { Outcome, Page } from "./browser/page.ts";

const skip = serve.skip || WITHOUT_CHROMIUM;
const WASM = fileURLToPath(new URL("../../packages/countersign/dist/wasm/recorder_bg.wasm", import.meta.url));
const issuer = ISSUER.name;
const MINUTE = 60_000;

/** The functions that a page exposes. */
interface PageFunctions {
  call(name: string, args: readonly unknown[]): Promise<Outcome>;
}

describe("browser keys", { skip, timeout: 120_000 }, () => {
  const profile = mkdtempSync(join(tmpdir(), "countersign-keys-"));
  let context: BrowserContext;
  let log: Started;
  let granting: Issuer;
  let grant: ReturnType<Issuer["handler"]>;
  let script: Uint8Array | undefined;
  /** The grants' lifetimes by session cookie, in milliseconds. */
  const sessions = new Map<string, number>([["session=alice", 600_000]]);
  /** The granted keys. */
  const granted: string[] = [];
  /** The statuses of the responses to requests for grants. */
  const statuses: number[] = [];

  const site = createServer(async (request, response) => {
    const path = request.url ?? "/";
    if (path === "/audit/grant") {
      const body: Buffer[] = [];
      for await (const piece of request) {
        body.push(piece);
      }
      const asked = new Request(`http://${request.headers.host}${path}`, {
        method: request.method ?? "GET",
        headers: request.headers as Record<string, string>,
        body: Buffer.concat(body),
      });
      const answer = await grant(asked);
      statuses.push(answer.status);
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(Buffer.from(await answer.arrayBuffer()));
      return;
    }
    const isScript = path.endsWith(".js");
    const isWasm = path.endsWith(".wasm");
    response.setHeader("content-type", isWasm ? "application/wasm" : isScript ? "text/javascript" : "text/html");
    response.setHeader("set-cookie", "session=alice; path=/");
    const html = '<!doctype html><script type="module" src="/page/page.js"></script>';
    response.end(isWasm ? readFileSync(WASM) : isScript ? script : html);
  });
  const port = () => (site.address() as AddressInfo).port;
  const origin = () => `http://127.0.0.1:${port()}`;

  before(async () => {
    const entry = fileURLToPath(new URL("browser/page.ts", import.meta.url));
    const built = await esbuild.build({ entryPoints: [entry], bundle: true, format: "esm", write: false });
    script = built.outputFiles[0]?.contents;
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    log = await serve.start({ ...SETUP, cors: [origin(), `http://insecure.test:${port()}`] });
    granting = createIssuer({ key: ISSUER.secret, to: log.url, log: LOG.vkey });
    grant = granting.handler({
      authorize: ({ headers }, vkey) => {
        const ttlMs = sessions.get(headers.get("cookie") ?? "");
        granted.push(vkey);
        return ttlMs === undefined ? false : { ttlMs };
      },
    });
    context = await launchWith(profile, { args: ["--host-resolver-rules=MAP insecure.test 127.0.0.1"] });
  });
  after(async () => {
    await context?.close();
    await log?.close();
    site.closeAllConnections();
    site.close();
    rmSync(profile, { recursive: true, force: true });
  });

  const open = async (address = origin()) => {
    const tab = await context.newPage();
    await tab.goto(address);
    await tab.waitForFunction("globalThis.call");
    return tab;
  };
  const outcome = <Name extends keyof Page>(tab: Tab, name: Name, ...args: Parameters<Page[Name]>): Promise<Outcome> =>
    tab.evaluate(([name, args]) => (globalThis as unknown as PageFunctions).call(name, args), [name, args] as const);
  const ask = async <Name extends keyof Page>(tab: Tab, name: Name, ...args: Parameters<Page[Name]>) => {
    const { value, error } = await outcome(tab, name, ...args);
    assert.equal(error, undefined, JSON.stringify(error));
    return value as Awaited<ReturnType<Page[Name]>>;
  };
  const refused = async <Name extends keyof Page>(tab: Tab, name: Name, ...args: Parameters<Page[Name]>) =>
    (await outcome(tab, name, ...args)).error ?? assert.fail("the call was not rejected");

  test("a key is stored, shared by tabs, invisible to scripts, and has a random name", async () => {
    const [one, other] = [await open(), await open()];
    const [first, same] = await Promise.all([ask(one, "key", { issuer }), ask(other, "key", { issuer })]);
    assert.equal(first.vkey, same.vkey);
    assert.match(first.vkey, new RegExp(`^${issuer}/[A-Za-z0-9_-]{16}\\+[0-9a-f]{8}\\+A`));
    assert.deepEqual([first.extractable, first.exported], [false, "InvalidAccessError"]);
    await one.close();
    const again = await open();
    assert.equal((await ask(again, "key", { issuer })).vkey, first.vkey);
    for (const options of [{ issuer, session: "bob" }, { issuer: "other.example" }, { issuer, keep: false }]) {
      assert.notEqual((await ask(again, "key", options)).vkey, first.vkey);
    }
    await ask(other, "forget", { issuer });
    assert.notEqual((await ask(again, "key", { issuer })).vkey, first.vkey);
    await Promise.all([other.close(), again.close()]);
  });

  test("a page without WebCrypto gets a hint, and records with the fallback", async () => {
    const tab = await open(`http://insecure.test:${port()}`);
    const error = await refused(tab, "key", { issuer });
    assert.equal(error.code, "webcrypto.unavailable");
    assert.match(error.message, /HTTPS/);
    assert.match(error.hint ?? "", /serve the page over HTTPS.*fallback: generateKey/);
    const { vkey, secret } = await ask(tab, "key", { issuer, fallback: true });
    assert.match(secret ?? "", /^PRIVATE\+KEY\+/);
    assert.ok(vkey.startsWith(`${issuer}/`));
    assert.equal((await refused(tab, "key", { issuer: "a b" })).code, "options.invalid");
    granted.length = 0;
    await ask(tab, "begin", { issuer, fallback: true }, log.url, LOG.vkey);
    assert.match((await ask(tab, "record", "job.delete")).proof ?? "", /^c2sp.org\/tlog-proof@v1\n/);
    assert.equal(granted.length, 1);
    const renewed = await ask(tab, "renew", false);
    assert.deepEqual(granted, [renewed, renewed], "a key in memory is valid as long as the page lives");
    await ask(tab, "close");
    assert.equal(await ask(tab, "renew", false), renewed, "a closed recorder is no longer followed");
    await tab.close();
  });

  test("a page without storage gets a hint, and can record with keep: false", async () => {
    const tab = await open();
    await tab.evaluate(() => Object.defineProperty(globalThis, "indexedDB", { value: undefined }));
    const error = await refused(tab, "key", { issuer });
    assert.equal(error.code, "key.unkept");
    assert.match(error.hint ?? "", /`keep` to false/);
    assert.equal((await ask(tab, "key", { issuer, keep: false })).extractable, false);
    await tab.close();
  });

  test("a granted key records one chain per tab, and readers see the issuer", async () => {
    const tabs = [await open(), await open()];
    granted.length = 0;
    const chains: (string | undefined)[] = [];
    for (const tab of tabs) {
      const { until } = await ask(tab, "begin", { issuer, session: "s-1" }, log.url, LOG.vkey);
      assert.ok(Math.abs((until ?? 0) - Date.now() - 10 * MINUTE) < MINUTE);
      const { chain, proof } = await ask(tab, "record", "job.delete");
      assert.match(proof ?? "", /^c2sp.org\/tlog-proof@v1\n/);
      chains.push(chain);
    }
    assert.equal(granted.length, 1, "one grant is enough");
    assert.notEqual(chains[0], chains[1]);
    for (const [nth, tab] of tabs.entries()) {
      await ask(tab, "close");
      const response = await fetch(`${log.url}/export?chain=${chains[nth]}`, {
        headers: { authorization: `Bearer ${AUDITOR}` },
      });
      const report = await verify(await response.text());
      assert.ok(["verified", "partial"].includes(report.verdict), JSON.stringify(report.findings));
      assert.deepEqual(
        report.signers.map(({ vkey, trust }) => [vkey, trust]),
        [[granted[0], "granted"]],
      );
      await tab.close();
    }
  });

  test("a grant is renewed before it ends, and the recorder continues with a new chain", async () => {
    const tab = await open();
    await tab.clock.install();
    sessions.set("session=alice", 200_000);
    const { vkey, until = 0 } = await ask(tab, "begin", { issuer, session: "s-2" }, log.url, LOG.vkey);
    const before = await ask(tab, "record", "first.window");
    granted.length = 0;
    // By the page's clock, three quarters of the grant's lifetime have passed.
    sessions.set("session=alice", 600_000);
    await tab.clock.fastForward(155_000);
    await ask(tab, "rotated");
    assert.deepEqual(granted, [vkey], "the same key");
    assert.ok(Number(await ask(tab, "until")) > until);
    const next = await ask(tab, "record", "second.window");
    assert.notEqual(next.chain, before.chain);
    assert.deepEqual(next.errors, []);
    await ask(tab, "close");
    await tab.close();
    sessions.set("session=alice", 600_000);
  });

  test("an unauthorized session is refused, and a revoked key is replaced on request", async () => {
    const tab = await open();
    sessions.delete("session=alice");
    const error = await refused(tab, "begin", { issuer, session: "s-3" }, log.url, LOG.vkey);
    assert.deepEqual([error.code, /signed in/.test(error.hint ?? "")], ["grant.refused", true]);
    sessions.set("session=alice", 600_000);
    const { vkey } = await ask(tab, "begin", { issuer, session: "s-3" }, log.url, LOG.vkey);
    await granting.revoke(vkey);
    const told = await refused(tab, "record", "after.revocation");
    assert.equal(told.code, "log.unauthorized");
    await tab.reload();
    await tab.waitForFunction("globalThis.call");
    await ask(tab, "begin", { issuer, session: "s-3" }, log.url, LOG.vkey);
    const fresh = await ask(tab, "renew", true);
    assert.notEqual(fresh, vkey);
    assert.ok((await ask(tab, "record", "new.key")).chain);
    await ask(tab, "close");
    await tab.close();
  });

  test("a device clock that is ahead is reported immediately", async () => {
    const tab = await open();
    await tab.clock.setFixedTime(Date.now() + 30 * MINUTE);
    granted.length = statuses.length = 0;
    const error = await refused(tab, "begin", { issuer, session: "s-4" }, log.url, LOG.vkey);
    assert.equal(error.code, "clock.ahead");
    assert.match(error.message, /30 minutes ahead/);
    assert.match(error.hint ?? "", /set this device's clock/);
    assert.deepEqual([granted, statuses], [[], [409]], "nothing is granted");
    await tab.close();
  });

  test("a device whose clock is behind gets its grant with one more request", async () => {
    const tab = await open();
    await tab.clock.setFixedTime(Date.now() - 30 * MINUTE);
    granted.length = statuses.length = 0;
    const { vkey, until } = await ask(tab, "begin", { issuer, session: "s-6" }, log.url, LOG.vkey);
    assert.deepEqual([granted, statuses], [[vkey], [409, 200]]);
    assert.ok(Math.abs((until ?? 0) - Date.now() - 10 * MINUTE) < MINUTE);
    await tab.close();
  });

  test("a URL that is not an issuer's handler is reported", async () => {
    const tab = await open();
    const begin = (from: string) => refused(tab, "begin", { issuer, session: "s-5", from }, log.url, LOG.vkey);
    const page = await begin("/");
    assert.deepEqual([page.code, /not.*a grant/.test(page.message)], ["grant.failed", true]);
    assert.equal((await begin("http://127.0.0.1:1/")).code, "grant.failed");
    await tab.close();
  });
});
