/** Findings in a file, by the page's own rules and by others, compared with the program's. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { realEvents } from "../../../js/test/real-events.ts";
import { type Browser, choose, launch, open, PAGE, saved, upload } from "./browser.ts";
import { recorded } from "./record.ts";
import { vector } from "./vectors.ts";

const PROGRAM =
  process.env.COUNTERSIGN ?? fileURLToPath(new URL("../../../target/debug/countersign", import.meta.url));
const sources = realEvents();
const withoutProgram = !existsSync(PROGRAM) && "there is no program: cargo build -p countersign-cli";

let browser: Browser;
const folder = mkdtempSync(join(tmpdir(), "countersign-rules-"));
before(async () => {
  browser = await launch();
});
after(async () => {
  rmSync(folder, { recursive: true });
  await browser.close();
});

async function opened(t: TestContext, exported: string, trust: string): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(PAGE).href);
  await choose(page, "Choose a trust file", upload("trust.txt", trust));
  await choose(page, "Choose a file", upload("audit.ndjson", exported));
  return page;
}

/** Returns how far the findings are complete, once that is final. */
async function outcome(page: Page): Promise<string> {
  await open(page, "Detections");
  const outcome = page.locator('.found-outcome:not([data-looks="waiting"])');
  await outcome.waitFor();
  return (await outcome.innerText()).trim();
}

const cloudtrail = typeof sources === "string" ? undefined : sources["cloudtrail-stratus"];
const EVENTS = (cloudtrail ?? "").split("\n").filter((line) => line !== "");

