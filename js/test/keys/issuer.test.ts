/** Tests an issuer with a real log: granted keys may record, and no others. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createIssuerAt, type Issuer, type IssuerOptions } from "../../packages/countersign/dist/keys/issuer.js";
import { generateKeyHandle, type KeyHandle, type LogOptions } from "../../packages/countersign/dist/record/record.js";
import { Signer } from "../conformance/keys.ts";
import type { Started } from "../conformance/log.ts";
import { verify } from "../conformance/program.ts";
import { serve } from "../conformance/serve.ts";
import { AUDITOR, ISSUER, LOG, SETUP } from "../conformance/setup.ts";
import { creating, type Environment } from "../deliver/recorder.ts";
import { grantRequest, requestText } from "./grant-requests.ts";

const MINUTE = 60_000;
/** Slightly below the maximum lead over the log's clock, in milliseconds. */
const NEARLY_TOO_FAR = 110_000;

/** The response of a handler. */
interface GrantResponse {
  vkey: string;
  until: string;
  now: string;
  error: { code: string; message: string; hint?: string };
}

let named = 0;
/** Generates a key with a name under the issuer's. */
const newKey = () => generateKeyHandle(`${ISSUER.name}/test-${named++}`);
/** Returns a key with a name like a browser's. */
const newBrowserKey = () => new Signer(`${ISSUER.name}/${`${named++}`.padStart(16, "-_aZ")}`, 5);

/** Returns the key ID in a signed note's last signature. */
const idOf = (note: string) => Buffer.from(note.trimEnd().split(" ").at(-1) ?? "", "base64").subarray(0, 4);

