/** The rows in a browser: a million of them, gaps, keys, and accessibility. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { OF_PAGES, violations } from "../axe.ts";
import { launch, WITHOUT_CHROMIUM } from "../chromium.ts";
import { type Opened, open } from "./tab.ts";

const MILLION = 1_000_000;

const skip = WITHOUT_CHROMIUM;
let browser: Browser;
before(async () => {
  if (skip === false) {
    browser = await launch();
  }
});
after(() => browser?.close());

interface VisibleRows {
  /** First row whose start is in view, from 0. */
  first: number;
  last: number;
  /** Its distance from the list's upper edge. */
  offset: number;
  drawn: number;
}

/** Returns what is in view, once everything is read and rendered without a hole. */
async function seen({ tab }: Opened): Promise<VisibleRows> {
  const handle = await tab.waitForFunction(() => {
    const root = document.querySelector("main")?.shadowRoot;
    const scroller = root?.querySelector<HTMLElement>(".scroller");
    const head = root?.querySelector(".head");
    if (!scroller || !head) return null;
    const edge = head.getBoundingClientRect().bottom;
    const end = scroller.getBoundingClientRect().bottom;
    const rows = [...scroller.querySelectorAll(".row")].map((row) => ({
      number: Number(row.getAttribute("aria-rowindex")) - 2,
      top: row.getBoundingClientRect().top,
      bottom: row.getBoundingClientRect().bottom,
      isRead: row.querySelector(".whole") === null,
    }));
    const inView = rows.filter(({ top, bottom }) => bottom > edge + 1 && top < end - 1);
    const [above, below] = [inView[0], inView.at(-1)];
    if (!above || !below || inView.some(({ isRead }) => !isRead)) return null;
    if (above.top > edge + 1 || (below.bottom < end - 2 && below.number < 999_999)) return null;
    const whole = inView.find(({ top }) => top >= edge - 1);
    return whole && { first: whole.number, last: below.number, offset: whole.top - edge, drawn: rows.length };
  });
  return (await handle.jsonValue()) as VisibleRows;
}

/** Waits until the scroller rests at its corrected position. */
async function rest({ tab }: Opened): Promise<void> {
  await tab.locator(".scroller").evaluate(async (scroller) => {
    for (let still = 0, last = -1; still < 20; still += 1) {
      if (scroller.scrollTop !== last) still = 0;
      last = scroller.scrollTop;
      await new Promise(requestAnimationFrame);
    }
  });
}

async function scrollTo(opened: Opened, part: number): Promise<void> {
  await opened.tab.locator(".scroller").evaluate((scroller, part) => {
    scroller.scrollTop = part * scroller.scrollHeight;
  }, part);
  await rest(opened);
}

async function million(t: { after(done: () => Promise<void>): void }): Promise<Opened> {
  const opened = await open(browser);
  t.after(() => opened.tab.context().close());
  await opened.call("show", "million");
  await seen(opened);
  return opened;
}

test("rows: renders only a few of a million", { skip }, async (t) => {
  const opened = await million(t);
  const { tab, wrong } = opened;
  assert.equal(await tab.getByRole("grid").getAttribute("aria-rowcount"), String(MILLION + 1));
  for (const part of [0, 0.1, 0.37, 0.62, 0.9, 1]) {
    await scrollTo(opened, part);
    const { drawn, first } = await seen(opened);
    assert.ok(drawn < 60, `${drawn} rows at ${part}`);
    assert.ok(part === 0 ? first === 0 : first > 0);
    assert.ok((await tab.locator("main *").count()) < 2_500);
  }
  const end = await seen(opened);
  assert.equal(end.last, MILLION - 1);
  assert.deepEqual(wrong, []);
});

test("rows: the ends of the scroller show the first and last row whole", { skip }, async (t) => {
  const opened = await million(t);
  await scrollTo(opened, 1);
  const isWhole = await opened.tab.locator(`.row[aria-rowindex="${MILLION + 1}"]`).evaluate((row) => {
    const scroller = row.closest(".scroller")?.getBoundingClientRect();
    return scroller !== undefined && row.getBoundingClientRect().bottom <= scroller.bottom + 1;
  });
  assert.ok(isWhole);
  await scrollTo(opened, 0);
  assert.deepEqual([(await seen(opened)).first, Math.round((await seen(opened)).offset)], [0, 0]);
});

