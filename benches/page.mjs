// Opens a folder's export in Chromium and works with it as an auditor does. Prints measurements as a JSON
// object, in milliseconds and bytes.
//
//     CHROMIUM=/usr/bin/chromium node page.mjs FOLDER [viewer|page|verdict|rules|bare]
//
// Measures `<countersign-viewer>` with `viewer`, the auditor's page with `page`, and with `rules` the
// viewer with the built-in rules, until all findings are shown. With `verdict`, nobody touches the auditor's page,
// and only its progress is measured: first rows, verdict, index, long tasks, and layout shifts. With `bare`, the
// export is verified without either, and only the time is printed. With DETAILS in the environment, each
// measurement is printed to standard error.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, serve } from "./page/browser.mjs";

const KEY_EVERY = 150;
const REST = 3000;
/** Chromium collects garbage by itself after about ten idle seconds. */
const IDLE = 20_000;
const LONGEST = 600_000;
const FILTERS = [
  "action:session.read",
  "action:*.update",
  "action:retention_rule.export",
  "-action:*.read",
  "actor:u_1",
  "actor:u_1*",
  "actor:zoë*",
  "actor:service:*",
  "target:invoice_17",
  "target:secret:*",
  "target:*99",
  "outcome:failure",
  "-outcome:success",
  "tenant:t_3,t_4 outcome:failure",
  "since:2026-03-01 until:2026-05-01",
  "since:2026-03-01 until:2026-03-02 action:*.create outcome:failure",
  "signer:invoice.example/*",
  "context.ip:10.0.0.0/8",
  "metadata.nth>=900000",
  "has:before changed:status",
  "actor:u_1 OR (outcome:denied,failure -action:*.read)",
  "",
];
/** The distance that the wheel scrolls, and the pixels per second: as fast as people search, and twice that. */
const WHEEL = [
  [-6000, 3000],
  [4500, 3000],
  [-12_000, 6000],
];
/** The position of the scrollbar's thumb while the first rows are in view: below its button. */
const THUMB = 24;
const FACETS = ["outcome", "action", "actor", "target", "tenant", "signer"];
/** Texts in every fourth event, in every twentieth, in one of the last, and in none. */
const texts = (events) => ({
  frequent: "eu-1",
  some: "python-httpx lifted",
  rare: `${Math.floor(events * 0.9998)}`,
  none: "zzzz nothing",
});

const PROBE = fileURLToPath(new URL("page/probe.js", import.meta.url));
const [folder, what = "viewer"] = process.argv.slice(2);
const detail = (text) => process.env.DETAILS && console.error(text);
const sorted = (numbers) => numbers.toSorted((one, other) => one - other);
const most = (numbers) => Math.max(0, ...numbers);
const percentile = (numbers, share) => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))] ?? 0;

const server = await serve();
const { page, memory, close } = await launch();
page.setDefaultTimeout(LONGEST);
page.on("pageerror", (error) => {
  throw error;
});
try {
  const does = { bare, rules: detected, verdict: judged }[what] ?? work;
  console.log(JSON.stringify(await does()));
} finally {
  await close();
  server.close();
}

/** A page with only the package. */
async function bare() {
  await page.goto(`${server.address}/bare`);
  await page.setInputFiles("input", join(folder, "export.ndjson"));
  const verify = await page.evaluate(
    async (trust) => {
      const { createVerifier } = await import("/js/packages/countersign/dist/verify/create-verifier.js");
      const { compileFetched } = await import("/js/packages/countersign/dist/artifact/fetched.js");
      const { verify } = createVerifier({
        module: () => compileFetched(new URL("/js/packages/viewer/dist/verifier.wasm", location.href)),
        worker: () => new Worker("/js/packages/viewer/dist/verify-worker.js", { type: "module" }),
      });
      const [file] = document.querySelector("input").files;
      const begun = performance.now();
      const { report } = await verify(file, { trust });
      if (!["verified", "partial"].includes(report.verdict)) throw new Error(report.verdict);
      return performance.now() - begun;
    },
    readFileSync(join(folder, "trust.txt"), "utf8"),
  );
  return { verify };
}

/** A page with the viewer and rules. */
async function detected() {
  await page.addInitScript({ path: PROBE });
  const { choose } = await openedWith();
  const stop = memory.watch();
  const begun = await choose();
  const findings = await page.evaluate(() => probe.found());
  stop();
  const { at } = await page.evaluate(() => probe.report());
  const tasks = await page.evaluate((since) => probe.tasks(since), begun);
  detail(`verified in ${(at - begun).toFixed(0)}, all findings ${(findings - at).toFixed(0)} later`);
  return { verify: at - begun, findings: findings - begun, longTask: most(tasks), memoryPeak: memory.peak.pss };
}

