/** The drawer in a browser: an event in full, its changes, its proof, and events that imitate other content. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { OF_PAGES, violations } from "../axe.ts";
import { launch, WITHOUT_CHROMIUM } from "../chromium.ts";
import { CHANGED, HOSTILE } from "./page/made.ts";
import type { PageSetup } from "./page/page.ts";
import { type Opened, open, type Screen } from "./tab.ts";

const skip = WITHOUT_CHROMIUM;
let browser: Browser;
before(async () => {
  if (skip === false) {
    browser = await launch();
  }
});
after(() => browser?.close());

type Test = { after(done: () => Promise<void>): void };

async function shown(t: Test, what: PageSetup, screen: Screen = {}): Promise<Opened> {
  const opened = await open(browser, screen);
  t.after(() => opened.tab.context().close());
  await opened.call("show", what);
  await opened.tab.locator(".row:not(.unread)").first().waitFor();
  return opened;
}

/** Opens a row's drawer by keyboard. */
async function openRow({ tab, call }: Opened, row: number): Promise<void> {
  await tab.keyboard.press("Escape");
  await tab.getByRole("grid").focus();
  await call("goTo", row);
  await tab.locator(`.row.current[aria-rowindex="${row + 2}"]`).waitFor();
  await tab.keyboard.press("Enter");
  await tab.getByRole("dialog").waitFor();
}

/** Returns a text as the page renders it. */
async function text({ tab }: Opened, part: string): Promise<string[]> {
  const all = await tab.locator(`cs-drawer ${part}`).allTextContents();
  return all.map((one) => one.replace(/\s+/g, " ").trim());
}

const focused = ({ tab }: Opened) =>
  tab.evaluate(() => {
    const active = document.querySelector("main")?.shadowRoot?.activeElement;
    return active?.getAttribute("role") ?? active?.className;
  });

test("drawer: shows an event's summary, its fields, and its bytes", { skip }, async (t) => {
  const opened = await shown(t, "mixed");
  await openRow(opened, 3);
  assert.deepEqual(await text(opened, ".sentence"), [
    "Recorded at 2026-11-01 00:00:03.000Z: Jürgen Weiß (u_3) tried config.update on job Nightly backup (job_3). Outcome: Failure.",
  ]);
  assert.match((await text(opened, ".signer-trust"))[0] ?? "", /^Signer trusted Signed with a key you trust\.$/);
  const row = await opened.call("shown");
  assert.deepEqual(await opened.tab.locator(".raw").allTextContents(), [row?.kind === "event" ? row.json : ""]);
  await opened.tab.locator(".drawer-body > .actions").getByRole("button", { name: "Copy" }).click();
  await opened.tab.getByText("Copied").waitFor();
  assert.equal(await opened.tab.evaluate(() => navigator.clipboard.readText()), row?.kind === "event" && row.json);
  const facts = (await text(opened, ".drawer-body > .facts > div")).join("\n");
  for (const fact of [
    "Recorded at2026-11-01 00:00:03.000Z by the signer’s clock",
    "Chain0123456789abcdef0123456789abcdef",
    "Seq4",
    "Entry4",
    "Line6",
    "Signing keyexample.com/recorder",
    "Key ID5cc3cc17",
    "Key AXXk 4Fqv BmVp PW1y J0qp Q9Zv V5xq 3h0h 5wF6 J8sY zGxk Full public key (vkey) example.com/recorder+5cc3cc17+AXX",
  ]) {
    assert.ok(facts.includes(fact), `${fact} is not in\n${facts}`);
  }
});

test("drawer: shows a word for each signer trust, and “trusted” only for trusted signers", { skip }, async (t) => {
  const opened = await shown(t, "mixed");
  const words = [];
  for (const row of [3, 20, 21, 22, 23]) {
    await openRow(opened, row);
    words.push((await text(opened, ".signer-trust .state"))[0]);
  }
  assert.deepEqual(words, [
    "Signer trusted",
    "Signer not trusted",
    "Signer suspect",
    "Signer not known yet",
    "Signer revoked",
  ]);
});