for (const [place, part] of [
  ["the beginning", 0],
  ["the middle", 0.5],
  ["the end", 1],
] as const) {
  test(`rows: a wheel moves by its distance at ${place}`, { skip }, async (t) => {
    const opened = await million(t);
    await scrollTo(opened, part);
    const before = await seen(opened);
    const height = await opened.tab
      .locator(".row")
      .first()
      .evaluate((row) => row.getBoundingClientRect().height);
    await opened.tab.locator(".scroller").hover();
    const way = part === 1 ? -1 : 1;
    for (let turns = 1; turns <= 3; turns += 1) {
      const scroller = opened.tab.locator(".scroller");
      const top = await scroller.evaluate(({ scrollTop }) => scrollTop);
      await opened.tab.mouse.wheel(0, way * 3 * height);
      await scroller.evaluate(async (scroller, top) => {
        while (scroller.scrollTop === top) await new Promise(requestAnimationFrame);
      }, top);
      await rest(opened);
      const now = await seen(opened);
      assert.equal(now.first, before.first + way * 3 * turns);
      assert.ok(Math.abs(now.offset - before.offset) <= 1, `${now.offset} instead of ${before.offset}`);
    }
  });
}

test("rows: reads only what is scrolled to, and a little ahead", { skip }, async (t) => {
  const opened = await million(t);
  await opened.call("asked");
  await opened.tab.locator(".scroller").evaluate(async (scroller) => {
    for (let frame = 1; frame <= 60; frame += 1) {
      scroller.scrollTop = (scroller.scrollHeight * frame) / 60;
      await new Promise(requestAnimationFrame);
    }
  });
  await rest(opened);
  assert.equal((await seen(opened)).last, MILLION - 1);
  const asked = await opened.call("asked");
  assert.ok(asked.length < 60 * 6, `${asked.length} reads`);
});

/** Returns the rows in view by number; undefined for unread ones. Each row's content states its number. */
async function inView({ tab }: Opened): Promise<(number | undefined)[]> {
  const rows = await tab.locator(".scroller").evaluate((scroller) => {
    const { bottom: end } = scroller.getBoundingClientRect();
    const edge = scroller.querySelector(".head")?.getBoundingClientRect().bottom ?? 0;
    return [...scroller.querySelectorAll(".row")].flatMap((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      const isSeen = bottom > edge + 1 && top < end - 1;
      return isSeen ? [{ number: Number(row.getAttribute("aria-rowindex")) - 2, text: row.textContent ?? "" }] : [];
    });
  });
  return rows.map(({ number, text }) => {
    const isRead = !text.includes("Loading");
    assert.ok(!isRead || text.includes(`u_${number}`), `${text} is not ${number}`);
    return isRead ? number : undefined;
  });
}

test("rows: keep the old rows briefly after a jump, until those at the target are read", { skip }, async (t) => {
  const opened = await million(t);
  const { tab, call } = opened;
  const jump = (part: number) =>
    tab.locator(".scroller").evaluate(async (scroller, part) => {
      const scrolled = new Promise((seen) => scroller.addEventListener("scroll", seen, { once: true }));
      scroller.scrollTop = part * scroller.scrollHeight;
      await scrolled;
      await scroller.closest<HTMLElement & { updateComplete: Promise<unknown> }>("cs-rows")?.updateComplete;
    }, part);
  await tab.clock.install();
  await tab.clock.pauseAt(Date.now() + 60_000);
  const atBegin = await inView(opened);
  assert.ok(atBegin.length > 5 && atBegin[0] === 0, String(atBegin));
  await call("hold");
  await jump(0.5);
  assert.deepEqual(await inView(opened), atBegin);
  await call("letGo");
  await tab.locator('.row:not(.unread)[aria-rowindex="500010"]').waitFor();
  const atMiddle = await inView(opened);
  assert.ok(atMiddle.length > 5 && atMiddle.every((row) => row !== undefined && row > 499_990), String(atMiddle));
  await call("hold");
  await jump(1);
  assert.deepEqual(await inView(opened), atMiddle);
  await tab.clock.runFor(1000);
  const last = `.row[aria-rowindex="${MILLION + 1}"]`;
  await tab.locator(`${last}.unread`).waitFor();
  assert.ok((await inView(opened)).every((row) => row === undefined));
  await call("letGo");
  await tab.locator(`${last}:not(.unread)`).waitFor();
});