/** The auditor's page while it works, without input. */
async function judged() {
  await page.addInitScript({ path: PROBE });
  const { choose } = await openedWith();
  await page.evaluate(() => probe.startPage());
  await choose();
  const { chosen, rows, verdict, indexed, says, shift } = await page.evaluate(() => probe.waitForIndex());
  if (!/^(Verified|Unchanged)/.test(says)) throw new Error(`the verdict is ${says}`);
  const tasks = await page.evaluate((since) => probe.tasks(since), chosen);
  detail(`rows after ${(rows - chosen).toFixed(0)}, verdict ${(verdict - chosen).toFixed(0)}, index ${(indexed - chosen).toFixed(0)}`);
  detail(`layout shift ${shift.toFixed(4)}; long tasks ${tasks.length}: ${sorted(tasks).slice(-8).map(Math.round)}`);
  return {
    firstRows: rows - chosen,
    verify: verdict - chosen,
    index: indexed - chosen,
    longTask: most(tasks),
    longTasks: tasks.length,
    shift,
  };
}

async function work() {
  await page.addInitScript({ path: PROBE });
  const figures = await verified();
  // The auditor's page shows a summary first.
  if (what === "page") await page.getByRole("tab", { name: /^Events/ }).click();
  Object.assign(figures, await scrolled(), await filtered(), await searched());
  const { pss, browser } = await memory.now();
  detail(`in the end: tab ${mega(pss)}, browser ${mega(browser)}`);
  await new Promise((resolve) => setTimeout(resolve, IDLE));
  const { pss: idle } = await memory.now();
  detail(`after ${IDLE / 1000} s without a search: tab ${mega(idle)}`);
  return { ...figures, memoryEnd: pss, memoryIdle: idle };
}

/** Opens the export in the viewer, and presses keys until it is verified and everything is shown. */
async function verified() {
  const before = await openedWith();
  const stop = memory.watch();
  const begun = await before.choose();
  let report;
  for (let nth = 0; report === undefined; nth += 1) {
    await page.keyboard.press(nth % 8 < 4 ? "j" : "k");
    await new Promise((resolve) => setTimeout(resolve, KEY_EVERY));
    report = await page.evaluate(() => probe.report());
  }
  const { at, verdict } = report;
  if (!["verified", "partial"].includes(verdict)) throw new Error(`the verdict is ${verdict}`);
  await page.waitForFunction(() => probe.isShown());
  const shown = await page.evaluate(() => performance.now());
  stop();
  const tasks = await page.evaluate((since) => probe.tasks(since), begun);
  const keys = await page.evaluate(() => probe.takeKeys());
  const { peak } = memory;
  await new Promise((resolve) => setTimeout(resolve, REST));
  const now = await memory.now();
  const session = await page.context().newCDPSession(page);
  const heap = await session.send("Runtime.getHeapUsage");
  await session.detach();
  detail(`verified in ${(at - begun).toFixed(0)}, all shown ${(shown - at).toFixed(0)} later`);
  detail(`long tasks ${tasks.length}: ${sorted(tasks).slice(-8).map(Math.round)}`);
  detail(`keys ${keys.delays.length}: delay p95 ${percentile(keys.delays, 0.95).toFixed(1)}, worst ${most(keys.delays).toFixed(1)}; painted worst ${most(keys.paints)}`);
  detail(`tab: peak rss ${mega(peak.rss)}, pss ${mega(peak.pss)}; at rest ${mega(now.pss)}; heap ${mega(heap.usedSize)}`);
  detail(`browser: peak ${mega(peak.browser)}, before ${mega(before.held.browser)}, at rest ${mega(now.browser)}`);
  return {
    verify: at - begun,
    settle: shown - at,
    longTask: most(tasks),
    longTasks: tasks.length,
    keyDelay: percentile(keys.delays, 0.95),
    keyDelayWorst: most(keys.delays),
    keyPaint: most(keys.paints),
    memoryPeak: peak.pss,
    memoryRest: now.pss,
    heap: heap.usedSize,
    blobs: peak.browser - before.held.browser,
  };
}

/** Opens the page with its trust file. `choose` selects the export, and returns the time. */
async function openedWith() {
  const file = join(folder, "export.ndjson");
  const isPage = what === "page" || what === "verdict";
  await page.goto(`${server.address}/${isPage ? "page" : what}`);
  const held = await memory.now();
  if (!isPage) {
    await page.waitForFunction(() => customElements.get("countersign-viewer") !== undefined);
    await page.setInputFiles("input", file);
    const choose = (trust) => {
      const viewer = document.querySelector("countersign-viewer");
      viewer.trustText = trust;
      [viewer.file] = document.querySelector("input").files;
      return performance.now();
    };
    return { held, choose: () => page.evaluate(choose, readFileSync(join(folder, "trust.txt"), "utf8")) };
  }
  await answer(/Choose a(nother)? trust file/, join(folder, "trust.txt"));
  return {
    held,
    choose: async () => {
      await answer(/Choose a(nother)? file/, file);
      return page.evaluate(() => performance.now());
    },
  };
}

