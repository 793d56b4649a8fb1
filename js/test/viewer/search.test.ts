/** Searching for events by text, chips, chart, and keys, and the search in the page's address. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import type { Locator, Page } from "playwright-core";
import { until } from "../eventually.ts";
import { exportOf } from "../verify/inputs.ts";
import { sampleOf } from "./sample.ts";
import { Site } from "./site.ts";

const { text, trust } = await sampleOf(120);
const site = await Site.start();
after(() => site.stop());
site.answers.set("/log.ndjson", text);
site.answers.set("/trust.txt", trust);

const ELEMENT = `<countersign-viewer src="/log.ndjson" trust="/trust.txt" fragment></countersign-viewer>`;

type Event = { action: string; outcome: string; actor: { id: string }; target: { id: string }; tenant: string };
const events = text
  .split("\n")
  .filter((line) => line.includes('"event":'))
  .map((line) => JSON.parse(line).event as Event);
const count = (is: (event: Event) => boolean) => events.filter(is).length;

const query = (page: Page) => page.getByRole("combobox", { name: "Search events" });
const notice = (page: Page) => page.locator(".notice");

/** Returns the filters in the search box, in words. */
const filters = (page: Page) =>
  page
    .locator(".filter-says")
    .evaluateAll((all) => all.map((one) => one.textContent?.replace(/\s+/g, " ").trim() ?? ""));
/** Returns the filter in the page's address. */
const time = (page: Page) => new URLSearchParams(new URL(page.url()).hash.slice(1)).get("filter") ?? "";

/** Waits until this many events are shown as filtered. */
async function filtered(page: Page, shown: number): Promise<void> {
  await notice(page)
    .filter({ hasText: `Showing ${shown} of 120 events.` })
    .waitFor();
}

async function ready(hash = "", element = ELEMENT) {
  const tab = await site.open(element, { hash });
  await tab.page.getByRole("heading", { name: "Verified." }).waitFor();
  await notice(tab.page).filter({ hasText: "120 events" }).waitFor();
  return tab;
}

test("search: applies the text and notes that events are filtered", async () => {
  const { page, complaints, close } = await ready();
  assert.equal(await notice(page).getAttribute("data-filtered"), "false");
  await query(page).fill("outcome:failure actor:u_lin");
  await filtered(
    page,
    count(({ outcome, actor }) => outcome === "failure" && actor.id === "u_lin"),
  );
  assert.equal(new URL(page.url()).hash, "#q=outcome:failure+actor:u_lin");
  await query(page).fill("-action:job.* certificate");
  await filtered(
    page,
    count((event) => !event.action.startsWith("job.") && JSON.stringify(event).includes("certificate")),
  );
  await query(page).fill("action:no.such");
  await filtered(page, 0);
  await notice(page).filter({ hasText: "Showing 0 of" }).waitFor();
  await page.getByRole("button", { name: "Show all events" }).press("Enter");
  await page.locator(".notice[data-filtered=false]").waitFor();
  await page.locator("[role=grid]:focus").waitFor();
  assert.equal(await query(page).inputValue(), "");
  assert.equal(new URL(page.url()).hash, "");
  assert.deepEqual(complaints, []);
  await close();
});

/** Marks the first suggestion, once the suggestions belong to the whole text. */
async function mark(page: Page): Promise<void> {
  await until("a suggestion is marked", async () => {
    if ((await query(page).getAttribute("aria-activedescendant")) !== null) {
      return true;
    }
    await page.keyboard.press("ArrowDown");
    return false;
  });
}

test("suggestions: name fields and existing values, by keyboard alone", async () => {
  const { page, close } = await ready();
  await page.locator("cs-rows [role=grid]").focus();
  await page.keyboard.press("/");
  await page.keyboard.type("out");
  const options = page.getByRole("listbox", { name: "Suggestions" }).getByRole("option");
  await options.first().waitFor();
  assert.match((await options.first().textContent()) ?? "", /outcome:?\s+success, failure, denied/);
  await mark(page);
  await page.keyboard.press("Enter");
  // Suggestions for the name of a field include the field.
  const value = options.filter({ hasText: /^\s*failure/ });
  await value.waitFor();
  const failures = count(({ outcome }) => outcome === "failure");
  assert.match((await value.textContent()) ?? "", new RegExp(`${failures}\\b`));
  await page.keyboard.type("fa");
  await page.waitForFunction(
    () => document.querySelector("countersign-viewer")?.shadowRoot?.querySelectorAll("[role=option]").length === 1,
  );
  await mark(page);
  assert.equal(await query(page).getAttribute("aria-activedescendant"), "query-option-0");
  await page.keyboard.press("Enter");
  await filtered(page, failures);
  assert.equal(await query(page).inputValue(), "outcome:failure ");
  // Escape leaves the suggestions, and then the search.
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  assert.equal(
    await page.evaluate(() =>
      document.querySelector("countersign-viewer")?.shadowRoot?.activeElement?.getAttribute("role"),
    ),
    "grid",
  );
  await close();
});

