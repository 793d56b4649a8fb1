/** Evidence files in Firefox, from disk and without a network. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { PAGE, PATIENCE, verifyVector } from "../page/browser.ts";
import { vector } from "../page/vectors.ts";
import { type Firefox, launch, WITHOUT_FIREFOX } from "./browser.ts";

let firefox: Firefox;
let folder: string;
before(async () => {
  if (WITHOUT_FIREFOX) return;
  firefox = await launch("nothing");
  folder = await mkdtemp(join(tmpdir(), "countersign-evidence-"));
});
after(async () => {
  await firefox?.close();
  if (folder) await rm(folder, { recursive: true });
});

async function opened(text: string, name: string): Promise<Page> {
  const path = join(folder, name);
  await writeFile(path, text);
  return at(pathToFileURL(path).href);
}

async function at(address: string): Promise<Page> {
  const context = await firefox.browser.newContext({ locale: "en-GB" });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  await page.goto(address);
  return page;
}

test("Firefox evidence: verifies itself unless it was altered", { skip: WITHOUT_FIREFOX }, async () => {
  const page = await at(pathToFileURL(PAGE).href);
  await verifyVector(page, vector("log-two-chains"));
  const button = page.getByRole("button", { name: "Save as evidence" });
  const file = await firefox.saved(/^export\..*\.evidence\.html$/, () => button.click());
  await page.context().close();

  const good = await opened(file, "good.html");
  await good.locator('[data-filed="open"]').getByText("just checked what is in the file").waitFor();
  await good.locator(".verdict").waitFor();
  await good.context().close();

  const place = file.lastIndexOf("\nexport ") + 100;
  const altered = `${file.slice(0, place)}${file[place] === "A" ? "B" : "A"}${file.slice(place + 1)}`;
  const bad = await opened(altered, "bad.html");
  const refused = bad.locator('[data-filed="refused"]');
  await refused.waitFor();
  assert.match((await refused.textContent()) ?? "", /evidence\.invalid/);
  assert.equal(await bad.locator(".verdict, countersign-viewer").count(), 0);
  await bad.context().close();
  assert.deepEqual(firefox.trap.asked, []);
});
