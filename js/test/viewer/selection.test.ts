/** The selection that is shown and saved, and the filters that are part of it. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import { queryOf, withField, withTime, withToggled } from "../../packages/ui/dist/viewer/search/criteria.js";
import { SearchController } from "../../packages/ui/dist/viewer/search/search-controller.js";
import {
  checkResult,
  type ReadySelection,
  reasonOf,
  SelectionMismatch,
  selectionOf,
} from "../../packages/ui/dist/viewer/search/selection.js";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";
import { violations } from "../axe.ts";
import { sampleOf } from "./sample.ts";
import { Site } from "./site.ts";

const { text, trust } = await sampleOf(120);
const site = await Site.start();
after(() => site.stop());
site.answers.set("/log.ndjson", text);
site.answers.set("/trust.txt", trust);

const ELEMENT = `<countersign-viewer src="/log.ndjson" trust="/trust.txt" fragment></countersign-viewer>`;

type Event = { action: string; outcome: string; actor: { id: string } };
const events = text
  .split("\n")
  .filter((line) => line.includes('"event":'))
  .map((line) => JSON.parse(line).event as Event);
const count = (is: (event: Event) => boolean) => events.filter(is).length;
const failures = count(({ outcome }) => outcome === "failure");
const ofLin = count(({ actor }) => actor.id === "u_lin");
const failuresOfLin = count(({ outcome, actor }) => outcome === "failure" && actor.id === "u_lin");

const query = (page: Page) => page.getByRole("combobox", { name: "Search events" });
const exporting = (page: Page) => page.getByRole("button", { name: "Export", exact: true });
const chosen = (page: Page) => page.getByRole("list", { name: "Filters" }).getByRole("button");
const facet = (page: Page, column: string, value: string) =>
  page.locator(`.facet[data-column=${column}] .chip`).filter({ hasText: value });

/** Waits until this many events are shown. */
const shown = (page: Page, events: number) =>
  page
    .locator(".notice")
    .filter({ hasText: `Showing ${events} of 120 events.` })
    .waitFor();

async function ready(hash = "") {
  const tab = await site.open(ELEMENT, { hash });
  await tab.page.getByRole("heading", { name: "Verified." }).waitFor();
  await tab.page.locator("cs-export").waitFor();
  const saved: string[] = [];
  tab.page.on("download", (download) => saved.push(download.suggestedFilename()));
  return { ...tab, saved };
}

/** Returns the accessible reason why the Export button is disabled; undefined if it is enabled. */
async function reason(page: Page): Promise<string | undefined> {
  const button = exporting(page);
  if ((await button.getAttribute("aria-disabled")) !== "true") return undefined;
  const id = (await button.getAttribute("aria-describedby")) ?? "";
  return (await page.locator(`#${id}`).textContent())?.replace(/\s+/g, " ").trim();
}

/** Waits until Export is enabled, or disabled. */
const usable = (page: Page, is: boolean) => page.locator(`cs-export [part=export][aria-disabled=${!is}]`).waitFor();

/** Tries to save in every way, although nothing may be saved. */
async function trySaving(page: Page): Promise<void> {
  await exporting(page).focus();
  await page.keyboard.press("Enter");
  for (const kind of ["csv", "ndjson", "slice"]) {
    await page.locator(`[data-kind=${kind}]`).focus();
    await page.keyboard.press("Enter");
  }
}

test("selection: saves nothing while the search is invalid, and says why", async () => {
  for (const before of ["", "outcome:failure"]) {
    const { page, saved, complaints, close } = await ready();
    if (before !== "") {
      await query(page).fill(before);
      await shown(page, failures);
    }
    await usable(page, true);
    await query(page).fill(`${before} actor:u_lin since:xyz`);
    await query(page).press("Enter");
    await usable(page, false);
    assert.match(
      (await reason(page)) ?? "",
      /neither a day nor a time.*can’t be read, so nothing is selected\. Correct or/,
    );
    await page.locator(".notice").getByText("These are the events of the search before it.").waitFor();
    await trySaving(page);
    await page.locator("cs-export [role=status]").getByText("can’t be read").waitFor();
    assert.deepEqual(await violations(page), []);
    await query(page).fill(`${before} actor:u_lin`);
    await usable(page, true);
    assert.deepEqual(saved, []);
    assert.deepEqual(complaints, []);
    await close();
  }
});