test("search: reports an invalid query and keeps the previous result", async () => {
  const { page, close } = await ready();
  await query(page).fill("outcome:failure");
  const failures = count(({ outcome }) => outcome === "failure");
  await filtered(page, failures);
  await query(page).fill("outcome:failure since:tomorrow action:");
  await query(page).press("Escape");
  await query(page).press("Enter");
  const problems = page.locator("#query-problems");
  await problems.getByText("neither a day nor a time").waitFor();
  assert.equal(await problems.locator("mark").textContent(), "tomorrow");
  assert.equal(await query(page).getAttribute("aria-invalid"), "true");
  assert.equal(await query(page).getAttribute("aria-describedby"), "query-problems");
  await filtered(page, failures);
  // An invalid query in the address isn't mistaken for another one either.
  const broken = await site.open(ELEMENT, { hash: "#q=outcome:failure+AND" });
  await broken.page.locator("#query-problems mark").filter({ hasText: "AND" }).waitFor();
  await notice(broken.page).filter({ hasText: "This search can’t be read" }).waitFor();
  await broken.close();
  await close();
});

/** Returns the texts of a table, row by row. */
const cells = (table: Locator) =>
  table
    .first()
    .evaluate((element) =>
      [...element.querySelectorAll("tr")].map((row) => [...row.children].map((cell) => cell.textContent?.trim() ?? "")),
    );

test("search: suggests similar fields for an unknown one and counts the events that match each condition", async () => {
  const { page, complaints, close } = await ready();
  await query(page).fill("contxt.ip:198.51.100.0/24 outcome:success");
  await filtered(page, 0);
  await notice(page).getByText("No event has the field contxt.ip.").waitFor();
  await page.getByText("No events match.").waitFor();
  const table = page.getByRole("table", { name: "Events that match each condition" });
  const successes = count(({ outcome }) => outcome === "success");
  assert.deepEqual(await cells(table), [
    ["Condition", "On its own", "With those above"],
    ["contxt.ip:198.51.100.0/24", "0", "0"],
    ["outcome:success", `${successes}`, "0"],
  ]);
  await notice(page).getByRole("button", { name: "context.ip", exact: true }).click();
  assert.equal(await query(page).inputValue(), "context.ip:198.51.100.0/24 outcome:success");
  await filtered(page, successes);
  assert.equal(await table.count(), 0);
  // If conditions aren't joined by AND alone, step-by-step numbers differ from those of each condition.
  await query(page).fill("action:no.such (outcome:success OR outcome:failure)");
  await filtered(page, 0);
  assert.deepEqual(
    (await cells(table.nth(0))).map(([part]) => part),
    ["Condition", "action:no.such", "outcome:success", "outcome:failure"],
  );
  assert.deepEqual(await cells(table.nth(1)), [
    ["Condition", "With those above"],
    ["action:no.such", "0"],
    ["(outcome:success OR outcome:failure)", "0"],
  ]);
  assert.deepEqual(complaints, []);
  await close();
});

