/** JSON reports: alone, and compared with what the page finds in their export. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, choose, launch, open, PAGE, saved, upload } from "./browser.ts";
import { vector } from "./vectors.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const { export: source, trust = "", report } = vector("large-whole");
const WHOLE = readFileSync(source, "utf8");
const ALTERED = WHOLE.replace('"action":"login"', '"action":"logon"');

async function opened(t: TestContext): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(PAGE).href);
  return page;
}

const compared = (page: Page, state: string) => page.locator(`.report-compared[data-report="${state}"]`);

const rows = async (page: Page) =>
  (await page.locator(".report-compared tbody tr").allTextContents()).map((row) =>
    row.replace(/\s+/g, " ").trim(),
  );

/** Writes a report with the page, and returns it. */
async function written(t: TestContext): Promise<string> {
  const page = await opened(t);
  await choose(page, "Choose a trust file", trust);
  await choose(page, "Choose a file", source);
  await page.locator(".verdict").waitFor();
  return (await saved(page, "Download report")).text;
}

test("report: one of the program says which export it needs, and is compared with it", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a trust file", trust);
  await choose(page, "Choose a file", upload("verify.json", JSON.stringify(report)));
  await compared(page, "alone").waitFor();
  const words = (await compared(page, "alone").textContent()) ?? "";
  assert.match(words, /This is a report, not an export/);
  assert.match(words, /log\.example\/audit/);
  assert.match(words, /only a claim/);
  // A claim has no mark of success.
  assert.equal(await compared(page, "alone").locator(".tone-good").count(), 0);
  assert.deepEqual(await violations(page), []);
  await choose(page, "Choose the export", source);
  await compared(page, "same").waitFor();
  assert.match((await compared(page, "same").textContent()) ?? "", /states the same result as this page/);
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "Remove verify.json" }).press("Enter");
  assert.equal(await page.locator(".report-compared").count(), 0);
  assert.equal(await page.evaluate(() => document.activeElement?.id), "panel-summary");
});

test("report: its export isn't accepted under another content", async (t) => {
  const text = await written(t);
  const page = await opened(t);
  await choose(page, "Choose a trust file", trust);
  await choose(page, "Choose a file", [upload("r.report.json", text), upload("other.ndjson", ALTERED)]);
  await compared(page, "other").waitFor();
  const words = (await compared(page, "other").textContent()) ?? "";
  assert.match(words, /about another file than other\.ndjson/);
  assert.match(words, new RegExp(`${JSON.parse(text).file.sha256}`));
  await open(page, "Events");
  await open(page, "Summary");
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await choose(page, "Choose another file", source);
  await compared(page, "same").waitFor();
  assert.match((await compared(page, "same").textContent()) ?? "", /by its SHA-256, and the same trust file/);
});

test("report: each difference is listed, and another trust file may explain it", async (t) => {
  const text = await written(t);
  const page = await opened(t);
  // By choosing both at once, without a trust file.
  await choose(page, "Choose a file", [upload("r.report.json", text), upload("whole.ndjson", WHOLE)]);
  await compared(page, "different").waitFor();
  assert.match((await compared(page, "different").textContent()) ?? "", /but another trust file/);
  assert.ok((await rows(page)).some((row) => /^Verdict Verified\. Unchanged since it was signed/.test(row)));
  assert.deepEqual(await violations(page), []);
});

test("report: a forged one is shown to be wrong", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a trust file", trust);
  await choose(page, "Choose a file", [
    upload("verify.json", JSON.stringify(report)),
    upload("altered.ndjson", ALTERED),
  ]);
  await compared(page, "different").waitFor();
  const found = await rows(page);
  assert.ok(
    found.some((row) => row === "Verdict Verified. Altered."),
    found.join("\n"),
  );
  assert.ok(found.some((row) => /^Check: .* Pass Fail$/.test(row)));
  assert.ok(found.some((row) => / none 1$/.test(row)));
});

test("report: a damaged one, or one of another version, is refused", async (t) => {
  const page = await opened(t);
  for (const text of [
    '{"countersign":"report/v1","verdict":',
    '{"countersign":"report/v2","verdict":"verified"}',
    '{"countersign":"evidence/v1","file":{"name":"a"}}',
  ]) {
    await choose(page, "Choose a file", upload("bad.json", text));
    await page.locator(".complaint", { hasText: "bad.json: a report that this page can’t read" }).waitFor();
    assert.equal(await page.locator(".report-compared").count(), 0);
  }
});