test("drawer: follows the rows and returns the focus", { skip }, async (t) => {
  const opened = await shown(t, "mixed");
  const { tab } = opened;
  await openRow(opened, 0);
  assert.equal(await tab.locator("dialog.drawer").evaluate((dialog) => dialog.matches(":modal")), false);
  assert.equal(await focused(opened), "group");
  const heading = tab.locator("#cs-drawer-heading");
  assert.match((await heading.textContent()) ?? "", /Event on line 3$/);
  await tab.keyboard.press("j");
  await tab.getByRole("heading", { name: "Event on line 4" }).waitFor();
  await tab.keyboard.press("k");
  await tab.getByRole("heading", { name: "Event on line 3" }).waitFor();
  assert.equal(await tab.getByRole("button", { name: "Previous" }).isDisabled(), true);
  await tab.getByRole("button", { name: "Next" }).press("Enter");
  await tab.getByRole("heading", { name: "Event on line 4" }).waitFor();
  // Rows can be browsed while the drawer is open.
  await tab.getByRole("grid").focus();
  await tab.keyboard.press("ArrowDown");
  await tab.getByRole("heading", { name: "Event on line 5" }).waitFor();
  assert.equal(await focused(opened), "grid");
  await tab.getByRole("button", { name: "Close" }).focus();
  await tab.keyboard.press("Escape");
  await tab.getByRole("dialog").waitFor({ state: "hidden" });
  assert.equal(await focused(opened), "grid");
  assert.equal(await tab.locator(".row.current").getAttribute("aria-rowindex"), "4");
});

test("drawer: is modal on a narrow screen and fits into 320 pixels", { skip }, async (t) => {
  for (const direction of [undefined, "rtl"] as const) {
    const opened = await shown(t, "changed", { width: 320, height: 640, ...(direction && { direction }) });
    const { tab } = opened;
    for (const row of [0, 6]) {
      await openRow(opened, row);
      assert.equal(await tab.locator("dialog.drawer").evaluate((dialog) => dialog.matches(":modal")), true);
      await tab.locator("cs-proof button").first().click();
      await opened.call("explained");
      for (const details of await tab.locator("cs-proof summary").all()) await details.press("Enter");
      const wide = await tab.locator("dialog.drawer").evaluate((dialog) => ({
        page: document.documentElement.scrollWidth,
        body: dialog.querySelector(".drawer-body")?.scrollWidth ?? 0,
        top: dialog.scrollHeight - dialog.clientHeight,
      }));
      assert.ok(wide.page <= 320 && wide.body <= 320, JSON.stringify(wide));
      assert.ok(wide.top <= 1, "the head stays in view");
    }
    await tab.keyboard.press("Escape");
    await tab.getByRole("dialog").waitFor({ state: "hidden" });
    assert.equal(await focused(opened), "grid");
  }
});

test("drawer: shows changes in words and signs, field by field", { skip }, async (t) => {
  const opened = await shown(t, "changed");
  await openRow(opened, 0);
  assert.deepEqual(await text(opened, ".change"), [
    "Changed enabled Before: false After: true",
    "Removed legacy Before: null",
    "Changed limits › cpu Before: 2 After: 4",
    "Added tags › [1] After: night",
    "Added owner After: u_9",
  ]);
  assert.ok((await text(opened, ".drawer-body")).join().includes("4 fields are unchanged."));
  const signs = await opened.tab
    .locator("cs-drawer .change")
    .first()
    .evaluate((change) =>
      ["del", "ins"].map((name) => getComputedStyle(change.querySelector(name) ?? change, "::before").content),
    );
  assert.deepEqual(
    signs.map((sign) => sign.slice(0, 3)),
    ['"−"', '"+"'],
  );
});

test("drawer: doesn't claim changes that aren't known", { skip }, async (t) => {
  const opened = await shown(t, "changed");
  const textOf = async (row: number) => {
    await openRow(opened, row);
    return (await text(opened, ".drawer-body")).join();
  };
  assert.match(await textOf(1), /Nothing changed between before and after\./);
  assert.match(await textOf(2), /Only the state after was recorded\./);
  assert.doesNotMatch(await textOf(2), /Added/);
  await openRow(opened, 3);
  assert.deepEqual(await text(opened, ".change"), ["Removed a Before: b 1"]);
});

test("drawer: limits large states and shows all of them on request", { skip }, async (t) => {
  const opened = await shown(t, "changed");
  const { tab } = opened;
  await openRow(opened, 4);
  assert.match((await text(opened, ".change del"))[0] ?? "", /^Before: a{2000}… First 2,000 of 100,000 characters\.$/);
  await openRow(opened, 5);
  const drawn = () => tab.locator("cs-drawer .change").count();
  const first = await drawn();
  assert.ok(first <= 125, String(first));
  assert.ok((await text(opened, ".drawer-body")).join().includes("more changes not shown."));
  await tab.getByRole("button", { name: "Show more" }).click();
  await tab.waitForFunction(
    (first) => (document.querySelector("main")?.shadowRoot?.querySelectorAll(".change").length ?? 0) > first,
    first,
  );
});

test("drawer: shows any field name as a plain name", { skip }, async (t) => {
  const opened = await shown(t, "changed");
  await openRow(opened, 6);
  assert.deepEqual(await text(opened, ".change"), [
    "Changed __proto__ Before: 1 After: 2",
    "Added <b>x</b> After: <i>y</i>",
  ]);
  assert.equal(await opened.tab.locator("cs-drawer :is(b, i)").count(), 0);
});