test("keyboard: moves, opens, searches, helps, and closes", { skip }, async (t) => {
  const opened = await million(t);
  const { tab, call } = opened;
  const current = () => tab.locator(".row.current").getAttribute("aria-rowindex");
  const press = async (...keys: string[]) => {
    for (const key of keys) await tab.keyboard.press(key);
  };
  await tab.keyboard.press("Tab");
  await tab.keyboard.press("Tab");
  assert.equal(
    await tab.evaluate(() => document.querySelector("main")?.shadowRoot?.activeElement?.getAttribute("role")),
    "grid",
  );
  await press("j", "j", "ArrowDown", "k");
  assert.equal(await current(), "4");
  await press("ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp");
  assert.equal(await current(), "2");
  await press("PageDown", "PageUp", "PageDown");
  const paged = Number(await current());
  assert.ok(paged > 10 && paged < 40, String(paged));
  await press("End");
  await tab.locator(`.row.current[aria-rowindex="${MILLION + 1}"] time`).waitFor();
  assert.equal(await tab.getByRole("grid").getAttribute("aria-activedescendant"), `cs-row-${MILLION - 1}`);
  await press("Home");
  await tab.locator('.row.current[aria-rowindex="2"] time').waitFor();
  await call("heard");
  await press("/", "?", "Escape", "x");
  assert.deepEqual(await call("heard"), ["ask-find", "ask-help", "ask-close"]);
  await press("j", "Enter");
  await tab.getByRole("dialog").waitFor();
  assert.deepEqual((await call("heard")).slice(0, 2), ["mark-row 1", "open-row 1"]);
});

test("keyboard: scrolls the current row into the window", { skip }, async (t) => {
  const { tab, wrong } = await million(t);
  await tab.evaluate(() => {
    const before = document.createElement("div");
    before.style.height = "2000px";
    document.querySelector("main")?.before(before);
  });
  const list = tab.locator(".scroller");
  const isShown = () =>
    tab.waitForFunction(() => {
      const root = document.querySelector("main")?.shadowRoot;
      const id = root?.querySelector(".scroller")?.getAttribute("aria-activedescendant");
      const { top, bottom } = root?.querySelector(`#${id}`)?.getBoundingClientRect() ?? { top: -1, bottom: 0 };
      return top >= 0 && bottom <= innerHeight;
    });
  for (const key of ["j", "End", "Home", "PageDown"]) {
    await list.evaluate((scroller) => scroller.focus({ preventScroll: true }));
    await tab.evaluate(() => window.scrollTo(0, 0));
    await tab.keyboard.press(key);
    await isShown();
  }
  await tab.evaluate(() => window.scrollTo(0, 0));
  await list.evaluate((scroller) => scroller.closest<HTMLElement>("cs-rows")?.focus());
  await isShown();
  assert.deepEqual(wrong, []);
});

test("print: a long list takes no more paper than its rendered rows", { skip }, async (t) => {
  const opened = await million(t);
  await scrollTo(opened, 0.5);
  await seen(opened);
  const unprinted = opened.tab.getByText("Not all rows are printed.");
  await unprinted.waitFor({ state: "hidden" });
  await opened.tab.emulateMedia({ media: "print" });
  await unprinted.waitFor();
  const [height, top] = await opened.tab
    .locator(".body")
    .evaluate((body: HTMLElement) => [body.offsetHeight, body.querySelector<HTMLElement>(".window")?.offsetTop]);
  assert.ok(height !== undefined && height <= 640, `${height} pixels`);
  assert.equal(top, 0);
});

test("keyboard: leaves keys with a modifier to the browser", { skip }, async (t) => {
  const { tab, call } = await million(t);
  await tab.getByRole("grid").focus();
  await tab.keyboard.press("Alt+j");
  await tab.keyboard.press("Control+k");
  assert.deepEqual(await call("heard"), []);
});

