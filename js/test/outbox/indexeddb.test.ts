/** Tests the outbox in IndexedDB, in a real browser with several tabs. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, beforeEach, test } from "node:test";
import type { Page as Tab } from "playwright-core";
import { eventually } from "../eventually.ts";
import type { Page } from "./browser/page.ts";
import { ask, outcome, Site } from "./browser/site.ts";

const site = await new Site().start();
after(() => site.stop());

beforeEach(async () => {
  const [first, ...others] = site.context.pages();
  await Promise.all(others.map((tab) => tab.close()));
  const session = await site.context.newCDPSession(first ?? (await site.context.newPage()));
  await session.send("Storage.clearDataForOrigin", { origin: site.origin, storageTypes: "all" });
  await session.detach();
});

/** Crashes the process of a tab. */
async function crash(tab: Tab): Promise<void> {
  const crashed = tab.waitForEvent("crash");
  const session = await site.context.newCDPSession(tab);
  void session.send("Page.crash").catch(() => {});
  await crashed;
  await tab.close();
}

/** Waits until only this many locks are held, because a closed tab ends asynchronously. */
async function heldLocks(tab: Tab, count: number): Promise<void> {
  const held = () => navigator.locks.query().then(({ held = [] }) => held.length);
  await eventually(
    `${count} locks are held`,
    () => tab.evaluate(held),
    (locks) => locks === count,
  );
}

async function refused<Name extends keyof Page>(
  tab: Tab,
  name: Name,
  ...args: Parameters<Page[Name]>
): Promise<{ code: string; hint: string }> {
  const { error, value } = await outcome(tab, name, ...args);
  const { code = "", hint = "" } = error ?? assert.fail(`it worked: ${JSON.stringify(value)}`);
  return { code, hint };
}

test("indexedDbOutbox: meets the contract", async () => {
  const tab = await site.tab();
  assert.deepEqual(await ask(tab, "conformance"), []);
  await heldLocks(tab, 0);
});

test("indexedDbOutbox: meets the contract on a hidden page, where changes don't wait", async () => {
  const tab = await site.tab();
  await tab.evaluate(() => Object.defineProperty(document, "visibilityState", { value: "hidden" }));
  assert.deepEqual(await ask(tab, "conformance"), []);
  await heldLocks(tab, 0);
});

test("indexedDbOutbox: tabs have separate entries, and those of a crashed tab move to another", async () => {
  const [one, other] = [await site.tab(), await site.tab()];
  assert.deepEqual(await ask(one, "open", "a"), []);
  assert.deepEqual(await ask(other, "open", "b"), []);
  await ask(one, "write", "a", [
    [1, "one"],
    [2, "two"],
    [3, "three"],
  ]);
  await ask(one, "write", "a", [[4, "four"]], [2]);
  await ask(other, "write", "b", [[1, "mine"]]);
  assert.deepEqual(await ask(other, "orphans", "b", 10), []);
  await crash(one);
  await heldLocks(other, 1);
  assert.deepEqual(await ask(other, "orphans", "b", 10), [
    [10, "one"],
    [11, "three"],
    [12, "four"],
  ]);
  assert.deepEqual(await ask(other, "orphans", "b", 20), []);
  // The new holder removes some of them, and crashes too.
  await ask(other, "write", "b", [[100, "mine too"]], [10, 1]);
  const third = await site.tab();
  assert.deepEqual(await ask(third, "open", "c"), []);
  await crash(other);
  await heldLocks(third, 0);
  assert.deepEqual(await ask(third, "orphans", "c", 1), [
    [1, "three"],
    [2, "four"],
    [3, "mine too"],
  ]);
  await ask(third, "write", "c", [], [1, 2, 3]);
  await third.close();
  const last = await site.tab();
  await heldLocks(last, 0);
  assert.deepEqual(await ask(last, "open", "d"), []);
});

test("indexedDbOutbox: entries of many tabs move to one, the oldest tab's first", async () => {
  const tabs = await Promise.all(Array.from({ length: 5 }, () => site.tab()));
  for (const [nth, tab] of tabs.entries()) {
    await ask(tab, "open", "x");
    await ask(tab, "write", "x", [
      [1, `${nth} a`],
      [2, `${nth} b`],
    ]);
  }
  await Promise.all(tabs.map((tab, nth) => (nth % 2 === 0 ? crash(tab) : tab.close())));
  const [one, other] = [await site.tab(), await site.tab()];
  await heldLocks(one, 0);
  const taken = await Promise.all([ask(one, "open", "x"), ask(other, "open", "x")]);
  const expected = tabs.flatMap((_, nth) => [`${nth} a`, `${nth} b`]);
  assert.deepEqual(taken.flatMap((entries) => entries.map(([, text]) => text)).toSorted(), expected);
  for (const entries of taken) {
    const texts = entries.map(([, text]) => text);
    assert.deepEqual(texts, texts.toSorted());
  }
});

