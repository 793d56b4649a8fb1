/** Findings in the element: in the list, in rows and chart, in the drawer, and as files. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { verify } from "countersign/verify";
import type { Locator, Page } from "playwright-core";
import { violations } from "../axe.ts";
import { exportOf } from "../verify/inputs.ts";
import { Site } from "./site.ts";

/** Twenty failed logins of one person, and a log that is turned off. */
const eventAt = (seq: number): string => {
  const actor = { id: seq <= 30 ? "u_1" : "u_2", type: "user" };
  const isLogin = seq > 5 && seq <= 30;
  const action = seq === 35 ? "log.disable" : isLogin ? "session.login" : "job.read";
  return JSON.stringify({
    action,
    actor,
    outcome: isLogin ? "failure" : "success",
    target: { id: "t", type: "job" },
  });
};
const { bytes, trust } = exportOf({ chains: 1, events: 40, signEvery: 8, eventAt });
const strange = exportOf({
  chains: 1,
  events: 3,
  eventAt: (seq) => (seq < 3 ? '{"code":"T3007W"}' : eventAt(1)),
});
const unknown = exportOf({ chains: 1, events: 1, eventAt: () => '{"code":"T3007W"}' });
const quiet = exportOf({
  chains: 1,
  events: 12,
  eventAt: () => '{"action":"job.read","actor":{"id":"u_1"}}',
});

const site = await Site.start();
after(() => site.stop());
site.answers.set("/log.ndjson", bytes);
site.answers.set("/quiet.ndjson", quiet.bytes);
site.answers.set("/strange.ndjson", strange.bytes);
site.answers.set("/unknown.ndjson", unknown.bytes);
site.answers.set("/trust.txt", trust);
site.answers.set(
  "/own.json",
  '{"countersign":"rules/v1","name":"own","rules":[{"detection":{"condition":"s","s":{"action":"job.read"}},"id":"r","level":"low","title":"A job was <b>read</b>"}]}',
);
const one = (id: string, selection: object) =>
  JSON.stringify({
    countersign: "rules/v1",
    name: id,
    rules: [{ detection: { condition: "s", s: selection }, id, level: "low", title: `Rule ${id}` }],
  });
site.answers.set("/covering.json", one("covering", { action: "job.delete" }));
site.answers.set("/blind.json", one("blind", { "detail.role": "owner" }));
site.answers.set("/broken.json", '{"countersign":"rules/v1","name":"own","rules":[{"title":"No id"}]}');

const late = exportOf({
  chains: 1,
  events: 12,
  eventAt: (seq) =>
    `{"action":"job.read","actor":{"id":"u_1"},"occurred_at":"${seq < 9 ? "2019-01-02" : "2015-01-01"}T00:00:00.000Z"}`,
});
site.answers.set("/late.ndjson", late.bytes);
const detection = { condition: "s", s: { action: "job.read" } };
const rules = Array.from({ length: 12 }, (_, nth) => ({
  detection,
  id: `r${nth}`,
  level: "low",
  title: `Rule ${nth}`,
}));
const correlation = {
  condition: { gte: 3 },
  "group-by": ["parsed.actor.id"],
  rules: ["r0"],
  timespan: "1m",
  type: "event_count",
};
const many = { correlation, id: "many", level: "high", title: "Many jobs were read" };
site.answers.set("/many.json", JSON.stringify({ countersign: "rules/v1", name: "many", rules: [...rules, many] }));

const of = (src: string, more: string) =>
  `<countersign-viewer src="/${src}.ndjson" trust="/trust.txt" ${more}></countersign-viewer>`;
const ended = (page: Page) => page.locator('.found-outcome:not([data-looks="waiting"])');
const text = async (of: Locator) => (await of.innerText()).replace(/\s+/g, " ").trim();

async function saved(page: Page, button: Locator): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

test("detection: is off by default", async () => {
  const { page, complaints, close } = await site.open(of("log", ""));
  await page.locator("[data-verdict]").waitFor();
  assert.equal(await page.locator("cs-detections").count(), 0);
  assert.deepEqual(
    await page.evaluate(
      () => performance.getEntriesByName(`${location.origin}/countersign-viewer/analyzer.wasm`).length,
    ),
    0,
  );
  assert.deepEqual(complaints, []);
  await close();
});