test("drawer: shows what is known of withheld events and gaps, and calls none trusted", {
  skip,
}, async (t) => {
  const opened = await shown(t, "mixed");
  await openRow(opened, 8);
  const withheld = (await text(opened, ".drawer")).join();
  assert.match(withheld, /^Withheld event on line 11 9 of 60/);
  assert.match(withheld, /Event erased \(claimed, not proven\).*The reason is only claimed/);
  assert.doesNotMatch(withheld, /As recorded|The bytes that were verified/);
  await openRow(opened, 11);
  assert.doesNotMatch((await text(opened, ".drawer")).join(), /not proven/);
  await openRow(opened, 5);
  const gap = (await text(opened, ".drawer")).join();
  assert.match(gap, /1,024 entries omitted from this export.*entries 6 to 1,029/);
  assert.match(gap, /1,024 entries here are represented only by hashes/);
  assert.equal(await opened.tab.locator("cs-drawer .signer-trust").count(), 0);
});

test("drawer: titles a fold by its content", { skip }, async (t) => {
  const opened = await shown(t, "mixed");
  for (const [row, title] of [
    [50, "Events withheld at line 53"],
    [51, "Entries omitted at line 54"],
    [52, "Withheld or omitted at line 55"],
  ] as const) {
    await openRow(opened, row);
    assert.deepEqual(await text(opened, "#cs-drawer-heading"), [title]);
  }
});

test("proof: is computed on request, cancelable, and shown step by step", { skip }, async (t) => {
  const opened = await shown(t, "mixed");
  const { tab, call } = opened;
  await openRow(opened, 0);
  const explain = tab.getByRole("button", { name: "Show the proof" });
  await explain.press("Enter");
  const progress = tab.getByRole("progressbar", { name: "Reading the entries to build the proof" });
  await progress.waitFor();
  assert.equal(await progress.evaluate((bar: HTMLProgressElement) => bar.value / bar.max), 0.5);
  await tab.getByRole("button", { name: "Cancel" }).press("Enter");
  await explain.waitFor();
  assert.ok((await call("heard")).includes("explain-aborted"));
  await tab.keyboard.press("Enter");
  await progress.waitFor();
  await call("explained");
  await tab.locator(".steps:focus").waitFor();
  assert.deepEqual(await text(opened, ".step-head"), [
    "The event Pass",
    "Its fingerprint in the log Pass",
    "Its link Pass",
    "Its chain Pass",
    "The signature Pass",
    "The key Pass",
    "Its entry in the log Pass",
    "From the entry to the root Pass",
    "The checkpoint Pass",
    "The log’s signature Fail",
    "The witnesses Not needed",
  ]);
  assert.equal(await tab.locator(".hashes tbody").count(), 11);
  assert.equal(await tab.locator("cs-proof b").count(), 0);
  assert.match((await text(opened, ".proof-verdict"))[0] ?? "", /Unchanged, but this may be only part of the log\./);
  const saving = tab.waitForEvent("download");
  await tab.getByRole("button", { name: "Save the proof" }).press("Enter");
  const file = await saving;
  assert.equal(file.suggestedFilename(), "proof-01234567-1.ndjson");
  assert.equal(await readFile(await file.path(), "utf8"), "a proof\n");
  // Another event has another proof.
  await tab.getByRole("button", { name: "Next" }).click();
  await explain.waitFor();
  assert.equal(await tab.locator(".steps").count(), 0);
});

test("proof: aborts if it is no longer needed and reports a failure", { skip }, async (t) => {
  const opened = await shown(t, "mixed");
  const { tab, call } = opened;
  await openRow(opened, 0);
  await tab.getByRole("button", { name: "Show the proof" }).click();
  await tab.getByRole("progressbar").waitFor();
  await tab.getByRole("button", { name: "Next" }).click();
  await tab.getByRole("button", { name: "Show the proof" }).waitFor();
  assert.ok((await call("heard")).includes("explain-aborted"));
  await tab.getByRole("button", { name: "Show the proof" }).click();
  await tab.getByRole("progressbar").waitFor();
  await call("unexplained");
  await tab.getByText("The proof could not be built.").waitFor();
  await tab.getByText("the file <b>changed</b>").waitFor();
  await tab.getByRole("button", { name: "Try again" }).click();
  await tab.getByRole("progressbar").waitFor();
});