test("selection: is empty for an address with an invalid part", async () => {
  for (const hash of [
    "#q=outcome:failure+AND",
    "#filter=outcome:nope",
    "#q=a)+OR+(b&filter=outcome:failure",
    `#q=${"x".repeat(9000)}+AND`,
    `#q=${"x".repeat(17_000)}`,
  ]) {
    const { page, saved, close } = await ready(hash);
    await page.locator("#query-problems").waitFor();
    await usable(page, false);
    await trySaving(page);
    assert.match((await reason(page)) ?? "", /nothing is selected/, hash.slice(0, 60));
    assert.deepEqual(saved, []);
    await close();
  }
});

test("selection: is pending while a typed search isn't applied", async () => {
  const { page, close } = await ready();
  await usable(page, true);
  // In one task of the page, before any timer of the box runs.
  const states = await page.evaluate(() => {
    const viewer = document.querySelector("countersign-viewer") as unknown as {
      shadowRoot: ShadowRoot;
      selection: { state: string; wait?: string };
    };
    const input = viewer.shadowRoot.querySelector(".query-input") as HTMLInputElement;
    const type = (text: string) => {
      input.value = text;
      input.dispatchEvent(new InputEvent("input"));
      return `${viewer.selection.state} ${viewer.selection.wait}`;
    };
    return [type("actor:u_lin"), type(""), type("actor:u_lin since:xyz")];
  });
  assert.deepEqual(states, ["counting typing", "ready undefined", "counting typing"]);
  await page.locator("#query-problems, cs-export [aria-disabled=true]").first().waitFor();
  assert.match((await reason(page)) ?? "", /isn’t applied yet|can’t be read/);
  await close();
});

test("selection: is stated in words and saved as stated", async () => {
  const { page, complaints, close } = await ready();
  await exporting(page).click();
  const says = page.locator("#export-selection");
  await says.filter({ hasText: /^\s*All 120 events\s*$/ }).waitFor();
  await query(page).fill("actor:u_lin");
  await facet(page, "outcome", "failure").click();
  await shown(page, failuresOfLin);
  await exporting(page).click();
  assert.equal(
    (await says.textContent())?.replace(/\s+/g, " ").trim(),
    `${failuresOfLin} of 120 events: outcome:failure actor:u_lin`,
  );
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("[data-kind=ndjson]").click()]);
  await page.getByText(`Saved ${failuresOfLin} events: log-events.ndjson`).waitFor();
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\n");
  assert.equal(lines.length, failuresOfLin);
  assert.deepEqual(complaints, []);
  await close();
});

test("facets: select a filter even if a result arrives during the press", async () => {
  const { page, complaints, close } = await ready();
  await query(page).fill("actor:u_lin");
  await facet(page, "outcome", "failure").hover();
  await page.mouse.down();
  await shown(page, ofLin);
  await page.mouse.up();
  await shown(page, failuresOfLin);
  assert.equal(await facet(page, "outcome", "failure").getAttribute("aria-pressed"), "true");
  assert.deepEqual(complaints, []);
  await close();
});

test("selection: no event isn't the same as all events", async () => {
  const { page, saved, close } = await ready();
  await query(page).fill("action:no.such");
  await shown(page, 0);
  await usable(page, false);
  assert.match((await reason(page)) ?? "", /^0 of 120 events: action:no\.such.*There is no event to save/);
  await trySaving(page);
  assert.deepEqual(saved, []);
  await close();
});

test("export: saves nothing if the search changes meanwhile", async () => {
  const { page, saved, close } = await ready();
  await exporting(page).click();
  await page.locator("[data-kind=csv]").waitFor();
  // The click and the next search happen in one task of the page.
  for (const kind of ["csv", "ndjson", "slice"]) {
    await page.evaluate((kind) => {
      const viewer = document.querySelector("countersign-viewer") as unknown as {
        shadowRoot: ShadowRoot;
        search(text: string): Promise<void>;
      };
      (viewer.shadowRoot.querySelector(`[data-kind=${kind}]`) as HTMLElement).click();
      void viewer.search(kind === "ndjson" ? "" : `action:job.update ${kind}`);
    }, kind);
    await page.getByText("The search changed while the file was being created, so nothing was saved.").waitFor();
    await page.evaluate(() =>
      (document.querySelector("countersign-viewer") as unknown as { search(text: string): Promise<void> }).search(""),
    );
    await usable(page, true);
  }
  assert.deepEqual(saved, []);
  await close();
});