describe("issuer with a log", { skip: serve.skip }, () => {
  let log: Started;
  let issuer: Issuer;
  before(async () => {
    log = await serve.start(SETUP);
    issuer = issuing();
  });
  after(() => log.close());

  const issuing = (options: Partial<IssuerOptions> = {}, now = () => Date.now()) =>
    createIssuerAt(now, { key: ISSUER.secret, to: log.url, log: LOG.vkey, retryForMs: 0, ...options });
  const record = (key: KeyHandle, options: Partial<LogOptions> = {}, environment: Environment = {}) =>
    creating(environment)({ key, to: log.url, log: LOG.vkey, autoFlush: false, ...options }).ready();
  const exported = async (chain: string | undefined) => {
    const response = await fetch(`${log.url}/export?chain=${chain}`, {
      headers: { authorization: `Bearer ${AUDITOR}` },
    });
    assert.equal(response.status, 200);
    return response.text();
  };

  test("a granted key may record, and readers who trust the issuer trust it", async () => {
    const key = await newKey();
    const audit = await record(key);
    const handle = audit.record({ action: "job.delete" });
    await assert.rejects(audit.flush(), { code: "log.unauthorized", hint: /grant/ });

    const before = Date.now();
    const granted = await issuer.grant(key.vkey);
    assert.deepEqual([granted.vkey, granted.from], [key.vkey, undefined]);
    const life = (granted.until?.getTime() ?? 0) - before;
    assert.ok(life >= 12 * 60 * MINUTE && life < 13 * 60 * MINUTE, "12 hours");
    assert.ok(granted.note.includes(`\ngrant ${key.vkey} - ${granted.until?.toISOString()}\n`));
    assert.match(granted.proof, new RegExp(`^c2sp.org/tlog-proof@v1\nindex ${granted.index}\n`));

    await audit.flush();
    await handle.delivered();
    const { chain } = audit;
    await audit.close();
    const report = await verify(await exported(chain));
    assert.equal(report.signers[0]?.trust, "granted", JSON.stringify(report));
    assert.ok(["verified", "partial"].includes(report.verdict), report.verdict);
  });

  test("a repeated grant is in the log once", async () => {
    const { vkey } = await newKey();
    const until = new Date(Date.now() + MINUTE);
    const [one, other] = [await issuer.grant(vkey, { until }), await issuer.grant(vkey, { until })];
    assert.equal(one.index, other.index);
    assert.equal(one.note, other.note);
  });

  test("a grant has the requested bounds", async () => {
    const { vkey } = await newKey();
    const from = new Date(Date.UTC(2026, 0, 1));
    const endless = await issuer.grant(vkey, { from, until: null });
    assert.ok(endless.note.includes(`grant ${vkey} 2026-01-01T00:00:00.000Z -\n`));
    assert.equal(endless.until, undefined);
    const now = Date.now();
    const clocked = issuing({}, () => now);
    const { until } = await clocked.grant(vkey, { ttlMs: 90_000 });
    assert.equal(until?.getTime(), now + 90_000);
  });

  test("foreign and invalid keys are rejected before anything is sent", async () => {
    const nowhere = issuing({ to: { url: log.url, fetch: () => assert.fail("nothing is sent") } });
    const refused = (vkey: string, code: string) => assert.rejects(nowhere.grant(vkey), { code, hint: /./ });
    await refused("", "key.invalid");
    await refused("example.net/key", "key.invalid");
    await refused(`${ISSUER.name}/a+00000000+AAAA`, "key.invalid");
    await assert.rejects(issuer.grant(`${ISSUER.name}/a+00000000+${Buffer.alloc(1_313, 6).toString("base64")}`), {
      code: "key.invalid",
      message: "unsupported key type 0x06 (ML-DSA-44)",
    });
    await refused(new Signer("example.org/a", 1).vkey, "name.invalid");
    await refused(new Signer(`${ISSUER.name}x/a`, 1).vkey, "name.invalid");
    await refused(`${new Signer(`${ISSUER.name}/a`, 1).vkey}\n`, "key.invalid");
    const secret = new Signer(`${ISSUER.name}/a`, 7).secret;
    await assert.rejects(nowhere.grant(secret), (error: Error) => !error.message.includes(secret.slice(-30)));
    const { vkey } = await newKey();
    const past = new Date(Date.now() - 1);
    for (const [options, member] of [
      [{ until: past }, "until"],
      [{ until: new Date(Number.NaN) }, "until"],
      [{ until: new Date(Date.UTC(10_000, 0)) }, "until"],
      [{ from: new Date(Date.now() + 13 * 60 * MINUTE) }, "until"],
      [{ ttlMs: 0 }, "ttlMs"],
      [{ ttlMs: 60_000, until: null }, "ttlMs"],
    ] as const) {
      await assert.rejects(nowhere.grant(vkey, options), { code: "options.invalid", member });
    }
  });

  test("an issuer unknown to the log gets a hint", async () => {
    const stranger = issuing({ key: new Signer("stranger.example", 9).secret });
    const { vkey } = await generateKeyHandle("stranger.example/a");
    await assert.rejects(stranger.grant(vkey), {
      code: "log.unauthorized",
      hint: /add this issuer to the log's trust file/,
    });
  });

  test("a proof of another log is rejected", async () => {
    const other = issuing({ log: new Signer(LOG.name, 99).vkey });
    const { vkey } = await newKey();
    await assert.rejects(other.grant(vkey), { code: "proof.invalid", message: /no trusted log key/ });
  });

  test("invalid options have hints", () => {
    for (const [options, code, hint] of [
      [{ key: ISSUER.vkey }, "key.invalid", /PRIVATE\+KEY\+/],
      [{ key: "PRIVATE+KEY+" }, "key.invalid", /PRIVATE\+KEY\+/],
      [{ key: ISSUER.secret.slice(0, -1) }, "key.invalid", /whole line/],
      [{ key: undefined as unknown as string }, "options.invalid", /keygen/],
      [{ log: "" }, "options.invalid", /vkey/],
      [{ log: `"${LOG.vkey}"` }, "key.invalid", /remove the quotes/],
      [{ to: undefined as unknown as string }, "options.invalid", /https:/],
      [{ to: "log.example" }, "options.invalid", /https:/],
      [{ timeoutMs: 2 ** 31 }, "options.invalid", /10 seconds/],
      [{ retryForMs: Number.NaN }, "options.invalid", /10 seconds/],
    ] as const) {
      assert.throws(() => issuing(options), { code, hint });
    }
    assert.throws(() => issuing({ timeoutMs: 2 ** 31 }), { message: /2147483647/ });
  });

  test("an unreachable log is retried for retryForMs", async () => {
    const { vkey } = await newKey();
    let requests = 0;
    const flaky = (url: string, init: RequestInit) => {
      if (++requests < 3) {
        throw new TypeError("fetch failed");
      }
      return fetch(url, init);
    };
    await assert.rejects(issuing({ to: { url: log.url, fetch: flaky } }).grant(vkey), {
      code: "log_server.unreachable",
    });
    requests = 0;
    // Changes of the clock don't affect the measured duration.
    const now = () => Date.now() + requests * 10 * MINUTE;
    await issuing({ to: { url: log.url, fetch: flaky }, retryForMs: MINUTE }, now).grant(vkey);
    assert.equal(requests, 3);
  });

  test("a revoked key is rejected with a hint", async () => {
    const key = await newKey();
    await issuer.grant(key.vkey);
    const audit = await record(key);
    audit.record({ action: "a.b" });
    await audit.flush();
    const since = new Date();
    const revoked = await issuer.revoke(key.vkey, { since });
    assert.ok(revoked.note.includes(`\nrevoke ${key.vkey} ${since.toISOString()}\n`));
    audit.record({ action: "a.c" });
    await assert.rejects(audit.flush(), { code: "log.unauthorized", message: /revoked/, hint: /./ });
    await issuer.grant(key.vkey);
    await assert.rejects(audit.flush(), { code: "log.unauthorized", message: /revoked/ }, "no grant undoes it");
    assert.ok((await issuer.revoke((await newKey()).vkey, { since: null })).note.includes(" -\n\n"));
    // Recording requires another key.
    const other = await newKey();
    await issuer.grant(other.vkey);
    const next = await record(other);
    const handle = next.record({ action: "a.d" });
    await next.close();
    await handle.delivered();
  });

  test("an expired grant is expired, and a clock that is ahead is reported", async () => {
    const key = await newKey();
    let ahead = 0;
    await issuer.grant(key.vkey, { ttlMs: MINUTE });
    const audit = await record(key, {}, { now: () => Date.now() + ahead });
    audit.record({ action: "in.time" });
    await audit.flush();
    ahead = NEARLY_TOO_FAR;
    audit.record({ action: "too.late" });
    await assert.rejects(audit.flush(), { code: "log.unauthorized", message: /was not allowed to sign/ });
    ahead = 20 * MINUTE;
    const other = await newKey();
    await issuer.grant(other.vkey);
    const reported: unknown[] = [];
    const onError = ({ code }: { code: string }) => reported.push(code);
    const early = await record(other, { onError }, { now: () => Date.now() + ahead });
    const handle = early.record({ action: "from.the.future" });
    await early.flush();
    await handle.delivered();
    assert.deepEqual(reported, ["clock.ahead"]);
  });

  test("a recorder continues under a new grant, and all of its chains verify", async () => {
    const key = await newKey();
    let ahead = 0;
    const clock = () => Date.now() + ahead;
    await issuer.grant(key.vkey, { ttlMs: MINUTE });
    const audit = await record(key, {}, { now: clock });
    const first = audit.record({ action: "first.window" });
    await audit.flush();
    const chains = [audit.chain];
    // Renewed before the window ends, like `follow` does.
    await issuer.grant(key.vkey, { ttlMs: 4 * MINUTE });
    await audit.rotate(key);
    ahead = NEARLY_TOO_FAR;
    const second = audit.record({ action: "second.window" });
    await audit.flush();
    chains.push(audit.chain);
    assert.notEqual(chains[0], chains[1]);
    await Promise.all([first.delivered(), second.delivered()]);
    await audit.close();
    for (const chain of chains) {
      const { verdict, findings } = await verify(await exported(chain));
      assert.ok(["verified", "partial"].includes(verdict), JSON.stringify(findings));
    }
  });

  describe("issuer's handler", () => {
    const ask = async (
      handler: (request: Request) => Promise<Response>,
      { body, ...init }: Omit<RequestInit, "body"> & { body?: unknown } = {},
    ) => {
      const headers = { "content-type": "application/json", origin: "https://app.example", ...init.headers };
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const request = new Request("https://app.example/audit/grant", {
        method: "POST",
        ...init,
        headers,
        ...(init.method === "GET" ? {} : { body: text ?? null }),
      });
      const response = await handler(request);
      const json = response.headers.get("content-type") === "application/json" ? await response.json() : undefined;
      return { response, status: response.status, json: json as GrantResponse | undefined };
    };

    /** Returns the body of a request for a grant of this key. */
    const bodyOf = (key: Signer, time?: Date) => ({ request: grantRequest(key, time) });
    const unasked = { authorize: () => assert.fail("`authorize` is not called") };

    test("grants authorized keys for the stated time", async () => {
      const key = newBrowserKey();
      const seen: unknown[] = [];
      const handler = issuer.handler({
        authorize: (request, vkey) => {
          seen.push(request.headers.get("cookie"), vkey);
          return { ttlMs: MINUTE };
        },
      });
      const { response, status, json } = await ask(handler, { body: bodyOf(key), headers: { cookie: "session=1" } });
      assert.equal(status, 200);
      assert.equal(response.headers.get("cache-control"), "no-store");
      assert.deepEqual(seen, ["session=1", key.vkey]);
      assert.equal(json?.vkey, key.vkey);
      assert.equal(Math.round((Date.parse(json?.until ?? "") - Date.parse(json?.now ?? "")) / 1000), 60);
    });

    test("rejects key names chosen by the requester", async () => {
      const handler = issuer.handler(unasked);
      for (const name of ["alice@corp.example", "admin", "0123456789abcde", "0123456789abcdefg", "0123456789abcde/"]) {
        const { status, json } = await ask(handler, { body: bodyOf(new Signer(`${ISSUER.name}/${name}`, 1)) });
        assert.deepEqual([status, json?.error.code], [400, "name.invalid"], name);
      }
    });

    test("rejects requests that their key didn't sign", async () => {
      const handler = issuer.handler(unasked);
      const [key, other] = [newBrowserKey(), newBrowserKey()];
      const time = new Date();
      const [text, own] = [requestText(key.vkey, time.toISOString()), grantRequest(key, time)];
      // The same name and key ID, with another key.
      const namesake = new Signer(key.name, 6);
      const disguised = namesake
        .note(text)
        .replace(/(?<= )\S+(?=\n$)/, (line) =>
          Buffer.concat([idOf(own), Buffer.from(line, "base64").subarray(4)]).toString("base64"),
        );
      for (const [why, request] of Object.entries({
        "another key's vkey": other.note(text),
        "another key of this name": namesake.note(text),
        "another key with this ID": disguised,
        "another time": own.replace(time.toISOString(), new Date(time.getTime() + 1).toISOString()),
        "no signature": `${text}\n`,
        "no note": text,
        "another kind of note": key.note(text.replace("v1 key\n", "v1 keys\n")),
        "another line": key.note(`${text}more\n`),
        "no time": key.note(requestText(key.vkey, "now")),
        "no vkey": key.note(requestText("example.com/a", time.toISOString())),
        "the private key": key.note(requestText(key.secret, time.toISOString())),
      })) {
        const { status, json } = await ask(handler, { body: { request } });
        assert.deepEqual([status, json?.error.code], [400, "key.invalid"], why);
        assert.ok(!JSON.stringify(json).includes(key.secret.slice(-30)), why);
      }
      const { status, json } = await ask(handler, { body: { vkey: key.vkey } });
      assert.deepEqual([status, json?.error.code], [400, "key.invalid"]);
      assert.match(json?.error.hint ?? "", /send \{"request":"…"\}, signed by the key/);
    });

    test("rejects requests that are old, or dated ahead, and states its time", async () => {
      const now = Date.UTC(2026, 10, 20, 6);
      const asked: string[] = [];
      const handler = issuing({}, () => now).handler({
        authorize: (_, vkey) => {
          asked.push(vkey);
          return false;
        },
      });
      const key = newBrowserKey();
      for (const [offset, expected] of [
        [-5 * MINUTE - 1, 409],
        [5 * MINUTE + 1, 409],
        [-5 * MINUTE, 403],
        [5 * MINUTE, 403],
      ] as const) {
        const { status, json } = await ask(handler, { body: bodyOf(key, new Date(now + offset)) });
        assert.equal(status, expected, `${offset} ms`);
        if (status === 409) {
          assert.deepEqual([json?.error.code, json?.now], ["request.time", "2026-11-20T06:00:00.000Z"]);
          assert.match(json?.error.message ?? "", /more than 5 minutes from the server's time/);
        }
      }
      assert.deepEqual(asked, [key.vkey, key.vkey]);
    });

    test("accepts a request once", async () => {
      let decided = false;
      let asked = 0;
      const handler = issuer.handler({
        authorize: () => {
          asked++;
          return decided;
        },
      });
      const key = newBrowserKey();
      const body = bodyOf(key);
      const statusOf = async () => (await ask(handler, { body })).status;
      assert.deepEqual([await statusOf(), await statusOf()], [403, 403], "refused requests are not remembered");
      decided = true;
      const statuses = await Promise.all([statusOf(), statusOf()]);
      assert.deepEqual(statuses.sort(), [200, 409]);
      const before = Date.now();
      const { status, json } = await ask(handler, { body });
      assert.deepEqual([status, json?.error.code], [409, "request.time"]);
      assert.match(json?.error.message ?? "", /accepted before/);
      assert.ok(Date.parse(json?.now ?? "") >= before);
      assert.equal(asked, 3);
      // Signed again with the time of the response.
      assert.equal((await ask(handler, { body: bodyOf(key, new Date(json?.now ?? "")) })).status, 200);
    });

    test("grants nothing else", async () => {
      const key = newBrowserKey();
      const no = new Response(null, { status: 401 });
      for (const decided of [false, undefined, null, no, new Error("no"), [], new Map(), () => false, 1, "no"]) {
        const handler = issuer.handler({ authorize: () => decided as never });
        const { status, json } = await ask(handler, { body: bodyOf(key) });
        assert.deepEqual([status, json?.error.code], [403, "grant.refused"]);
      }
      const failing = issuer.handler({ authorize: () => Promise.reject(new Error("no database")) });
      const body = bodyOf(key);
      for (const _ of [1, 2]) {
        await assert.rejects(ask(failing, { body }), /no database/);
      }
      assert.throws(() => issuer.handler({} as never), { code: "options.invalid", member: "authorize" });
    });

    test("rejects forms, other sites, and methods other than POST", async () => {
      const key = newBrowserKey();
      const handler = issuer.handler({ ...unasked, origins: ["https://dashboard.example"] });
      const status = async (init: Parameters<typeof ask>[1]) =>
        (await ask(handler, { body: bodyOf(key), ...init })).status;
      assert.equal(await status({ headers: { "content-type": "text/plain" } }), 415);
      assert.equal(await status({ headers: { "content-type": "application/x-www-form-urlencoded" } }), 415);
      assert.equal(await status({ headers: { origin: "https://evil.example" } }), 403);
      assert.equal(await status({ headers: { origin: "null" } }), 403);
      assert.equal(await status({ method: "GET" }), 405);
      const long = JSON.stringify({ ...bodyOf(key), more: "x".repeat(4096) });
      for (const body of ["", "{", "null", "[]", '{"request":1}', '{"request":""}', long]) {
        assert.equal(await status({ body }), 400, body.slice(0, 20));
      }
    });

    test("accepts pages of its own origin, and any scheme only behind a TLS proxy", async () => {
      const handler = issuer.handler({ authorize: () => true });
      for (const [url, origin, expected] of [
        ["https://app.example/grant", "https://app.example", 200],
        ["https://app.example/grant", "http://app.example", 403],
        ["https://app.example/grant", "http://app.example:443", 403],
        ["https://app.example/grant", "ftp://app.example", 403],
        ["https://app.example:8443/grant", "https://app.example:8443", 200],
        ["https://app.example:8443/grant", "https://app.example", 403],
        ["http://app.example/grant", "https://app.example", 200],
        ["http://app.example/grant", "http://app.example", 200],
        ["http://app.example/grant", "ftp://app.example", 403],
      ] as const) {
        const headers = { origin, "content-type": "application/json" };
        const body = JSON.stringify(bodyOf(newBrowserKey()));
        const { status } = await handler(new Request(url, { method: "POST", headers, body }));
        assert.equal(status, expected, `${origin} to ${url}`);
      }
    });

    test("accepts requests of listed origins", async () => {
      const key = newBrowserKey();
      const origin = "https://dashboard.example";
      const handler = issuer.handler({ authorize: () => true, origins: [origin] });
      const preflight = await ask(handler, { method: "OPTIONS", headers: { origin } });
      assert.equal(preflight.status, 204);
      assert.match(preflight.response.headers.get("access-control-allow-headers") ?? "", /content-type/);
      const { status, response } = await ask(handler, { body: bodyOf(key), headers: { origin } });
      assert.equal(status, 200);
      assert.equal(response.headers.get("access-control-allow-origin"), origin);
      assert.equal(response.headers.get("access-control-allow-credentials"), "true");
      const late = await ask(handler, { body: bodyOf(key, new Date(0)), headers: { origin } });
      assert.deepEqual([late.status, late.response.headers.get("access-control-allow-origin")], [409, origin]);
    });

    test("doesn't reveal a wrong issuer key to browsers", async () => {
      // Only the hash in the key reveals the error.
      const withWrongId = (key: string) => key.replace(/(?<=\+)[0-9a-f]{8}(?=\+)/, "00000000");
      const handler = issuing({ key: withWrongId(ISSUER.secret) }).handler({ authorize: () => true });
      const key = newBrowserKey();
      await assert.rejects(ask(handler, { body: bodyOf(key) }), {
        code: "key.invalid",
        member: "key",
        hint: /whole line/,
      });
      const wrong = key.note(requestText(withWrongId(key.vkey), new Date().toISOString()));
      const { status, json } = await ask(issuer.handler(unasked), { body: { request: wrong } });
      assert.deepEqual([status, json?.error.code], [400, "key.invalid"]);
    });

    test("reports errors in the key, but not in the log", async (context) => {
      const warned = context.mock.method(console, "warn", () => {});
      const grants = { authorize: () => true };
      const wrong = await ask(issuer.handler(grants), { body: bodyOf(new Signer("example.org/a", 1)) });
      assert.deepEqual([wrong.status, wrong.json?.error.code], [400, "name.invalid"]);
      const away = issuing({ to: { url: log.url, fetch: () => Promise.reject(new TypeError("10.0.0.7 refused")) } });
      const { status, json, response } = await ask(away.handler(grants), { body: bodyOf(newBrowserKey()) });
      assert.deepEqual([status, json?.error.code, response.headers.get("retry-after")], [503, "grant.failed", "5"]);
      assert.ok(!JSON.stringify(json).includes(log.url));
      assert.equal(warned.mock.callCount(), 1);
    });
  });
});
