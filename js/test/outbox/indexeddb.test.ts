/** The outbox in IndexedDB, in a real browser with several tabs. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ask, Site } from "./browser/site.ts";

const site = await new Site().start();
after(() => site.stop());

test("it does what every outbox does", async () => {
  const tab = await site.tab();
  assert.deepEqual(await ask(tab, "conformance"), []);
  assert.deepEqual(await ask(tab, "locks"), []);
  await tab.close();
});