test("filters: a value and then a text are two conditions", async () => {
  const { page, complaints, close } = await ready();
  await facet(page, "outcome", "failure").click();
  await shown(page, failures);
  await query(page).click();
  await page.keyboard.type("u_lin");
  await shown(
    page,
    count((event) => event.outcome === "failure" && JSON.stringify(event).includes("u_lin")),
  );
  assert.equal(await query(page).inputValue(), "u_lin");
  assert.deepEqual(
    await chosen(page)
      .allTextContents()
      .then((all) => all.map((one) => one.replace(/\s+/g, " ").trim())),
    ["Remove filter: Outcome: failure"],
  );
  assert.equal(new URL(page.url()).hash, "#q=u_lin&filter=outcome:failure");
  await query(page).fill("u_lin OR u_ada");
  const either = count((event) => event.outcome === "failure" && /u_lin|u_ada/.test(JSON.stringify(event)));
  await shown(page, either);
  const { hash } = new URL(page.url());
  const again = await ready(hash);
  await shown(again.page, either);
  assert.equal(await query(again.page).inputValue(), "u_lin OR u_ada");
  await again.close();
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(complaints, []);
  await close();
});

test("filters: changing one condition keeps an OR beside it", async () => {
  const { page, close } = await ready(
    "#q=outcome:denied+(actor:u_lin+OR+actor:u_ada)&filter=actor:u_lin+OR+actor:u_sam",
  );
  await usable(page, false);
  await query(page).fill("outcome:unknown (actor:u_lin OR actor:u_ada)");
  await query(page).press("Enter");
  await facet(page, "outcome", "unknown").and(page.locator("[aria-pressed=true]")).waitFor();
  await facet(page, "outcome", "failure").click();
  const is = (outcomes: string[]) => count(({ outcome, actor }) => outcomes.includes(outcome) && actor.id === "u_lin");
  await shown(page, is(["failure", "unknown"]));
  assert.equal(await query(page).inputValue(), "outcome:unknown,failure (actor:u_lin OR actor:u_ada)");
  await facet(page, "outcome", "unknown").click();
  await shown(page, is(["failure"]));
  await page.locator("cs-period select").selectOption("between");
  await page.locator("input[name=from]").fill("2026-11-01");
  await page.locator("input[name=to]").fill("2026-11-30");
  await page.getByRole("button", { name: "Apply" }).click();
  await chosen(page).nth(1).waitFor();
  assert.equal(await query(page).inputValue(), "outcome:failure (actor:u_lin OR actor:u_ada)");
  assert.match(
    (await chosen(page).first().textContent()) ?? "",
    /actor:u_lin OR actor:u_sam|Actor: u_lin OR actor:u_sam/,
  );
  await close();
});

test("filters: a range of days and then a text are two conditions", async () => {
  const { page, close } = await ready();
  await page.locator("cs-period select").selectOption("between");
  await page.locator("input[name=from]").fill("2/11/2026");
  await page.locator("input[name=to]").fill("3 November 2026");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.locator("cs-period [role=alert]", { hasText: "it isn’t clear which number is the month" }).waitFor();
  assert.equal(await page.locator("input[name=from]").getAttribute("aria-invalid"), "true");
  assert.deepEqual(await violations(page), []);
  await page.locator("input[name=from]").fill("2026-11-02");
  await page.getByRole("button", { name: "Apply" }).click();
  await chosen(page).filter({ hasText: "Time: 2026-11-02 – 2026-11-03" }).waitFor();
  await page.locator(".notice[data-filtered=true]").waitFor();
  await query(page).click();
  await page.keyboard.type("actor:u_lin");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.hash.startsWith("#q=actor:u_lin&filter=since:"));
  await usable(page, true);
  assert.equal(await page.locator("#query-problems").count(), 0);
  const ofDays = (text.match(/"event":/g) ?? []).length;
  assert.equal(ofDays, 120);
  await exporting(page).click();
  assert.match(
    (await page.locator("#export-selection").textContent()) ?? "",
    /of 120 events:\s+since:2026-11-02T00:00:00\.000Z until:2026-11-04T00:00:00\.000Z actor:u_lin/,
  );
  await close();
});

