/** The Worker of the README, as it stands there. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { EMITTERS, LOG } from "../conformance/setup.ts";
import { GatedLog, skip } from "./gate.ts";
import { bundled, start } from "./workerd.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** The block of code that has this in it. */
function block(text: string): string {
  const blocks = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ""]) => code);
  return blocks.find((code) => code.includes(text)) ?? assert.fail(`the README has no ${text}`);
}

test("three lines, and the event is in the log", { skip }, async (t) => {
  // Below this folder, where the package is found by its name.
  const folder = mkdtempSync(fileURLToPath(new URL("quick-start-", import.meta.url)));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "worker.js");
  writeFileSync(path, block("export default withCountersign("));
  const log = await new GatedLog().start();
  t.after(() => log.close());
  const worker = start(await bundled(pathToFileURL(path)), {
    bindings: { AUDIT_KEY: EMITTERS[0].secret, AUDIT_URL: log.url, AUDIT_LOG: LOG.vkey },
  });
  t.after(() => worker.dispose());
  const asked = log.next();
  assert.equal(await (await worker.dispatchFetch("http://worker.test/")).text(), "ok");
  await asked;
  while ((await log.events()).length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(
    (await log.events()).map(({ event }) => event),
    [{ action: "job.delete", actor: { id: "u_1" }, target: { type: "cron_job", id: "42" } }],
  );
});
