/**
 * Evidence files whose answer is judged by the reader's own trust file: the cases of tests/evidence/own-trust.json,
 * which the program's tests also check.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, choose, launch, open, PAGE, saved, upload, verifyVector } from "./browser.ts";
import { vector } from "./vectors.ts";

const PROGRAM =
  process.env.COUNTERSIGN ?? fileURLToPath(new URL("../../../target/debug/countersign", import.meta.url));
const NOW = "2026-12-31T00:00:00.000Z";

interface Case {
  readonly name: string;
  readonly vector: string;
  readonly args: readonly string[];
  readonly trust: readonly string[];
  readonly says: readonly string[];
  readonly not: readonly string[];
}

const { cases } = JSON.parse(
  await readFile(new URL("../../../tests/evidence/own-trust.json", import.meta.url), "utf8"),
) as { cases: readonly Case[] };

let browser: Browser;
let folder: string;
before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), "countersign-own-trust-"));
});
after(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

async function opened(t: TestContext): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(PAGE).href);
  return page;
}

/** Writes the evidence file of a case, and returns its path. */
async function written({ vector: name, args }: Case): Promise<string> {
  const { export: source, trust = "" } = vector(name);
  const path = join(folder, "case.html");
  const words = ["report", source, "--trust", trust, "--page", PAGE, "--now", NOW, ...args, "-o", path];
  // The exit status is that of the vector's verdict.
  await promisify(execFile)(PROGRAM, words).catch(() => {});
  return path;
}

/** Records each state of the case's answer, in order. */
async function recordAnswers(page: Page): Promise<void> {
  await page.evaluate(() => {
    const states: string[] = [];
    const record = () => {
      const filed = document.querySelector('[data-filed="open"]');
      const vouched = filed?.querySelector<HTMLElement>("[data-vouched]")?.dataset.vouched;
      if (vouched !== undefined && vouched !== states.at(-1)) states.push(vouched);
    };
    new MutationObserver(record).observe(document.body, { subtree: true, childList: true, attributes: true });
    Object.assign(window, { states });
  });
}

const states = (page: Page) => page.evaluate(() => (window as unknown as { states: string[] }).states);
const words = async (page: Page) =>
  ((await page.locator('[data-filed="open"]').textContent()) ?? "").replaceAll(/\s+/g, " ").toLowerCase();

test("own trust: the answer of an evidence file is compared entry by entry", async (t) => {
  for (const one of cases) {
    const page = await opened(t);
    const path = await written(one);
    await choose(page, /Choose a(nother)? trust file/, upload("mine.txt", `${one.trust.join("\n")}\n`));
    await choose(page, /Choose a(nother)? file/, path);
    await page.locator(".verdict").waitFor();
    await page.locator('[data-vouched="contained"], [data-vouched="stated"]').waitFor();
    const shown = await words(page);
    for (const text of one.says)
      assert.ok(shown.includes(text.toLowerCase()), `${one.name}: ${text}\n${shown}`);
    for (const text of one.not)
      assert.ok(!shown.includes(text.toLowerCase()), `${one.name}: ${text}\n${shown}`);
    assert.ok(shown.includes("verdict by your trust file"), one.name);
    assert.deepEqual(await violations(page), [], one.name);
    await page.close();
  }
});

test("own trust: an answer is being checked until the reader's own check ends", async (t) => {
  const [one] = cases;
  assert.ok(one !== undefined);
  const page = await opened(t);
  await recordAnswers(page);
  await choose(page, /Choose a(nother)? file/, await written(one));
  await page.locator('[data-vouched="contained"]').waitFor();
  assert.match(await words(page), /the search selects none of 2 events\./);
  await choose(page, /Choose a(nother)? trust file/, upload("mine.txt", `${one.trust.join("\n")}\n`));
  await page.locator('[data-differs="left-out"]').waitFor();
  assert.deepEqual(await states(page), ["running", "contained", "running", "contained"]);
  assert.doesNotMatch(await words(page), /selects none/);
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  const paper = page.locator(".printed");
  await paper.waitFor({ state: "attached" });
  assert.match((await paper.textContent()) ?? "", /matches by your trust file that the answer leaves out: 7/);
});

test("own trust: without the reader's own check there is no answer", async (t) => {
  const [one] = cases;
  assert.ok(one !== undefined);
  const page = await opened(t);
  await choose(page, /Choose a(nother)? file/, await written(one));
  await page.locator('[data-vouched="contained"]').waitFor();
  await choose(
    page,
    /Choose a(nother)? trust file/,
    upload("mine.txt", "emitter example.com/app+00000000+AAAA\n"),
  );
  await page.locator('[data-vouched="stopped"]').waitFor();
  assert.equal(await page.locator('[data-vouched="contained"]').count(), 0);
  assert.doesNotMatch(await words(page), /selects none/);
});

test("evidence: counts lengths of time from when the search was answered", async (t) => {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.clock.setFixedTime("2026-12-01T00:00:00.000Z");
  await page.goto(pathToFileURL(PAGE).href);
  await verifyVector(page, vector("log-two-chains"));
  await open(page, "Events");
  const search = page.getByRole("combobox", { name: "Search events" });
  await search.fill("action:login since:-30d");
  await search.press("Enter");
  await page.locator(".notice").getByText("2 of 9 events").waitFor();
  // By then, the search would select nothing.
  await page.clock.setFixedTime("2027-03-01T00:00:00.000Z");
  await open(page, "Summary");
  const { text } = await saved(page, "Save as evidence");
  const frame = JSON.parse(/^frame (.*)$/m.exec(text)?.[1] ?? "");
  assert.deepEqual([frame.time, frame.scope.events, frame.slice.events], ["2026-12-01T00:00:00.000Z", 2, 2]);
});