test("findings: real events have the findings that the program prints", {
  skip: typeof sources === "string" ? sources : withoutProgram,
}, async (t) => {
  const { exported, trust } = await recorded(EVENTS);
  writeFileSync(join(folder, "audit.ndjson"), exported);
  writeFileSync(join(folder, "trust.txt"), trust);
  const args = ["analyze", "audit.ndjson", "--trust", "trust.txt", "--format", "json"];
  const expected = execFileSync(PROGRAM, args, {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { findings } = JSON.parse(expected) as { findings: unknown[] };

  const page = await opened(t, exported, trust);
  assert.match(await outcome(page), new RegExp(`^${findings.length} findings in the events shown\\. `));
  const group = page.locator("cs-found-group").first();
  await group.locator(".found-one").first().click();
  if ((await group.locator("details").count()) > 0)
    await group.locator(".found-members .found-one").first().click();
  await page.getByRole("tab", { name: /^Events/, selected: true }).waitFor();
  const drawer = page.locator("countersign-viewer").locator("cs-drawer");
  await drawer.locator(".found-why").first().waitFor();

  await open(page, "Detections");
  await page.getByText("Rules applied").click();
  const file = await saved(page, "Save the findings");
  assert.equal(file.name, "audit.findings.json");
  assert.equal(file.text, expected);
  assert.deepEqual(await violations(page), []);
});

const OWN = {
  countersign: "rules/v1",
  name: "own",
  rules: [
    {
      detection: { condition: "s", s: { action: "job.read" } },
      id: "r",
      level: "critical",
      title: "A job was read",
    },
  ],
};

test("rules: replace the page's own for a verified file, and can be removed", async (t) => {
  const { exported, trust } = await recorded([
    '{"action":"job.read","actor":{"id":"u_1"}}',
    '{"action":"job.run"}',
  ]);
  const page = await opened(t, exported, trust);
  assert.match(await outcome(page), /^Nothing was found in the events shown\. /);
  await choose(page, "Use other rules", upload("own.json", JSON.stringify(OWN)));
  await page.locator(".found-one", { hasText: "A job was read" }).waitFor();
  assert.match(await outcome(page), /^1 finding in the events shown\. /);
  await page.getByText("own.json").waitFor();
  await page.getByRole("button", { name: "Use this page’s rules" }).click();
  await page.locator('.found-outcome[data-looks="shown"]', { hasText: "Nothing was found" }).waitFor();

  // A pack dropped with other files is recognized.
  await choose(page, /Choose a(nother)? file/, [
    upload("audit.ndjson", exported),
    upload("pack.json", JSON.stringify(OWN)),
  ]);
  await page.locator(".found-one", { hasText: "A job was read" }).waitFor();
});

test("findings: name who did it and to whom, and the pressed one comes first", async (t) => {
  const { exported, trust } = await recorded([
    '{"action":"role.change","actor":{"id":"sam"},"target":{"id":"joe"}}',
  ]);
  const page = await opened(t, exported, trust);
  const rules = ["One", "Two", "Three"].map((title) => ({
    detection: { condition: "s", s: { action: "role.change" } },
    id: title,
    level: "medium",
    title: `Rule ${title}`,
  }));
  await outcome(page);
  await choose(page, "Use other rules", upload("own.json", JSON.stringify({ ...OWN, rules })));
  for (const title of ["Rule Three", "Rule One", "Rule Two"]) {
    await open(page, "Detections");
    const listed = page.locator(".found-one", { hasText: title });
    await listed.locator(".found-who", { hasText: /sam\s*→\s*joe/ }).waitFor();
    await listed.click();
    const drawer = page.locator("countersign-viewer cs-drawer");
    await drawer.locator(".found-why").first().locator("h4", { hasText: title }).waitFor();
    assert.equal(await drawer.locator(".found-why").count(), 3);
  }
});

test("outcome: claims completeness of a complete range, and nothing about an altered one", async (t) => {
  for (const [name, says] of [
    ["log-range-full", /^Nothing was found in any of the 15 entries from 0 to 14\. /],
    [
      "flip-event",
      /^Can’t tell\. Nothing was found in the events that verify, but something is wrong here\. /,
    ],
  ] as const) {
    const { export: file, trust } = vector(name);
    const page = await browser.context.newPage();
    t.after(() => page.close());
    await page.goto(pathToFileURL(PAGE).href);
    if (trust !== undefined) await choose(page, "Choose a trust file", trust);
    await choose(page, "Choose a file", file);
    assert.match(await outcome(page), says, name);
  }
});

/** A pack of one rule. */
const packOf = (selection: object) =>
  JSON.stringify({ ...OWN, rules: [{ ...OWN.rules[0], detection: { condition: "s", s: selection } }] });

test("outcome: “nothing found” is green only if the rules could examine every event", async (t) => {
  const { export: file, trust } = vector("checkpoint-lines-of-other-types");
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(PAGE).href);
  if (trust !== undefined) await choose(page, "Choose a trust file", trust);
  await choose(page, "Choose a file", file);
  assert.equal(await outcome(page), "Nothing was found in any of the 5 entries from 0 to 4.");
  assert.equal(await page.locator('.found-outcome[data-looks="nothing"] .tone-good').count(), 1);
  const coverage = page.locator(".found-coverage");
  assert.equal(await coverage.getAttribute("data-complete"), "true");
  const tab = page.getByRole("tab", { name: /^Detections/ });
  assert.doesNotMatch(await tab.innerText(), /\+/);

  await choose(page, "Use other rules", upload("own.json", packOf({ "detail.role": "owner" })));
  await page.locator('.found-outcome[data-looks="doubtful"]').waitFor();
  assert.equal(await outcome(page), "Can’t tell: no rule could examine any of the 3 events here.");
  assert.match(await coverage.innerText(), /1 rule needs fields that no event of its source has/);
  assert.match(await coverage.innerText(), /A job was read: detail\.role/);
  assert.match(await tab.innerText(), /0\+\s*, no rule could examine these events/);
  assert.deepEqual(await violations(page), []);
});

test("outcome: events without a parser are named", async (t) => {
  const { exported, trust } = await recorded([
    '{"code":"T3007W"}',
    '{"action":"job.read","actor":{"id":"u_1"}}',
  ]);
  const page = await opened(t, exported, trust);
  assert.match(await outcome(page), /there may be more\.$/);
  assert.equal(await page.locator(".found-outcome .tone-good").count(), 0);
  const coverage = page.locator(".found-coverage");
  assert.match(await coverage.innerText(), /Events without a parser: 1 of /);
  assert.match(await coverage.innerText(), /1 of 2 events parsed/);
});