test("facets: count, select, and deselect values", async () => {
  const { page, close } = await ready();
  const chips = (column: string) => page.locator(`.facet[data-column=${column}] .chip`);
  const chip = (column: string, value: string) => chips(column).filter({ hasText: value });
  const failures = count(({ outcome }) => outcome === "failure");
  assert.match((await chip("outcome", "failure").textContent()) ?? "", new RegExp(`Failure\\s+${failures}`));
  await chip("outcome", "failure").click();
  await filtered(page, failures);
  assert.equal(await chip("outcome", "failure").getAttribute("aria-pressed"), "true");
  assert.deepEqual(await filters(page), ["Outcome: failure"]);
  assert.equal(new URL(page.url()).hash, "#filter=outcome:failure");
  // Values of the same column keep counting what they would add.
  const successes = count(({ outcome }) => outcome === "success");
  assert.match((await chip("outcome", "success").textContent()) ?? "", new RegExp(`Success\\s+${successes}`));
  await chip("outcome", "success").click();
  await filtered(page, failures + successes);
  assert.deepEqual(await filters(page), ["Outcome: failure, success"]);
  await chip("actor", "u_ada").click();
  await filtered(
    page,
    count(({ outcome, actor }) => outcome !== "unknown" && actor.id === "u_ada"),
  );
  for (const [column, value] of [
    ["outcome", "failure"],
    ["outcome", "success"],
    ["actor", "u_ada"],
  ] as const) {
    await chip(column, value).click();
  }
  await page.locator(".notice[data-filtered=false]").waitFor();
  await close();
});

test("facets: show outcomes in the reader's language and filter by their values", async () => {
  const { page, close } = await site.open(ELEMENT.replace(" fragment", ` lang="de" fragment`));
  await page.locator(".facet[data-column=outcome] .chip", { hasText: "Fehlschlag" }).click();
  await page.locator(".notice[data-filtered=true]").waitFor();
  assert.equal(new URL(page.url()).hash, "#filter=outcome:failure");
  assert.equal(await page.locator(".cell-outcome", { hasText: "failure" }).count(), 0);
  await page.locator(".cell-outcome", { hasText: "Fehlschlag" }).first().waitFor();
  await close();
});

test("chart: selects a period by dragging, as its table does", async () => {
  const { page, close } = await ready();
  const plot = page.locator(".plot-area");
  const box = (await plot.boundingBox()) ?? assert.fail();
  await page.mouse.move(box.x + box.width * 0.25, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 20, { steps: 5 });
  await page.mouse.up();
  await page.locator(".notice[data-filtered=true]").waitFor();
  const [, since = "", until = ""] = /^since:(\S+) until:(\S+)$/.exec(time(page)) ?? [];
  const times = text.match(/countersign\/v1 event \S+ \d+ (\S+)/g)?.map((link) => link.split(" ").at(-1) ?? "") ?? [];
  const within = (from: string, to: string) =>
    times.filter((time) => Date.parse(time) >= Date.parse(from) && Date.parse(time) < Date.parse(to)).length;
  assert.ok(within(since, until) > 10 && within(since, until) < 60);
  await filtered(page, within(since, until));
  await page.locator(".histogram-table summary").click();
  await page
    .getByRole("button", { name: /^Show only this time/ })
    .first()
    .click();
  await page.waitForFunction((before) => !location.hash.includes(before), since);
  const [, from = "", to = ""] = /^since:(\S+) until:(\S+)$/.exec(time(page)) ?? [];
  await filtered(page, within(from, to));
  await close();
});

test("chart: omits a few wrong dates, says so, and shows them when searched for", async () => {
  const days = (seq: number) => new Date(Date.UTC(2026, 0, 1) + seq * 86_400_000).toISOString();
  const wrong = new Map([
    [3, "0001-01-01T00:00:00.000Z"],
    [50, "9999-12-31T23:59:59.999Z"],
  ]);
  const eventAt = (seq: number) => `{"action":"a","actor":{"id":"u_1"},"occurred_at":"${wrong.get(seq) ?? days(seq)}"}`;
  const dated = exportOf({ chains: 1, events: 100, eventAt });
  site.answers.set("/dated.ndjson", dated.bytes);
  site.answers.set("/dated.txt", dated.trust);
  const { page, close } = await site.open(
    `<countersign-viewer src="/dated.ndjson" trust="/dated.txt"></countersign-viewer>`,
  );
  const foot = page.locator(".histogram-foot > p");
  await page.setViewportSize({ width: 1280, height: 800 });
  await foot.filter({ hasText: "Not shown: 2 events dated before 2026-01-0" }).waitFor();
  const years = await page.locator(".plot-drawn").evaluate((drawn) => drawn.textContent?.match(/\d{4}/g) ?? []);
  assert.deepEqual(years, []);
  await page.locator("cs-period select").selectOption("day");
  await notice(page).filter({ hasText: "Showing 1 of 100 events." }).waitFor();
  await page.getByRole("button", { name: "Clear the search" }).click();
  await query(page).fill("until:1700");
  await query(page).press("Enter");
  await notice(page).filter({ hasText: "Showing 1 of 100 events." }).waitFor();
  await foot.waitFor({ state: "detached" });
  await close();
});

