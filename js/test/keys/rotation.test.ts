/**
 * Tests keys that end before their links are accepted: the events continue under another key, and none is recorded
 * twice.
 */

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createIssuer, type Issuer } from "../../packages/countersign/dist/keys/issuer.js";
import { fileOutbox } from "../../packages/countersign/dist/node.js";
import { generateKeyHandle, type LogOptions, type Outbox } from "../../packages/countersign/dist/record/record.js";
import type { Started } from "../conformance/log.ts";
import { verify } from "../conformance/program.ts";
import { serve } from "../conformance/serve.ts";
import { AUDITOR, ISSUER, LOG, SETUP } from "../conformance/setup.ts";
import { creating, type Environment } from "../deliver/recorder.ts";

const refused = { code: "log.unauthorized" };

describe("a key that ends", { skip: serve.skip, timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-rotation-"));
  let log: Started;
  let issuer: Issuer;
  before(async () => {
    log = await serve.start(SETUP);
    issuer = createIssuer({ key: ISSUER.secret, to: log.url, log: LOG.vkey });
  });
  after(async () => {
    await log.close();
    rmSync(folder, { recursive: true });
  });

  let named = 0;
  const newKey = async (ttlMs = 3_600_000) => {
    const key = await generateKeyHandle(`${ISSUER.name}/rotation-${named++}`);
    await issuer.grant(key.vkey, { ttlMs });
    return key;
  };
  const record = (options: Pick<LogOptions, "key"> & Partial<LogOptions>, environment: Environment = {}) =>
    creating(environment)({ to: log.url, log: LOG.vkey, autoFlush: false, ...options }).ready();

  /** Returns the actions with this prefix in the log, in order. The whole log must verify. */
  const logged = async (prefix: string) => {
    const response = await fetch(`${log.url}/export`, { headers: { authorization: `Bearer ${AUDITOR}` } });
    const text = await response.text();
    const { verdict, findings } = await verify(text);
    assert.ok(["verified", "partial"].includes(verdict), JSON.stringify(findings));
    const events = text.split("\n").flatMap((line) => (line === "" ? [] : (JSON.parse(line).event?.action ?? [])));
    return events.filter((action: string) => action.startsWith(prefix));
  };

  for (const [name, outbox] of [
    ["in memory", () => undefined],
    ["in a file", (path: string): Outbox => fileOutbox(join(folder, path))],
  ] as const) {
    test(`events of a revoked key continue under the next: ${name}`, async () => {
      const key = await newKey();
      const audit = await record({ key, outbox: outbox("revoked") });
      const handles = [audit.record({ action: `${name}.1` })];
      await audit.flush();
      await issuer.revoke(key.vkey);
      for (const nth of [2, 3]) {
        handles.push(audit.record({ action: `${name}.${nth}` }));
        await assert.rejects(audit.flush(), { ...refused, message: /revoked/ });
      }
      assert.deepEqual(await logged(name), [`${name}.1`]);
      await audit.rotate(await newKey());
      handles.push(audit.record({ action: `${name}.4` }));
      await audit.close();
      await Promise.all(handles.flatMap((handle) => [handle.stored(), handle.delivered()]));
      assert.deepEqual(
        await logged(name),
        [1, 2, 3, 4].map((nth) => `${name}.${nth}`),
      );
      assert.deepEqual(audit.status().dead, []);
    });
  }

  test("events after the end of a grant continue under a new one of the same key", async () => {
    const key = await newKey(60_000);
    let ahead = 0;
    const audit = await record({ key }, { now: () => Date.now() + ahead });
    audit.record({ action: "over.1" });
    await audit.flush();
    ahead = 120_000;
    const late = audit.record({ action: "over.2" });
    await assert.rejects(audit.flush(), refused);
    await issuer.grant(key.vkey);
    await audit.rotate(key);
    await late.delivered();
    await audit.close();
    assert.deepEqual(await logged("over."), ["over.1", "over.2"]);
  });

  test("an event that the log contains is not recorded again after a lost response", async () => {
    const key = await newKey();
    let loses = false;
    const lossy = async (url: string, init: RequestInit) => {
      const response = await fetch(url, init);
      if (loses) {
        throw new TypeError("connection reset");
      }
      return response;
    };
    const audit = await record({ key, to: { url: log.url, fetch: lossy }, outbox: fileOutbox(join(folder, "lossy")) });
    const handles = [audit.record({ action: "lost.1" })];
    await audit.flush();
    loses = true;
    handles.push(audit.record({ action: "lost.2" }));
    await assert.rejects(audit.flush(), { code: "log_server.unreachable" });
    assert.deepEqual(await logged("lost."), ["lost.1", "lost.2"], "the log contains the event");
    await issuer.revoke(key.vkey);
    loses = false;
    handles.push(audit.record({ action: "lost.3" }));
    await assert.rejects(audit.flush(), refused);
    await handles[1]?.delivered();
    await audit.rotate(await newKey());
    await audit.close();
    await Promise.all(handles.map((handle) => handle.delivered()));
    assert.deepEqual(await logged("lost."), ["lost.1", "lost.2", "lost.3"]);
  });

  test("entries of a recorder with a revoked key continue under the next recorder's key", async () => {
    const key = await newKey();
    const path = join(folder, "left");
    const left = await record({ key, outbox: fileOutbox(path) });
    left.record({ action: "left.1" });
    await left.flush();
    await issuer.revoke(key.vkey);
    left.record({ action: "left.2" });
    await assert.rejects(left.flush(), refused);
    const last = left.record({ action: "left.3" });
    await last.stored();
    await assert.rejects(left.close(), refused);

    // Copied as after a kill, because the original is still held.
    const copy = `${path}-copy`;
    cpSync(path, copy, { recursive: true });
    const next = await record({ key: await newKey(), outbox: fileOutbox(copy) });
    next.record({ action: "left.4" });
    await next.flush();
    assert.equal(next.status().waiting, 0);
    await next.close();
    // The order is per chain: the rejection of the first chain shows while the next is being delivered.
    assert.deepEqual((await logged("left.")).sort(), ["left.1", "left.2", "left.3", "left.4"]);
    const empty = fileOutbox(copy);
    assert.deepEqual(await empty.open(), []);
    await empty.close();
  });
});