async function answer(button, file) {
  const dialog = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: button }).first().click();
  await (await dialog).setFiles(file);
}

async function scrolled() {
  await page.evaluate(() => probe.grid().scrollIntoView({ block: "center" }));
  const { x, y, width, height } = await page.evaluate(() => probe.grid().getBoundingClientRect().toJSON());
  const session = await page.context().newCDPSession(page);
  const wheel = await framed("wheel", async () => {
    for (const [yDistance, speed] of WHEEL) {
      await session.send("Input.synthesizeScrollGesture", { x: x + width / 2, y: y + height / 2, yDistance, speed, gestureSourceType: "mouse" });
    }
  });
  const bar = x + width - 7;
  await page.evaluate(() => (probe.grid().scrollTop = 0));
  const drag = await framed("scrollbar", async () => {
    await page.mouse.move(bar, y + THUMB);
    await page.mouse.down();
    for (const [to, steps] of [[0.9, 120], [0.2, 90], [0.6, 60]]) await page.mouse.move(bar, y + height * to, { steps });
    await page.mouse.up();
  });
  const moved = await page.evaluate(() => probe.grid().scrollTop / probe.grid().scrollHeight);
  if (!(moved >= 0.3)) throw new Error(`the scrollbar was not dragged: ${moved}`);
  await page.evaluate(() => probe.grid().focus());
  const jumps = [];
  const rows = await page.evaluate(() => probe.find("cs-rows").found.rows);
  for (const [key, row] of [["End", rows - 1], ["Home", 0], ["End", rows - 1], ["Home", 0]]) {
    await page.keyboard.press(key);
    jumps.push(await page.evaluate((row) => probe.saw(row), row));
  }
  detail(`End and Home: ${jumps.map(Math.round)}`);
  const apart = [...wheel.apart, ...drag.apart];
  return {
    frame: percentile(apart, 0.95),
    frameWorst: most(apart),
    unread: (wheel.unread + drag.unread) / (apart.length + 2),
    jump: most(jumps),
  };
}

async function framed(name, scroll) {
  await page.evaluate(() => probe.startFrames());
  await scroll();
  const frames = await page.evaluate(() => probe.takeFrames());
  const { apart, unread } = frames;
  detail(`${name}: ${apart.length} frames, median ${percentile(apart, 0.5).toFixed(1)}, p95 ${percentile(apart, 0.95).toFixed(1)}, worst ${most(apart).toFixed(1)}, ${unread} with rows unread`);
  return frames;
}

async function filtered() {
  const times = [];
  for (const query of FILTERS) {
    const { all, events } = await page.evaluate((query) => probe.asks(query), query);
    const { pss } = await memory.now();
    detail(`filter ${query || "everything"}: ${all.toFixed(0)} (${events} events), tab ${mega(pss)}`);
    times.push(all);
  }
  const facets = [];
  for (const column of FACETS) {
    // Select the second value.
    const { all, events } = await page.evaluate((column) => probe.facet(column, 1), column);
    detail(`facet ${column}: ${all.toFixed(0)} (${events} events)`);
    facets.push(all);
    await page.evaluate(() => probe.removeFilters());
  }
  const plot = page.locator(".plot-area");
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  const answer = page.evaluate(() => probe.brushed());
  await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, { steps: 12 });
  await page.mouse.up();
  const { all: brush, events } = await answer;
  detail(`brush: ${brush.toFixed(0)} (${events} events)`);
  await page.evaluate(() => probe.removeFilters());
  return { filter: most(times), filterMedian: percentile(times, 0.5), facet: most(facets), brush };
}

async function searched() {
  const figures = {};
  const events = await page.evaluate(() => probe.find("cs-rows").found.of);
  for (const [name, text] of Object.entries(texts(events))) {
    const { first, all, events } = await page.evaluate((text) => probe.asks(text), text);
    const { pss } = await memory.now();
    detail(`text ${text}: first ${first?.toFixed(0)}, all ${all.toFixed(0)} (${events} events), tab ${mega(pss)}`);
    Object.assign(figures, { [`${name}First`]: first, [`${name}All`]: all });
  }
  await page.evaluate(() => probe.asks(""));
  return figures;
}

function mega(bytes) {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