test("chart: shows labels within a second whole, and table rows in one line on a laptop", async () => {
  const eventAt = (seq: number) =>
    `{"action":"a","actor":{"id":"u_1"},"occurred_at":"2026-11-01T06:34:11.${String(899 + seq)}Z"}`;
  const within = exportOf({ chains: 1, events: 5, eventAt });
  site.answers.set("/within.ndjson", within.bytes);
  site.answers.set("/within.txt", within.trust);
  const { page, close } = await site.open(
    `<countersign-viewer src="/within.ndjson" trust="/within.txt"></countersign-viewer>`,
  );
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.locator(".plot-area").waitFor();
  // Nothing exceeds the edge, as a cut label would.
  const ends = await page.locator(".plot-drawn").evaluate((drawn) => {
    const texts = [...drawn.querySelectorAll("text")].map((text) => text.getBoundingClientRect().right);
    return [Math.max(...texts), drawn.getBoundingClientRect().right] as const;
  });
  assert.ok(ends[0] > ends[1] - 112 && ends[0] < ends[1], `${ends}`);
  await page.locator(".histogram-table summary").click();
  const row = page.locator(".histogram-table tbody tr").first();
  const [time, button] = [row.locator("th"), row.locator("button")];
  assert.match((await time.innerText()).replace(/\s+/g, " "), /^2026-11-01 06:34:11\.\d{3}Z – 06:34:11\.\d{3}Z$/);
  const heights = await Promise.all(
    [time, button].map((one) => one.evaluate((cell) => cell.getClientRects()[0]?.height ?? 0)),
  );
  assert.ok((heights[0] ?? 0) <= (heights[1] ?? 0) + 20, `${heights}`);
  const wider = await page.locator(".table-scroller").evaluate((table) => table.scrollWidth - table.clientWidth);
  assert.equal(wider, 0);
  await close();
});

test("period: the last hour counts back from the last event, even if bars take days", async () => {
  const eventAt = (seq: number) =>
    JSON.stringify({
      eventName: "GetObject",
      eventSource: "s3.amazonaws.com",
      eventTime: ["", "2021-01-01T00:00:00Z", "2026-01-10T22:54:56Z", "2026-01-10T23:40:00Z"][seq],
    });
  const { bytes, trust } = exportOf({ chains: 1, events: 3, eventAt });
  site.answers.set("/years.ndjson", Buffer.from(bytes).toString());
  site.answers.set("/years.txt", trust);
  const { page, close } = await site.open(
    `<countersign-viewer src="/years.ndjson" trust="/years.txt"></countersign-viewer>`,
  );
  await notice(page).filter({ hasText: "3 events" }).waitFor();
  await page.locator("cs-period select").selectOption("Last hour");
  await notice(page).filter({ hasText: "Showing 2 of 3 events." }).waitFor();
  await close();
});

test("chart: its table has the same counts", async () => {
  const { page, close } = await ready();
  await page.locator(".histogram-table summary").click();
  const cells = await page
    .locator(".histogram-table tbody tr")
    .evaluateAll((rows) =>
      rows.map((row) => [...row.querySelectorAll("td.number")].map((cell) => Number(cell.textContent))),
    );
  const sums = [0, 1, 2].map((column) => cells.reduce((sum, row) => sum + (row[column] ?? 0), 0));
  const outcomes = ["success", "unknown", "failure"].map((wanted) => count(({ outcome }) => outcome === wanted));
  assert.deepEqual(sums, outcomes);
  await close();
});

test("rows: change their order and time zone, always with an offset", async () => {
  const { page, close } = await site.open(ELEMENT, { timezoneId: "America/Caracas" });
  const first = page.locator("cs-rows [role=row] time").first();
  await first.waitFor();
  await page.waitForFunction(() =>
    document.querySelector("countersign-viewer")?.shadowRoot?.querySelector("[data-verdict]"),
  );
  const begin = (await first.textContent()) ?? "";
  assert.match(begin, /^2026-11-02 06:.*Z$/);
  await page.getByRole("combobox", { name: "Order" }).selectOption("Newest first");
  await first.filter({ hasText: "2026-11-04 0" }).waitFor();
  await page.getByRole("combobox", { name: "Time zone" }).selectOption("Local (−04:00)");
  await first.filter({ hasText: /^2026-11-04 0\d:.*-04:00$/ }).waitFor();
  assert.equal(new URL(page.url()).hash, "#order=-time&tz=local");
  await close();
});