test("screen reader: reads columns, rows, signers, and what is missing", { skip }, async (t) => {
  const { tab, call } = await open(browser);
  t.after(() => tab.context().close());
  await call("show", "mixed");
  await tab.locator(".row time").first().waitFor();
  const tree = await tab.getByRole("grid").ariaSnapshot();
  const lines = tree.split("\n").map((line) => line.trim());
  assert.match(lines[0] ?? "", /grid "60 rows of events/);
  for (const wanted of [
    /columnheader "Signer"/,
    /columnheader "Chain \/ seq"/,
    /row "Signer not known yet 2026-11-01 00:00:00.000Z job.create Ada Lovelace u_0 Nightly backup job_0 Success 01234567 \/ 1" \[selected\]/,
    /gridcell "Signer trusted"/,
    /gridcell "1,024 entries omitted from this export \(entries 6 to 1,029\)"/,
    /gridcell "Event erased \(claimed, not proven\)"/,
    /gridcell "Event withheld, no reason given"/,
  ]) {
    assert.ok(
      lines.some((line) => wanted.test(line)),
      `${wanted} is not in\n${tree}`,
    );
  }
  const cells = await tab
    .locator(".row.gap")
    .first()
    .evaluate((row) =>
      [...row.children].reduce((sum, cell) => sum + Number(cell.getAttribute("aria-colspan") ?? 1), 0),
    );
  assert.equal(String(cells), await tab.getByRole("grid").getAttribute("aria-colcount"));
});

for (const theme of ["light", "dark"] as const) {
  test(`axe: finds nothing in the ${theme} theme`, { skip }, async (t) => {
    const opened = await open(browser, { theme, height: 400 });
    const { tab, call } = opened;
    t.after(() => tab.context().close());
    const check = async (state: string) => assert.deepEqual(await violations(tab, { without: OF_PAGES }), [], state);
    for (const what of ["mixed", "hostile", "none", "unmatched", "failing"] as const) {
      await call("show", what);
      await rest(opened);
      await check(what);
    }
    await call("show", "mixed");
    await call("choose");
    await tab.getByRole("dialog", { name: "Columns" }).waitFor();
    await check("columns");
  });
}

test("columns: are chosen by keyboard alone: shown, moved, resized, and any field", { skip }, async (t) => {
  const { tab, call } = await open(browser);
  t.after(() => tab.context().close());
  await call("show", "mixed");
  await tab.locator(".row time").first().waitFor();
  const heads = () => tab.getByRole("columnheader").allInnerTexts();
  const button = (name: string) => tab.getByRole("button", { name, exact: true });
  await button("Columns").press("Enter");
  await tab.getByRole("dialog", { name: "Columns" }).waitFor();
  await tab.getByRole("checkbox", { name: "Target" }).press("Space");
  await tab.getByRole("checkbox", { name: "Tenant" }).press("Space");
  await button("Move Tenant left").press("Enter");
  await button("Make Actor wider").press("Enter");
  await tab.getByRole("textbox", { name: "Another field" }).fill("context.ip");
  await tab.keyboard.press("Enter");
  await tab.keyboard.press("Escape");
  assert.deepEqual(
    (await heads()).map((head) => head.trim()),
    ["Signer", "Recorded at", "Action", "Actor", "From", "Outcome", "Tenant", "Chain / seq", "context.ip"],
  );
  assert.equal(await tab.locator(".row").nth(2).locator(".cell-member bdi").last().textContent(), "10.0.0.2");
  const width = await tab.locator(".head .cell-actor").evaluate((head) => head.getBoundingClientRect().width);
  assert.equal(width, 184);
  const heard = await call("heard");
  assert.equal(heard.filter((name) => name === "columns-changed").length, 5);
});

test("columns: are resized with a pointer", { skip }, async (t) => {
  const { tab, call } = await open(browser);
  t.after(() => tab.context().close());
  await call("show", "mixed");
  const head = tab.locator(".head .cell-action");
  const grip = await head.locator(".grip").boundingBox();
  const before = await head.evaluate((cell) => cell.getBoundingClientRect().width);
  assert.ok(grip);
  await tab.mouse.move(grip.x + 2, grip.y + 5);
  await tab.mouse.down();
  await tab.mouse.move(grip.x + 62, grip.y + 5, { steps: 4 });
  await tab.mouse.up();
  await tab.waitForFunction((before) => {
    const cell = document.querySelector("main")?.shadowRoot?.querySelector(".head .cell-action");
    return Math.abs((cell?.getBoundingClientRect().width ?? 0) - before - 60) < 3;
  }, before);
  assert.ok((await call("heard")).includes("columns-changed"));
});

test("times: show their offset in either zone", { skip }, async (t) => {
  const { tab, call } = await open(browser, { timezoneId: "Asia/Kathmandu" });
  t.after(() => tab.context().close());
  await call("show", "mixed");
  const first = tab.locator(".row time").first();
  await first.waitFor();
  assert.equal(await first.textContent(), "2026-11-01 00:00:00.000Z");
  await call("zone", "local");
  await tab.locator(".row time", { hasText: "2026-11-01 05:45:00.000+05:45" }).waitFor();
  const isCut = await first.evaluate((time) => {
    const cell = time.closest(".cell");
    return cell !== null && cell.scrollWidth > cell.clientWidth;
  });
  assert.equal(isCut, false);
});

test("rows: keep their position while a result grows", { skip }, async (t) => {
  const opened = await open(browser);
  const { tab, call } = opened;
  t.after(() => tab.context().close());
  await call("show", "million");
  await call("goTo", 5_000);
  await tab.locator('.row.current[aria-rowindex="5002"] time').waitFor();
  const text = await tab.locator(".row.current").textContent();
  const place = await tab.locator(".row.current").evaluate((row) => row.getBoundingClientRect().top);
  // The second report arrives before the rows of the first were read.
  await Promise.all([call("grow", 10, "before"), call("grow", 20, "before")]);
  await tab.locator('.row.current[aria-rowindex="5032"] time').waitFor();
  assert.equal(await tab.locator(".row.current").textContent(), text);
  const now = await tab.locator(".row.current").evaluate((row) => row.getBoundingClientRect().top);
  assert.ok(Math.abs(now - place) <= 1, `${now} instead of ${place}`);
  await call("grow", 50, "after");
  assert.equal(await tab.getByRole("grid").getAttribute("aria-rowcount"), String(MILLION + 81));
  assert.equal(await tab.locator(".row.current").getAttribute("aria-rowindex"), "5032");
});

test("rows: report an empty result and lost rows in words", { skip }, async (t) => {
  const { tab, call } = await open(browser);
  t.after(() => tab.context().close());
  await call("show", "none");
  await tab.getByText("No events.").waitFor();
  await call("show", "failing");
  await tab.getByText("The browser no longer has these events.").first().waitFor();
});

test("empty list: shows how many events match each condition in an accessible table", {
  skip,
}, async (t) => {
  const { tab, call } = await open(browser);
  t.after(() => tab.context().close());
  await call("show", "unmatched");
  await tab.getByText("No events match.").waitFor();
  const table = tab.getByRole("table", { name: "Events that match each condition" });
  const names = await table.getByRole("columnheader").allTextContents();
  assert.deepEqual(names, ["Condition", "On its own", "With those above"]);
  const row = table.getByRole("row").filter({ has: tab.getByRole("rowheader", { name: "action:job.*" }) });
  assert.deepEqual(await row.getByRole("cell").allTextContents(), ["12", "12"]);
  assert.deepEqual(await table.getByRole("row").last().getByRole("cell").allTextContents(), ["0", "0"]);
  await call("german");
  await tab.getByRole("table", { name: "Ereignisse, die zu den Bedingungen passen" }).waitFor();
  await call("show", "mixed");
  assert.equal(await tab.getByRole("table").count(), 0);
});

test("hostile events: are plain text in rows too", { skip }, async (t) => {
  const { tab, call, wrong } = await open(browser);
  t.after(() => tab.context().close());
  await call("columns", [
    { id: "action" },
    { id: "actor" },
    { id: "target" },
    { id: ".__proto__.action" },
    { id: ".constructor" },
  ]);
  await call("show", "hostile");
  const rows = tab.locator(".row.event");
  await rows.nth(11).waitFor();
  assert.equal(await tab.evaluate("globalThis.ran"), undefined);
  assert.equal(
    await tab
      .locator("main img, main script, main a, main [onerror], main [style]:not(.body, .window, cs-rows)")
      .count(),
    0,
  );
  const cells = (row: number) => rows.nth(row).locator('[role="gridcell"]').allTextContents();
  const text = async (row: number) => (await cells(row)).map((cell) => cell.trim());
  assert.equal((await text(0))[1]?.replace(/^Action/, ""), '<img src=x onerror="globalThis.ran=1">');
  assert.match((await text(1))[2] ?? "", /U\+2066U\+200BadminU\+2069.*adminU\+202Egnp\.exe/s);
  assert.match((await text(2))[1] ?? "", /data\.export/);
  assert.match((await text(2))[2] ?? "", /pаU\+0430ypal/);
  assert.equal((await text(4))[4]?.endsWith("x"), true);
  assert.equal((await text(4))[5]?.endsWith('{"prototype":{"y":1}}'), true);
  assert.match((await text(8))[1] ?? "", /^\{"nothing":"usual","here":1\}$/);
  assert.deepEqual(wrong, []);
  assert.equal(await tab.evaluate("({}).polluted"), undefined);
});

test("values: a cut value keeps its beginning, also from right to left", { skip }, async (t) => {
  for (const direction of [undefined, "rtl"] as const) {
    const { tab, call } = await open(browser, direction && { direction });
    t.after(() => tab.context().close());
    await call("columns", [{ id: "time" }, { id: "target", width: 120 }]);
    await call("show", "hostile");
    const target = tab.locator(".row .cell-target bdi", { hasText: "BBBB" });
    await target.waitFor();
    const [letter, cell, isCut] = await target.evaluate((value) => {
      const text = document.createTreeWalker(value, NodeFilter.SHOW_TEXT).nextNode();
      const range = document.createRange();
      if (text) {
        range.setStart(text, 0);
        range.setEnd(text, 1);
      }
      const within = value.closest(".cell")?.getBoundingClientRect();
      const { left, right } = range.getBoundingClientRect();
      return [[left, right], [within?.left ?? 0, within?.right ?? 0], value.scrollWidth > value.clientWidth] as const;
    });
    assert.ok(isCut && letter[1] > letter[0]);
    assert.ok(letter[0] >= cell[0] && letter[1] <= cell[1], `${letter} is not within ${cell}`);
  }
});

test("layout: fits into 320 pixels, also from right to left", { skip }, async (t) => {
  for (const direction of [undefined, "rtl"] as const) {
    const { tab, call, wrong } = await open(browser, { width: 320, height: 700, ...(direction && { direction }) });
    t.after(() => tab.context().close());
    await call("show", "mixed");
    await tab.locator(".row time").first().waitFor();
    assert.ok(await tab.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
    const isCut = await tab.locator(".scroller").evaluate((scroller) => scroller.scrollWidth > scroller.clientWidth);
    assert.equal(isCut, false);
    for (const part of await tab
      .locator(".row")
      .first()
      .locator("time, .cell-action bdi, .cell-outcome bdi, code")
      .all()) {
      const box = await part.boundingBox();
      assert.ok(box && box.x >= 0 && box.x + box.width <= 320, JSON.stringify(box));
    }
    assert.deepEqual(wrong, []);
  }
});

test("cards: label each value, unlike rows, at any width", { skip }, async (t) => {
  const { tab, call, wrong } = await open(browser, { width: 1280, height: 700 });
  t.after(() => tab.context().close());
  await call("columns", [{ id: "time" }, { id: "actor" }]);
  await call("show", "mixed");
  const label = tab.locator(".row.event .cell-actor .label").first();
  await tab.locator(".row time").first().waitFor();
  assert.equal(await label.count(), 0);
  await tab.setViewportSize({ width: 320, height: 700 });
  await label.waitFor();
  assert.equal(await label.textContent(), "Actor");
  await tab.setViewportSize({ width: 1280, height: 700 });
  await label.waitFor({ state: "detached" });
  assert.deepEqual(wrong, []);
});