test("filters: are removed by click, Delete, and Backspace, with the focus nearby", async () => {
  const { page, close } = await ready("#q=x&filter=outcome:failure&filter=actor:u_lin&filter=action:job.*");
  await chosen(page).nth(2).waitFor();
  await chosen(page).first().focus();
  await page.keyboard.press("Delete");
  await chosen(page).nth(2).waitFor({ state: "detached" });
  await page.locator(".filter:focus", { hasText: "u_lin" }).waitFor();
  await chosen(page).filter({ hasText: "job.*" }).click();
  await chosen(page).nth(1).waitFor({ state: "detached" });
  await query(page).focus();
  await page.keyboard.press("End");
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Backspace");
  await chosen(page).first().waitFor({ state: "detached" });
  await page.locator("cs-query [role=status]", { hasText: "Filter removed: Actor: u_lin" }).waitFor();
  await page.waitForFunction(() => location.hash === "");
  await close();
});

test("filters: removing one keeps an invalid text invalid", async () => {
  const { page, saved, close } = await ready("#filter=outcome:failure");
  await shown(page, failures);
  await query(page).fill("since:xyz");
  await query(page).press("Enter");
  await page.locator("#query-problems").waitFor();
  await chosen(page).click();
  await chosen(page).first().waitFor({ state: "detached" });
  assert.equal(await query(page).inputValue(), "since:xyz");
  await usable(page, false);
  await trySaving(page);
  assert.deepEqual(saved, []);
  await page.getByRole("button", { name: "Clear the search" }).click();
  await usable(page, true);
  assert.equal(await query(page).inputValue(), "");
  await close();
});