test("address: restores the search and the open event", async () => {
  const { page, close } = await ready();
  await query(page).fill("outcome:failure");
  await page.locator(".notice[data-filtered=true]").waitFor();
  await page.locator("cs-rows [role=row]").nth(2).click();
  const heading = page.getByRole("heading", { name: /Event on line/ });
  await heading.waitFor();
  const text = await heading.textContent();
  const { hash } = new URL(page.url());
  assert.match(hash, /^#q=outcome:failure&line=\d+$/);
  await close();

  const again = await site.open(ELEMENT, { hash });
  await again.page.getByRole("heading", { name: text ?? "" }).waitFor();
  await filtered(
    again.page,
    count(({ outcome }) => outcome === "failure"),
  );
  // The browser's back button works too.
  await again.page.evaluate(() => {
    location.hash = "#q=outcome:unknown";
  });
  await filtered(
    again.page,
    count(({ outcome }) => outcome === "unknown"),
  );
  await again.close();
});

test("address: doesn't change the page's own names", async () => {
  const { page, close } = await ready("#chapter-2");
  await query(page).fill("outcome:failure");
  await page.locator(".notice[data-filtered=true]").waitFor();
  assert.equal(new URL(page.url()).hash, "#chapter-2");
  await close();
  const two = `<countersign-viewer src="/log.ndjson" trust="/trust.txt" fragment="log."></countersign-viewer>`;
  const tab = await site.open(two, { hash: "#tab=audit&log.q=outcome%3Aunknown" });
  await filtered(
    tab.page,
    count(({ outcome }) => outcome === "unknown"),
  );
  await tab.page.getByRole("button", { name: "Show all events" }).click();
  await tab.page.locator(".notice[data-filtered=false]").waitFor();
  assert.equal(new URL(tab.page.url()).hash, "#tab=audit");
  await tab.close();
  const without = await ready("#q=outcome:failure", ELEMENT.replace(" fragment", ""));
  assert.equal(await query(without.page).inputValue(), "");
  await without.close();
});

test("export: saves results as CSV, NDJSON, and a slice that verifies", async () => {
  const { page, complaints, close } = await ready();
  await query(page).fill("outcome:failure");
  const failures = count(({ outcome }) => outcome === "failure");
  await filtered(page, failures);
  // Suggestions cover what is below the field until it is left.
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Export", exact: true }).click();
  const saved = async (kind: string) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator(`[data-kind=${kind}]`).click()]);
    await page.getByText(`Saved ${failures} events: ${download.suggestedFilename()}`).waitFor();
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
  };
  const csv = await saved("csv");
  assert.equal(csv.name, "log-events.csv");
  assert.equal(csv.text.trim().split("\r\n").length, failures + 1);
  const lines = await saved("ndjson");
  assert.equal(lines.name, "log-events.ndjson");
  const outcomes = lines.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).event.outcome);
  assert.deepEqual(outcomes, Array(failures).fill("failure"));
  const slice = await saved("slice");
  assert.equal(slice.name, "log-slice.countersign.ndjson");
  site.answers.set("/slice.ndjson", slice.text);
  await page.keyboard.press("Escape");
  await page.evaluate(() => document.querySelector("countersign-viewer")?.setAttribute("src", "/slice.ndjson"));
  await page.locator("[data-verdict=partial]").waitFor();
  await page.getByRole("button", { name: "Show all events" }).click();
  await notice(page)
    .filter({ hasText: `${failures} events` })
    .waitFor();
  assert.deepEqual(complaints, []);
  await close();
});

test("suggestions: include values that aren't among the most frequent", async () => {
  const { page, complaints, close } = await ready();
  await query(page).click();
  await query(page).pressSequentially("target:");
  const options = page.getByRole("option");
  await options.first().waitFor();
  const { id } = events[77]?.target ?? assert.fail();
  await query(page).pressSequentially(id.slice(-4));
  await options.filter({ hasText: id }).first().waitFor();
  assert.deepEqual(complaints, []);
  await close();
});