test("indexedDbOutbox: outboxes with different names are independent", async () => {
  const tab = await site.tab();
  await ask(tab, "open", "a", { name: "a" });
  await ask(tab, "write", "a", [[1, "of a"]]);
  await ask(tab, "close", "a");
  assert.deepEqual(await ask(tab, "open", "b", { name: "b" }), []);
  assert.deepEqual(await ask(tab, "open", "a", { name: "a" }), [[1, "of a"]]);
});

test("indexedDbOutbox: keeps entries after the browser is killed", {
  skip: process.platform === "linux" ? false : "needs /proc",
}, async () => {
  const tab = await site.tab();
  await ask(tab, "open", "a");
  for (let id = 1; id <= 20; id += 1) {
    await ask(tab, "write", "a", [[id, `${id}`]], id > 5 ? [id - 5] : []);
  }
  const pid = readdirSync("/proc").find((name) => {
    try {
      const args = readFileSync(`/proc/${name}/cmdline`, "utf8");
      return args.includes(`--user-data-dir=${site.profile}`) && !args.includes("--type=");
    } catch {
      return false;
    }
  });
  const closed = site.context.waitForEvent("close");
  process.kill(Number(pid), "SIGKILL");
  await closed;
  await site.start();
  const again = await site.tab();
  assert.deepEqual(
    (await ask(again, "open", "a")).map(([, text]) => text),
    ["16", "17", "18", "19", "20"],
  );
});

test("indexedDbOutbox: reports an exceeded quota, and keeps earlier entries", async () => {
  const tab = await site.tab();
  const session = await site.context.newCDPSession(tab);
  await session.send("Storage.overrideQuotaForOrigin", { origin: site.origin, quotaSize: 300_000 });
  await ask(tab, "open", "a");
  await ask(tab, "write", "a", [[1, "before"]]);
  const { code, hint } = await refused(tab, "fill", "a", 2, 1 << 20);
  assert.equal(code, "outbox.full");
  assert.match(hint, /store less/);
  await ask(tab, "write", "a", [[3, "after"]]);
  await ask(tab, "close", "a");
  assert.deepEqual(
    (await ask(tab, "open", "a")).map(([, text]) => text),
    ["before", "after"],
  );
});

test("indexedDbOutbox: reports cleared site data if entries are lost", async () => {
  for (const entries of [[[1, "lost"]], []] as [number, string][][]) {
    for (const how of ["the browser", "the page"]) {
      const tab = await site.tab();
      await ask(tab, "open", "a");
      await ask(tab, "write", "a", [[1, "x"]]);
      await ask(tab, "write", "a", entries, [1]);
      if (how === "the page") {
        await tab.evaluate(
          () =>
            new Promise((resolve) => {
              indexedDB.deleteDatabase("countersign-outbox-default").onsuccess = resolve;
            }),
        );
      } else {
        const session = await site.context.newCDPSession(tab);
        await session.send("Storage.clearDataForOrigin", { origin: site.origin, storageTypes: "indexeddb" });
      }
      if (entries.length > 0) {
        const { code, hint } = await refused(tab, "write", "a", [[2, "next"]]);
        assert.equal(code, "outbox.failed");
        assert.match(hint, /was cleared/);
      } else {
        await ask(tab, "write", "a", [[2, "next"]]);
      }
      await tab.close();
      const other = await site.tab();
      await heldLocks(other, 0);
      assert.deepEqual(await ask(other, "open", "a"), entries.length > 0 ? [] : [[1, "next"]]);
      await ask(other, "write", "a", [], [1]);
      await other.close();
    }
  }
});

test("indexedDbOutbox: reports entries written by other code", async () => {
  const tab = await site.tab();
  await ask(tab, "open", "a");
  await ask(tab, "write", "a", [[1, "x"]]);
  await tab.evaluate(
    () =>
      new Promise((resolve) => {
        indexedDB.open("countersign-outbox-default").onsuccess = ({ target }) => {
          const database = (target as IDBOpenDBRequest).result;
          const transaction = database.transaction("entries", "readwrite");
          transaction.objectStore("entries").put("no bytes", [1, 1]);
          transaction.oncomplete = resolve;
        };
      }),
  );
  await tab.close();
  const other = await site.tab();
  await heldLocks(other, 0);
  const { code, hint } = await refused(other, "open", "a");
  assert.equal(code, "outbox.damaged");
  assert.match(hint, /another name/);
});

for (const [name, prepare, code, hint] of [
  [
    "without IndexedDB",
    "delete globalThis.indexedDB; globalThis.indexedDB = undefined",
    "outbox.unavailable",
    /private windows/,
  ],
  [
    "where IndexedDB is not allowed",
    "IDBFactory.prototype.open = () => { throw new DOMException('', 'SecurityError') }",
    "outbox.unavailable",
    /allow-same-origin/,
  ],
  ["without Web Locks", "delete Navigator.prototype.locks", "outbox.unavailable", /HTTPS/],
  [
    "if a newer release created the database",
    "globalThis.before = new Promise((resolve) => { indexedDB.open('countersign-outbox-default', 9).onsuccess = (event) => { event.target.result.close(); resolve() } })",
    "outbox.failed",
    /newer version/,
  ],
] as const) {
  test(`indexedDbOutbox: ${name} has an error with a hint`, async () => {
    const tab = await site.context.newPage();
    await tab.addInitScript({ content: `if (location.protocol !== "about:") { ${prepare} }` });
    await tab.goto(site.origin);
    await tab.waitForFunction("globalThis.call");
    await tab.evaluate("globalThis.before");
    const error = await refused(tab, "open", "a");
    assert.equal(error.code, code);
    assert.match(error.hint, hint);
  });
}