test("filters: are copied with the text", async () => {
  const tab = await site.open(ELEMENT, {
    hash: "#q=x+OR+u_lin&filter=outcome:failure",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const { page } = tab;
  await chosen(page).waitFor();
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole("button", { name: "Copy the search as text" }).click();
  await page.locator("cs-query [role=status]", { hasText: "Copied." }).waitFor();
  assert.equal(await copied(), "outcome:failure (x OR u_lin)");
  await page.evaluate(() => navigator.clipboard.writeText(""));
  await query(page).focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Control+c");
  assert.equal(await copied(), "outcome:failure (x OR u_lin)");
  await tab.close();
});

test("filters: show how many events match each filter if no event matches all", async () => {
  const { page, close } = await ready("#q=action:no.such&filter=outcome:failure");
  await shown(page, 0);
  const cells = await page
    .getByRole("table", { name: "Events that match each condition" })
    .getByRole("row")
    .evaluateAll((rows) => rows.slice(1).map((row) => [...row.children].map((cell) => cell.textContent?.trim())));
  assert.deepEqual(cells, [
    ["outcome:failure", `${failures}`, `${failures}`],
    ["action:no.such", "0", "0"],
  ]);
  await close();
});

// Tests without a browser

const SESSION = { phase: "done", source: new Blob(), isRunning: false } as never;
const found = { complete: true, events: 7, of: 9 };
const CRITERIA = { text: "x", filters: [] };

test("selectionOf: is ready only if the newest search has a complete result", () => {
  const search = (more: object) => ({ session: SESSION, turn: 1, found, at: 0, isBusy: false, ...more }) as never;
  const state = (more: object, draft?: { text: string; refusal: undefined }) =>
    selectionOf(search(more), CRITERIA, draft).state;
  const refusal = { code: "query.time", at: [0, 1] as const, message: "m", hint: "h", phrases: {} };
  assert.equal(state({}), "ready");
  assert.equal(state({ isBusy: true }), "counting");
  assert.equal(state({ found: undefined }), "counting");
  assert.equal(state({ invalidPart: { text: "x", refusal } }), "error");
  assert.equal(state({ failure: { message: "m" } }), "error");
  assert.equal(state({ session: { ...(SESSION as object), phase: "verifying" } }), "counting");
  assert.equal(state({}, { text: "xy", refusal: undefined }), "counting");
  assert.equal(selectionOf(search({}), CRITERIA, { text: "xy", refusal }).state, "error");
  assert.equal(selectionOf(undefined, CRITERIA, undefined).state, "counting");
});

test("checkResult: compares a result with the selection shown", () => {
  const selection = {
    state: "ready",
    session: SESSION,
    turn: 1,
    query: "x",
    boxQuery: "x",
    events: 7,
    of: 9,
    at: 0,
    isGrowing: false,
  } as ReadySelection;
  checkResult(selection, 7, selection);
  const refused = (made: number, now: object, from = selection) =>
    assert.throws(() => checkResult(from, made, { ...from, ...now } as ReadySelection), SelectionMismatch);
  refused(8, {});
  refused(6, {});
  refused(7, { turn: 2 });
  refused(7, { query: "" });
  refused(7, { session: undefined });
  refused(7, { state: "error" });
  // A log that is followed may have more events by now.
  const growing = { ...selection, isGrowing: true };
  checkResult(growing, 9, { ...growing, events: 9 });
  checkResult(growing, 8, { ...growing, state: "counting", wait: "counting" } as never);
  refused(8, { state: "counting", wait: "typing" }, growing);
  refused(7, { state: "counting", wait: "counting" });
  refused(6, {}, growing);
  assert.equal(reasonOf({ ...selection, events: 0 }, en), "There is no event to save.");
  assert.equal(reasonOf({ ...selection, events: 0 }, en, true), undefined);
});

test("selectionOf: ignores results of the previous search", async () => {
  let answer: (found: object) => void = () => {};
  const told: ((found: object) => void)[] = [];
  const index = {
    check: async () => undefined,
    ask: (_query: string, _order: object, tell: (found: object) => void) => {
      told.push(tell);
      return new Promise<object>((resolve) => {
        answer = resolve;
      });
    },
  };
  const search = new SearchController({ index } as never, () => {});
  void search.ask({ text: "a", filters: [] }, { by: "place", descending: false });
  await new Promise(setImmediate);
  answer(found);
  await new Promise(setImmediate);
  assert.equal(search.isBusy, false);
  void search.ask({ text: "b", filters: [] }, { by: "place", descending: false });
  assert.equal(search.isBusy, true);
  await new Promise(setImmediate);
  told[0]?.({ ...found, events: 8 });
  assert.equal(search.isBusy, true);
  told[1]?.({ ...found, events: 1 });
  assert.equal(search.isBusy, false);
});

test("selectionOf: has the time from which the search counts", async () => {
  let asked: number | undefined;
  const index = {
    check: async () => undefined,
    ask: async (_query: string, _order: object, _tell: object, at: number) => {
      asked = at;
      return found;
    },
  };
  const search = new SearchController({ phase: "done", source: new Blob(), index } as never, () => {});
  await search.ask({ text: "since:-7d", filters: [] }, { by: "place", descending: false });
  const selection = selectionOf(search, { text: "since:-7d", filters: [] }, undefined);
  assert.equal(typeof asked, "number");
  assert.equal(selection.state === "ready" && selection.at, asked);
});

test("queryOf: joins text and filters so that neither affects the other", async () => {
  assert.equal(queryOf({ text: "", filters: [] }), "");
  assert.equal(queryOf({ text: "a OR b", filters: [] }), "a OR b");
  assert.equal(queryOf({ text: "a OR b", filters: ["c OR d", "e"] }), "(c OR d) e (a OR b)");
  const editor = {
    parts: async (query: string) => (query === "" ? [] : query.split(" ")),
    toggled: async (query: string, column: string, value: string) =>
      query.includes(`${column}:`)
        ? query.replace(`${column}:`, `${column}:${value},`)
        : `${query} ${column}:${value}`.trim(),
    within: async (query: string, since?: number, until?: number) =>
      [
        ...query.split(" ").filter((part) => part !== "" && !/^(since|until):/.test(part)),
        ...(since === undefined ? [] : [`since:${since}`]),
        ...(until === undefined ? [] : [`until:${until}`]),
      ].join(" "),
  };
  const typed = { text: "outcome:denied x", filters: ["actor:u"] };
  assert.deepEqual(await withToggled(editor, typed, "outcome", "failure"), {
    text: "outcome:failure,denied x",
    filters: ["actor:u"],
  });
  assert.deepEqual(await withToggled(editor, { text: "x", filters: ["actor:u"] }, "outcome", "failure"), {
    text: "x",
    filters: ["actor:u", "outcome:failure"],
  });
  assert.deepEqual(await withTime(editor, { text: "since:1 x", filters: ["since:2 until:3", "actor:u"] }, 4, 5), {
    text: "x",
    filters: ["actor:u", "since:4 until:5"],
  });
  const unknown = { field: "contxt.ip", at: [16, 26] as const, nearest: [] };
  assert.deepEqual(withField({ text: "contxt.ip:x", filters: ["outcome:failure"] }, unknown, "context.ip"), {
    text: "context.ip:x",
    filters: ["outcome:failure"],
  });
});