test("findings: are listed, marked, explained, and saved", async () => {
  const { page, complaints, close } = await site.open(of("log", 'rules=""'), { acceptDownloads: true });
  await ended(page).waitFor();
  const list = page.locator(".found-one");
  await list.first().waitFor();
  const all = await text(page.locator(".found"));
  assert.match(all, /^Findings \d findings in the events shown\. They may be only part of the log\./);
  assert.match(all, /Log Changed, Disabled, or Erased/);
  assert.match(all, /u_1/);
  assert.deepEqual(await violations(page), []);

  const group = page.locator("cs-found-group").filter({ hasText: "failed" }).first();
  await group.locator(".found-one").first().focus();
  await page.keyboard.press("Enter");
  if ((await group.locator("details").count()) > 0) {
    await group.locator(".found-members .found-one").first().focus();
    await page.keyboard.press("Enter");
  }
  const why = page.locator("cs-found .found-why").filter({ hasText: "u_1" }).first();
  await why.waitFor();
  assert.match(await text(why), /Who parsed\.actor\.id u_1/);
  assert.match(await text(why), /Signed by A trusted key/);
  const marks = page.locator("cs-rows .row.marked .mark");
  assert.ok((await marks.count()) > 3);
  assert.match(await text(page.locator(".legend")), /Findings \d/);
  assert.deepEqual(await violations(page), []);

  // Another entry of the finding is shown on request.
  const before = await page.locator("#cs-drawer-heading").innerText();
  await why.locator(".found-entry-list button").first().click();
  await page.waitForFunction(
    (before) =>
      document.querySelector("countersign-viewer")?.shadowRoot?.querySelector<HTMLElement>("#cs-drawer-heading")
        ?.innerText !== before,
    before,
  );
  const other = page.locator("cs-found .found-why").filter({ hasText: "u_1" }).first();
  await other.waitFor();

  const id = (await other.getAttribute("data-finding")) ?? "";
  const evidence = await saved(page, other.getByRole("button", { name: "Save evidence" }));
  assert.equal(evidence.name, `${id}.ndjson`);
  const { report } = await verify(new Uint8Array(evidence.bytes), { trust });
  assert.ok(!["altered", "broken"].includes(report.verdict), report.verdict);
  assert.ok(report.counts.events >= 3 && report.counts.events < 40, `${report.counts.events} events`);

  await page.getByText("Rules applied").click();
  const findings = await saved(page, page.getByRole("button", { name: "Save the findings" }));
  const told = JSON.parse(findings.bytes.toString("utf8")) as { findings: { id: string }[]; events: number };
  assert.equal(told.events, 40);
  assert.ok(told.findings.some((finding) => finding.id === id));
  assert.deepEqual(complaints, []);
  await close();
});

test("rules: a page's own rules are used, and their strings are shown as text", async () => {
  const { page, complaints, close } = await site.open(of("quiet", 'rules="/own.json" lang="de"'));
  await ended(page).waitFor();
  await page.locator(".found-one").first().waitFor();
  const all = await text(page.locator(".found"));
  assert.match(all, /^Funde 12 Funde/);
  assert.match(all, /A job was <b>read<\/b>/);
  // Twelve findings about one person are one line.
  const line = page.locator(".found-list > li");
  assert.equal(await line.count(), 1);
  assert.match(await text(line), /^Niedrig A job was <b>read<\/b> u_1 .*Z – .*Z 12 Funde$/);
  await line.locator("summary").click();
  await line.locator(".found-members .found-one").nth(9).waitFor();
  assert.equal(await line.locator(".found-members .found-one").count(), 10);
  await page.getByRole("button", { name: "Mehr zeigen (noch 2)" }).click();
  await line.locator(".found-members .found-one").nth(11).waitFor();
  assert.deepEqual(complaints, []);
  await close();
});

test("rules: the first of many are selectable, the others once expanded", async () => {
  const { page, complaints, close } = await site.open(of("late", 'rules="/many.json"'));
  await ended(page).waitFor();
  await page.locator(".found-one").first().waitFor();
  const chip = page.locator(".found-rules .chip:visible");
  assert.equal(await chip.count(), 11);
  await page.getByText("2 more rules").click();
  assert.equal(await chip.count(), 13);
  await chip.last().click();
  await page.locator(".chip[aria-pressed=true]", { hasText: await chip.last().innerText() }).waitFor();
  // The note on dropped data is one sentence that contains the rule's title.
  const limit = page.locator(".found-limit", { hasText: "Many jobs were read" });
  assert.match(await limit.innerText(), /^Many jobs were read: \d hits were dropped, .*$/);
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(complaints, []);
  await close();
});

test("outcome: claims “nothing found” only as far as it is known", async () => {
  const { page, close } = await site.open(of("quiet", 'rules="/covering.json"'), { colorScheme: "dark" });
  await ended(page).waitFor();
  assert.equal(await text(ended(page)), "Nothing was found in the events shown. They may be only part of the log.");
  assert.equal(await ended(page).getAttribute("data-looks"), "shown");
  assert.match(await text(page.locator(".found-coverage")), /12 of 12 events parsed; 1 of 1 rules could apply/);
  assert.deepEqual(await violations(page), []);
  await close();
});

test("outcome: is doubtful if rules couldn't examine events, with reasons", async () => {
  const { page, close } = await site.open(of("quiet", 'rules="/blind.json"'));
  await ended(page).waitFor();
  assert.equal(await ended(page).getAttribute("data-looks"), "doubtful");
  assert.match(await text(ended(page)), /^Can’t tell: no rule could examine any of the \d+ events here\.$/);
  const coverage = page.locator(".found-coverage");
  assert.equal(await coverage.getAttribute("data-complete"), "false");
  assert.match(await text(coverage), /1 rule needs fields that no event of its source has: Rule blind: detail\.role/);
  assert.match(await text(coverage), /0 of 1 rules could apply/);
  assert.deepEqual(await violations(page), []);
  await close();
});