test("indexedDbOutbox: a page without a secure context gets an error with a hint", async () => {
  const tab = await site.tab(site.origin.replace("127.0.0.1", "insecure.test"));
  const { code, hint } = await refused(tab, "open", "a");
  assert.equal(code, "outbox.unavailable");
  assert.match(hint, /HTTPS/);
});

test("indexedDbOutbox: reports a blocked database, and uses it once it is free", async () => {
  const stubborn = await site.tab();
  await stubborn.evaluate(
    () =>
      new Promise((resolve) => {
        indexedDB.open("countersign-outbox-default", 1).onsuccess = ({ target }) => {
          Object.assign(globalThis, { kept: (target as IDBOpenDBRequest).result });
          indexedDB.deleteDatabase("countersign-outbox-default").onblocked = resolve;
        };
      }),
  );
  const tab = await site.tab();
  await tab.clock.install();
  const opening = refused(tab, "open", "a");
  await tab.clock.fastForward(11_000);
  const { code, hint } = await opening;
  assert.equal(code, "outbox.failed");
  assert.match(hint, /other tabs/);
  await stubborn.close();
  assert.deepEqual(await ask(tab, "open", "a"), []);
});

test("indexedDbOutbox: entries written before and while a page is left are stored", async () => {
  const other = await site.tab();
  await ask(other, "open", "b");
  const tab = await site.tab();
  await ask(tab, "open", "a");
  await ask(tab, "write", "a", [[1, "1"]]);
  await ask(tab, "writeWhenLeft", "a", [2, 3, 4]);
  await tab.goto("about:blank");
  await heldLocks(other, 0);
  // The browser may end before the last writes, which were not confirmed.
  const texts = (await ask(other, "orphans", "b", 1)).map(([, text]) => text);
  assert.deepEqual(texts, ["1", "2", "3", "4"].slice(0, texts.length));
  assert.notEqual(texts.length, 0);
});

test("indexedDbOutbox: an empty outbox lets the page enter the back/forward cache", async () => {
  const tab = await site.tab();
  await ask(tab, "open", "a");
  await ask(tab, "write", "a", [[1, "x"]]);
  await ask(tab, "write", "a", [], [1]);
  await tab.evaluate("globalThis.isTheSame = true");
  await tab.goto(`${site.origin}/elsewhere`);
  const other = await site.tab();
  assert.deepEqual(await ask(other, "open", "b"), []);
  await tab.goBack({ waitUntil: "commit" });
  await tab.waitForFunction("globalThis.call");
  assert.equal(await tab.evaluate("globalThis.isTheSame"), true);
  await ask(tab, "write", "a", [[2, "y"]]);
  assert.deepEqual(await ask(other, "orphans", "b", 1), []);
  await tab.close();
  await heldLocks(other, 0);
  assert.deepEqual(await ask(other, "orphans", "b", 1), [[1, "y"]]);
});

test("indexedDbOutbox: a page left with entries ends, and another tab takes them over", async () => {
  const [tab, other] = [await site.tab(), await site.tab()];
  await ask(other, "open", "b");
  await ask(tab, "open", "a");
  await ask(tab, "write", "a", [[1, "x"]]);
  await tab.evaluate("globalThis.isTheSame = true");
  await tab.goto(`${site.origin}/elsewhere`);
  await heldLocks(other, 0);
  assert.deepEqual(await ask(other, "orphans", "b", 7), [[7, "x"]]);
  await tab.goBack({ waitUntil: "commit" });
  await tab.waitForFunction("globalThis.call");
  assert.equal(await tab.evaluate("globalThis.isTheSame"), undefined);
});

test("indexedDbOutbox: works in workers, which leave their entries behind", async () => {
  const tab = await site.tab();
  assert.deepEqual(await ask(tab, "open", "page"), []);
  assert.deepEqual(await ask(tab, "inWorker", "open", ["a"]), []);
  await ask(tab, "inWorker", "write", ["a", [[1, "of a worker"]]]);
  assert.deepEqual(await ask(tab, "orphans", "page", 1), []);
  await ask(tab, "endWorker");
  await heldLocks(tab, 0);
  assert.deepEqual(await ask(tab, "orphans", "page", 1), [[1, "of a worker"]]);
  assert.deepEqual(await ask(tab, "inServiceWorker", "open", ["a"]), []);
  await ask(tab, "inServiceWorker", "write", ["a", [[1, "of a service worker"]]]);
  await ask(tab, "inServiceWorker", "close", ["a"]);
  assert.deepEqual(await ask(tab, "orphans", "page", 5), [[5, "of a service worker"]]);
});