test("hostile events: are neither executed, hidden, nor mistaken for something else", { skip }, async (t) => {
  const opened = await shown(t, "hostile");
  const { tab, wrong } = opened;
  const members = async (row: number) => {
    await openRow(opened, row);
    const names = await text(opened, ".drawer-body > .members > div > dt");
    const values = await text(opened, ".drawer-body > .members > div > dd");
    return names.map((name, place) => [name, values[place] ?? ""] as const);
  };
  const markup = await members(0);
  assert.deepEqual(markup[0], ["action", '<img src=x onerror="globalThis.ran=1">']);
  assert.equal(await tab.locator("cs-drawer :is(img, script, a, iframe)").count(), 0);

  await openRow(opened, 1);
  assert.equal(
    (await text(opened, ".sentence"))[0],
    "Recorded at 2026-11-01 00:00:01.000Z: U+2066U+200BadminU+2069 (adminU+202Egnp.exe) did user.delete to u_1.",
  );
  assert.ok((await text(opened, ".raw"))[0]?.includes("adminU+202Egnp.exe"));
  assert.equal(
    await tab.locator("cs-drawer").evaluate((drawer) => /[\u202a-\u202e\u2066-\u2069]/.test(drawer.textContent ?? "")),
    false,
  );

  const alike = await members(2);
  assert.deepEqual(alike[0], ["аU+0430ction looks like action, but is a different name", "session.login"]);
  assert.deepEqual(alike[1], ["action", "data.export"]);
  assert.match(
    (await text(opened, ".sentence"))[0] ?? "",
    /^Recorded at 2026-11-01 00:00:02\.000Z: pаU\+0430ypal did data\.export to x\.$/,
  );

  const big = await members(3);
  assert.match(big.find(([name]) => name === "big")?.[1] ?? "", /^A{2000}… First 2,000 of 1,000,000 characters\.$/);
  assert.ok(((await text(opened, ".raw"))[0]?.length ?? 0) <= 20_001);

  const proto = await members(4);
  assert.deepEqual(
    proto.map(([name]) => name),
    ["__proto__", "action", "actor", "constructor", "toString"],
  );
  assert.match(proto[0]?.[1] ?? "", /action ?x ?polluted ?true/);

  await openRow(opened, 5);
  assert.equal(await tab.locator("cs-drawer .members .members").count(), 63);
  assert.ok(await tab.locator(".drawer-body").evaluate((body) => body.scrollWidth <= body.clientWidth));

  const odd = await members(6);
  assert.deepEqual(odd[0], ['"" empty', "nameless"]);
  assert.equal(odd.at(-1)?.[1], "0 9007199254740993 1 1.10 2 -0 3 1e400 4 true 5 null");

  const twice = await members(7);
  assert.deepEqual(twice.slice(0, 2), [
    ["action", "first"],
    ["action", "second"],
  ]);

  const wide = await members(9);
  assert.equal(wide.length, 250);
  assert.ok((await text(opened, ".drawer-body")).join().includes("4,751 more fields not shown."));
  await tab.getByRole("button", { name: "Show more" }).click();
  await tab.locator(".drawer-body > .members > div").nth(1_999).waitFor();

  await openRow(opened, 10);
  assert.ok((await tab.locator("cs-drawer .unseen").count()) < 5_000);
  assert.ok((await text(opened, ".raw"))[0]?.includes("U+200B ×"));

  await openRow(opened, 11);
  assert.match((await text(opened, ".sentence"))[0] ?? "", /: \{target\} did \{actor\} to \$\{x\} \{\{action\}\}\.$/);

  assert.equal(await tab.evaluate("globalThis.ran"), undefined);
  assert.deepEqual(wrong, []);
  assert.ok(HOSTILE.length === 12 && CHANGED.length === 7);
});

for (const theme of ["light", "dark"] as const) {
  test(`axe: finds nothing in the drawer in the ${theme} theme`, { skip }, async (t) => {
    const opened = await shown(t, "changed", { theme, height: 400 });
    const { tab, call } = opened;
    const check = async (state: string) => assert.deepEqual(await violations(tab, { without: OF_PAGES }), [], state);
    await openRow(opened, 0);
    await tab.getByRole("button", { name: "Show the proof" }).click();
    await check("explaining");
    await call("explained");
    for (const details of await tab.locator("cs-proof summary").all()) await details.press("Enter");
    await check("explained");
    await call("show", "hostile");
    await openRow(opened, 2);
    await check("look-alikes");
    await call("show", "mixed");
    await openRow(opened, 8);
    await check("withheld");
  });
}

test("drawer: is complete in German", { skip }, async (t) => {
  const opened = await shown(t, "mixed");
  await opened.call("german");
  await openRow(opened, 3);
  assert.deepEqual(await text(opened, ".sentence"), [
    "Aufgezeichnet am 2026-11-01 00:00:03.000Z: Jürgen Weiß (u_3): config.update versucht, betrifft job Nightly backup (job_3). Ergebnis: Fehlschlag.",
  ]);
  await opened.tab.getByRole("gridcell", { name: "1.024 Einträge in diesem Export ausgelassen" }).waitFor();
});