test("outcome: counts events without a parser and claims little about them", async () => {
  for (const [src, looks, said] of [
    ["strange", "doubtful", /Events without a parser: 2 of /],
    ["unknown", "doubtful", /Events without a parser: 1 of /],
  ] as const) {
    const { page, close } = await site.open(of(src, 'rules=""'));
    await ended(page).waitFor();
    assert.equal(await ended(page).getAttribute("data-looks"), looks);
    assert.match(await text(page.locator(".found")), said);
    await close();
  }
  const { page, close } = await site.open(of("quiet", 'rules=""'));
  await ended(page).waitFor();
  assert.doesNotMatch(await text(page.locator(".found")), /Events without a parser/);
  await close();
});

test("rules: reports unusable rules and still shows the events", async () => {
  const { page, close } = await site.open(of("quiet", 'rules="/broken.json"'));
  await page.locator(".found .tone-bad").waitFor();
  assert.match(await text(page.locator(".found")), /could not be applied.*No id/);
  await page.locator("cs-rows [role=row] time").first().waitFor();
  await close();
});

test("findings: follow the search, with all of them a press away", async () => {
  const { page, close } = await site.open(
    `<countersign-viewer src="/log.ndjson" trust="/trust.txt" rules="/many.json"></countersign-viewer>`,
  );
  await page.locator('.found-outcome[data-looks="found"]').waitFor();
  const legend = page.locator("cs-histogram .legend li", { has: page.locator(".swatch-mark") });
  const all = Number(/\d+/.exec(await legend.innerText())?.[0]);
  assert.equal(await page.locator(".found-scope").count(), 0);
  const box = page.getByRole("combobox", { name: "Search events" });
  await box.fill("actor:u_2 action:job.read");
  await box.press("Enter");
  const scope = page.locator(".found-scope[data-scope=search]");
  await scope.waitFor();
  const status = (await scope.locator("[role=status]").innerText()).replaceAll(/\s+/g, " ");
  const [, some = "", of = ""] =
    /^(\d+) of (\d+) findings about the events of this search: actor:u_2 action:job\.read$/.exec(status) ?? [];
  assert.ok(Number(some) > 0 && Number(some) < all && Number(of) === all, status);
  await legend.filter({ hasText: `${some} of ${all}` }).waitFor();
  assert.ok(!(await legend.innerText()).includes("so far"));
  assert.ok((await page.locator("cs-histogram > section > p.sr").innerText()).includes(`Findings: ${some} of ${all}.`));
  await page.locator(".found-rules .chip", { hasText: `All rules ${some}` }).waitFor();
  // These events have no findings.
  await box.fill("action:session.login outcome:failure actor:u_2");
  await box.press("Enter");
  await scope.locator("[role=status]", { hasText: `${all} findings aren’t about the events of this search` }).waitFor();
  await page.locator(".found-one").first().waitFor({ state: "detached" });
  assert.equal(await page.locator(".plot-marks[d*=M]").count(), 0);
  await page.getByRole("button", { name: "Show them" }).click();
  await page.locator(".found-scope[data-scope=all]").waitFor();
  await page.locator(".found-rules .chip", { hasText: `All rules ${all}` }).waitFor();
  await page.locator(".found-one").first().waitFor();
  assert.deepEqual(await violations(page), []);
  await box.fill("");
  await box.press("Enter");
  await page.locator(".found-scope").waitFor({ state: "detached" });
  await close();
});

test("findings: counts and chart are marked as preliminary until all events are examined", async () => {
  const { page, close } = await site.open(
    `<countersign-viewer rules="/many.json" trust="/trust.txt"></countersign-viewer>`,
  );
  const lines = Buffer.from(bytes).toString().split("\n");
  const feed = (text: string) =>
    page.evaluate(async (text) => {
      const viewer = document.querySelector("countersign-viewer");
      await viewer?.feed(text);
    }, text);
  const half = lines.length - 4;
  await feed(`${lines.slice(0, half).join("\n")}\n`);
  // Events arrive in batches; the rest of the file is blank.
  await feed("\n".repeat(9 << 20));
  const legend = page.locator("cs-histogram .legend li", { has: page.locator(".swatch-mark") });
  await legend.filter({ hasText: "so far" }).waitFor();
  await page.locator(".plot-unknown").waitFor({ state: "attached" });
  const summary = page.locator("cs-histogram > section > p.sr");
  assert.match(await summary.innerText(), /Findings: [\d,]+ so far\. The rules have examined [\d,]+ events so far\./);
  assert.match(await page.locator(".histogram-says").innerText(), /The rules have examined [\d,]+ events so far\./);
  await page.locator('.found-outcome[data-looks="waiting"]', { hasText: "so far" }).waitFor();
  await feed(lines.slice(half).join("\n"));
  await page.evaluate(() => document.querySelector("countersign-viewer")?.end());
  await page.locator('.found-outcome:not([data-looks="waiting"])').waitFor();
  await legend.filter({ hasNotText: "so far" }).waitFor();
  assert.equal(await page.locator(".plot-unknown").count(), 0);
  assert.ok(!(await summary.innerText()).includes("so far"));
  await close();
});
