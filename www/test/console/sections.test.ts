/** The console's sections lead to events, fit on phones, and answer questions. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import type { Locator, Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, launch, PAGE } from "../page/browser.ts";
import { verdict } from "./navigation.ts";
import { events, RealLog, skip } from "./real-log.ts";

const MARK = '\n<script type="text/plain" id="countersign-evidence">\n';

let browser: Browser;
before(async () => {
  browser = await launch({ reducedMotion: "reduce" });
});
after(() => browser.close());

const grace = { type: "user", id: "u_7", name: "Grace Hopper", session: "s_2" };

/** Events with findings, sessions, and calls. */
const RECORDED = [
  ...events(6),
  ...Array.from({ length: 12 }, (_, nth) => ({
    action: "http.request",
    actor: { type: "user", id: `u_${nth % 2}`, name: ["Ada", "Ben"][nth % 2] },
    http: { method: "GET", path: `/jobs/${nth}`, status: 200, latency_ms: 10 + nth },
  })),
  { action: "http.request", actor: grace, http: { method: "GET", path: "/jobs/3/log", status: 200 } },
  { action: "role.grant", actor: grace, target: { type: "user", id: "u_1" }, after: { role: "admin" } },
  { action: "log.disable", actor: grace, target: { type: "log", id: "l_1" } },
];

async function opened(t: TestContext, { trusts = true } = {}): Promise<{ log: RealLog; page: Page }> {
  const log = await RealLog.start();
  log.record(RECORDED);
  const page = await browser.context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted Type/.test(message.text())) complaints.push(message.text());
  });
  t.after(async () => {
    await page.close();
    await log.close();
    assert.deepEqual(complaints, []);
  });
  // The program for tests is built without the auditor's page.
  await page.route(/\/auditor\.html$/, (route) =>
    route.fulfill({ contentType: "text/html; charset=utf-8", body: readFileSync(PAGE) }),
  );
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(`${log.url}/`);
  await enter(page, log, trusts);
  return { log, page };
}

async function enter(page: Page, log: RealLog, trusts = true): Promise<void> {
  if (trusts) {
    await page.getByText("Paste a trust file").click();
    await page.getByLabel("Trust file", { exact: true }).fill(log.trust);
    await page.getByRole("button", { name: "Use it" }).click();
  }
  await page.getByLabel("Access token").fill(log.token);
  await page.getByRole("button", { name: "Use this token" }).click();
  await page.locator("[data-sign-in=accepted]").waitFor();
  await section(page, "search");
  await verdict(page);
}

/** Goes to a section by its address, as a link would. */
async function section(page: Page, name: string): Promise<void> {
  await page.evaluate((name) => (location.hash = `#tab=${name}`), name);
  await page.locator(`main[data-tab=${name}]`).waitFor();
}

const words = async (part: Locator) => ((await part.textContent()) ?? "").replaceAll(/\s+/g, " ").trim();

/** The search that a row led to finds this many events. Goes back to the section. */
async function leads(page: Page, from: string, link: Locator, query: string, found: string): Promise<void> {
  await link.click();
  await page.locator("main[data-tab=search]").waitFor();
  await page.locator("countersign-viewer .notice [role=status]", { hasText: found }).waitFor();
  const box = page.getByRole("combobox", { name: "Search events" });
  assert.equal(await box.inputValue(), query);
  await page.goBack();
  await page.locator(`main[data-tab=${from}]`).waitFor();
}

test("sessions: name people, have a scale, and lead to events and back", { skip }, async (t) => {
  const { page } = await opened(t);
  await section(page, "sessions");
  const row = (of: string) => page.locator(`[data-scores=${of}] tbody tr`).first();
  const session = row("sessions").getByRole("button", { name: /^Session of Grace Hopper/ });
  await leads(page, "sessions", session, 'actor.session=="s_2"', "3 of 21 events");
  const person = row("identities").getByRole("button", { name: /^Grace Hopper/ });
  await person.waitFor();
  assert.match(await words(row("identities").locator("th")), /u_7$/);
  await leads(page, "sessions", person, 'actor:"u_7"', "3 of 21 events");
  // A score has the severity of one finding with as many points.
  await row("identities").waitFor();
  const score = row("identities").locator("td[data-band]");
  const points = Number(await score.locator(".number").innerText());
  assert.equal(await score.getAttribute("data-band"), points >= 100 ? "critical" : "high");
  assert.match(await words(page.locator(".scale li").first()), /^Critical 100 or more$/);
  assert.equal(await page.locator(".scale li").count(), 5);
  assert.deepEqual(await violations(page), []);
  await row("sessions").getByRole("button", { name: "Administrator Role Granted" }).click();
  await page.locator("cs-drawer .found-why", { hasText: "Administrator Role Granted" }).waitFor();
});

test("inventory: endpoints, callers, and emitters lead to their events", { skip }, async (t) => {
  const { page } = await opened(t);
  await section(page, "inventory");
  const jobs = page.locator("[data-inventory=endpoints] tbody tr", { hasText: "GET /jobs/{number}" }).first();
  const template = 'http.method:"GET" http.path:/jobs/* -http.path:/jobs/*/*';
  await leads(page, "inventory", jobs.locator("th .subject"), template, "12 of 21 events");
  const ada = jobs.getByRole("button", { name: /^Ada user:u_0/ });
  await leads(page, "inventory", ada, 'actor:"user:u_0"', "8 of 21 events");
  await section(page, "keys");
  const emitter = page.getByRole("button", { name: /^log\.example\/app/ });
  await leads(page, "keys", emitter, 'signer:"log.example/app"', "21 events");
});

for (const [width, height] of [
  [1280, 800],
  [390, 844],
] as const)
  test(`findings: open at the top of a window of ${width} by ${height}`, { skip }, async (t) => {
    const { page } = await opened(t);
    await page.setViewportSize({ width, height });
    await section(page, "findings");
    await page.locator("main .found-one").first().click();
    const drawer = page.locator("cs-drawer .drawer[open]");
    await drawer.locator(".found-why").first().waitFor();
    await page.waitForFunction(
      ([height]) => {
        const root = document.querySelector("countersign-viewer")?.shadowRoot;
        const box = root?.querySelector("cs-drawer .drawer[open]")?.getBoundingClientRect();
        const why = root?.querySelector("cs-drawer .found-why")?.getBoundingClientRect();
        return (
          box !== undefined &&
          why !== undefined &&
          box.top >= 0 &&
          box.top < 0.15 * height &&
          box.bottom <= height &&
          why.bottom <= height
        );
      },
      [height] as const,
    );
  });

test("phones: every table is a list of labeled cards, and nothing is cut", { skip }, async (t) => {
  const { page } = await opened(t);
  await page.setViewportSize({ width: 390, height: 844 });
  for (const [name, table] of [
    ["sessions", "[data-scores=sessions]"],
    ["inventory", "[data-inventory=endpoints]"],
    ["coverage", "[aria-labelledby=checkpoints-heading]"],
    ["keys", "[aria-labelledby=emitters-heading]"],
  ] as const) {
    await section(page, name);
    const rows = page.locator(`${table} .cards tbody tr`);
    await rows.first().waitFor();
    const cells = await page.locator(`${table} .cards tbody td`).evaluateAll((all) =>
      all
        .filter((cell) => cell.textContent?.trim() !== "")
        .map((cell) => {
          const { left, right } = cell.getBoundingClientRect();
          // Text for screen readers only isn't laid out.
          const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
          const ends = [right];
          for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
            if (node.parentElement?.closest(".sr") !== null) continue;
            const range = document.createRange();
            range.selectNodeContents(node);
            ends.push(...[...range.getClientRects()].map((box) => box.right));
          }
          const end = Math.max(...ends);
          return {
            label: getComputedStyle(cell, "::before").content,
            isIn: left >= 0 && right <= innerWidth && end <= innerWidth,
          };
        }),
    );
    assert.ok(cells.length >= 3, name);
    for (const { label, isIn } of cells) {
      assert.ok(isIn, `${name}: ${label} is cut`);
      assert.match(label, /^".+"$/, name);
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(overflow, 0, name);
    assert.equal((await page.locator(`${table} [role=cell]`).count()) > 0, true);
    assert.deepEqual(await violations(page), [], name);
  }
});

/** Asks who, and returns the answer. */
async function ask(page: Page, who: string): Promise<Locator> {
  const form = page.locator(".ask form");
  await form.locator("input[name=who]").fill(who);
  await form.locator("input[name=who]").press("Enter");
  const answer = page.locator(".ask-answer");
  await answer.waitFor();
  return answer;
}

async function saved(page: Page, answer: Locator, name: string): Promise<string> {
  const download = page.waitForEvent("download");
  await answer.locator(`button[name=${name}]`).click();
  return readFileSync(await (await download).path(), "utf8");
}

test("ask: answers from the whole log, and leads to the events", { skip }, async (t) => {
  const { page } = await opened(t);
  await section(page, "ask");
  const answer = await ask(page, "Grace");
  assert.match(await words(answer.locator("h3")), /^3 events by \S.*: .+\.$/);
  assert.match(
    await words(answer.locator('[data-basis="all"]')),
    /^All 23 entries of the log up to the checkpoint of \S+ \S+ are loaded and verified here, and all 21 events among them were searched: this is all of them\./,
  );
  assert.deepEqual(await violations(page), []);
  const link = answer.getByRole("button", { name: "Show them in Search" });
  await leads(page, "ask", link, "actor:*Grace*", "3 of 21 events");
});

test("ask: an event of the answer opens with its details", { skip }, async (t) => {
  const { page } = await opened(t);
  await section(page, "ask");
  const answer = await ask(page, "Grace");
  await answer
    .getByRole("button", { name: /^Open entry/ })
    .first()
    .press("Enter");
  await page.locator("main[data-tab=search] cs-drawer", { hasText: "Grace Hopper" }).waitFor();
});

test("ask: nothing found is evidence that the auditor's page and the program accept", {
  skip,
}, async (t) => {
  const { log, page } = await opened(t);
  await section(page, "ask");
  const answer = await ask(page, "nobody");
  assert.match(await words(answer.locator("h3")), /^No event here names the actor “nobody”\.$/);
  await answer.getByLabel("Reference").fill("WP-9");
  const file = await saved(page, answer, "evidence");
  assert.ok(file.startsWith(readFileSync(PAGE, "utf8")));
  const lines = file.slice(file.indexOf(MARK) + MARK.length).split("\n");
  const { query, scope, tool, reference } = JSON.parse(
    lines.find((line) => line.startsWith("frame "))?.slice(6) ?? "",
  );
  assert.deepEqual(
    [query, scope.events, scope.examined, tool.name, reference],
    ["actor:*nobody*", 0, { events: 21, unrecognized: 0 }, "countersign console", "WP-9"],
  );
  const said = log.run("report", "--check", log.write("nothing.html", file));
  assert.match(said, /searched again, the query selects as many as stated/);
});

test("ask: claims nothing about entries that aren't loaded", { skip }, async (t) => {
  const { page } = await opened(t);
  await page.evaluate(() => (location.hash = "#tab=search&limit=4"));
  await page.locator("main[data-tab=search] .section-scope", { hasText: "newest 4 events" }).waitFor();
  await section(page, "ask");
  const answer = await ask(page, "nobody");
  assert.match(await words(answer.locator("h3")), /^No event here names the actor “nobody”\.$/);
  assert.equal(await answer.locator('[data-basis="all"]').count(), 0);
  assert.ok((await answer.locator('[data-basis="bounded"], [data-doubt]').count()) > 0);
  await page.locator("cs-ask").getByRole("button", { name: "Load the whole log" }).click();
  await page.locator("main .section-scope", { hasText: /all \d+ entries/ }).waitFor();
  await page.locator("main[data-tab=ask] .ask form").waitFor();
  await (await ask(page, "nobody")).locator('[data-basis="searched"]').waitFor();
});

test("ask: without a trust file, an answer is not based on verified events", { skip }, async (t) => {
  const { page } = await opened(t, { trusts: false });
  await section(page, "ask");
  const answer = await ask(page, "nobody");
  assert.match(await words(answer.locator("h3")), /^No event here names the actor “nobody”\.$/);
  await answer.locator("[data-doubt=untrusted]").waitFor();
  assert.doesNotMatch(await page.locator("main").innerText(), /(?<!not )verified/i);
});

test("ask: a log without the auditor's page asks for a copy", { skip }, async (t) => {
  const { page } = await opened(t);
  await page.unroute(/\/auditor\.html$/);
  await page.route(/\/auditor\.html$/, (route) => route.fulfill({ status: 404 }));
  await section(page, "ask");
  const answer = await ask(page, "Grace");
  await answer.locator("button[name=evidence]").click();
  await answer.getByText("doesn’t serve the auditor’s page").waitFor();
  await page.getByText("The page in evidence files").click();
  const choose = async (name: string, text: string) => {
    const chooser = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Choose a copy" }).click();
    await (await chooser).setFiles([{ name, mimeType: "text/html", buffer: Buffer.from(text) }]);
  };
  await choose("other.html", "<!doctype html>");
  await page.getByText("This isn’t the auditor’s page").waitFor();
  await choose("index.html", readFileSync(PAGE, "utf8"));
  await page.getByText("Evidence files begin with index.html.").waitFor();
  assert.ok((await saved(page, answer, "evidence")).includes(MARK));
});

test("scenarios: are written in a form that the core checks, and stored in the browser", {
  skip,
}, async (t) => {
  const { log, page } = await opened(t);
  await section(page, "exposure");
  const editor = page.locator("cs-scenario");
  const field = (name: string) => editor.locator(`[name="${name}"]`);
  await page.getByRole("button", { name: "New scenario" }).click();
  await field("title").fill("Lost credentials");
  await field("currency").fill("eur");
  await field("id").fill("Lost credentials");
  for (const input of ["frequency", "vulnerability", "loss"]) {
    const numbers = input === "loss" ? ["1000", "2000", "3000"] : ["0.1", "0.2", "0.3"];
    for (const [nth, of] of ["low", "mode", "high"].entries())
      await field(`${input}.${of}`).fill(numbers[nth] ?? "");
    await field(`${input}.source`).fill('A "count": 7 # of tickets');
    await field(`${input}.date`).fill("2026-11-20");
  }
  await field("loss.low").fill("5,000");
  const save = editor.getByRole("button", { name: "Check and save" });
  await save.click();
  await editor.getByText("2 problems. Nothing was saved.").waitFor();
  assert.match(await words(editor.locator("#problem-id")), /^`id` is invalid\. write at most 64/);
  assert.match(await words(editor.locator("#problem-loss-low")), /^Low: the value must be a finite number/);
  assert.equal(await field("loss.low").getAttribute("aria-invalid"), "true");
  await page.locator('cs-scenario input[name="id"]:focus').waitFor();
  assert.deepEqual(await violations(page), []);
  // The typed text survives a look at another section.
  await section(page, "coverage");
  await section(page, "exposure");
  await field("id").fill("lost-credentials");
  await field("loss.low").fill("500");
  await editor.getByRole("button", { name: "Add an observation" }).click();
  await editor.getByRole("button", { name: "Add a control" }).click();
  await field("controls[0].title").fill("Second factor");
  await field("controls[0].id").fill("mfa");
  await save.click();
  await editor.getByText("Nothing was saved.").waitFor();
  await field("controls[0].has.vulnerability").check();
  for (const [of, number] of [
    ["low", "0"],
    ["mode", "0.01"],
    ["high", "0.02"],
    ["source", "Vendor"],
    ["date", "2026-11-21"],
  ] as const)
    await field(`controls[0].changes.vulnerability.${of}`).fill(number);
  await save.click();
  await page.locator("[data-exposure=shown]").waitFor();
  assert.equal(await editor.count(), 0);
  // The program reads the same file, and computes the same.
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save as YAML" }).click();
  const text = readFileSync(await (await download).path(), "utf8");
  const path = log.write("lost-credentials.yml", text);
  const root = /--root (\S+)/.exec(await page.locator("cs-exposure .command").innerText())?.[1] ?? "";
  const report = JSON.parse(log.run("risk", path, "--root", root, "--format", "json"));
  assert.deepEqual(await page.locator("cs-exposure .hash").allInnerTexts(), [report.scenarios[0].digest]);
  assert.equal(report.scenarios[0].inputs[0].source, 'A "count": 7 # of tickets');
  // It is still there after a reload, also for editing.
  await page.reload();
  await page.locator("main[data-tab=exposure]").waitFor();
  await page.locator("[data-exposure=shown]").waitFor();
  await page.getByRole("button", { name: "Edit lost-credentials.yml" }).click();
  await field("title").waitFor();
  assert.equal(await field("title").inputValue(), "Lost credentials");
  assert.equal(await field("controls[0].changes.vulnerability.mode").inputValue(), "0.01");
  assert.equal(await field("observed[0].endpoint").inputValue(), "shadow");
  await page.getByRole("button", { name: "Remove lost-credentials.yml" }).click();
  await page.reload();
  await page.locator("main[data-tab=exposure]").waitFor();
  await page.getByRole("button", { name: "New scenario" }).waitFor();
  assert.equal(await page.locator(".scenario-files").count(), 0);
});

test("scenarios: an example starts one, an id is used once, and a broken file is edited as text", {
  skip,
}, async (t) => {
  const { page } = await opened(t);
  await section(page, "exposure");
  const editor = page.locator("cs-scenario");
  const save = editor.getByRole("button", { name: "Check and save" });
  for (const count of [1, 2]) {
    await page.getByRole("button", { name: "Start from an example" }).click();
    await save.click();
    await editor.waitFor({ state: "detached" });
    assert.equal(await page.locator(".scenario-files li").count(), count);
  }
  await page.locator("[data-exposure=shown]").waitFor();
  await page.getByRole("button", { name: "Edit example-exposed-endpoint-2.yml" }).click();
  await editor.locator('[name="id"]').fill("example-exposed-endpoint");
  await save.click();
  await editor.getByText("two scenarios have the id example-exposed-endpoint").waitFor();
  await editor.getByRole("button", { name: "Cancel" }).click();
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Import YAML files" }).click();
  const broken = {
    name: "broken.yml",
    mimeType: "text/yaml",
    buffer: Buffer.from("# Mine\ncountersign: scenario/v1\nid: A\n"),
  };
  await (await chooser).setFiles([broken]);
  await page.locator("cs-exposure .refused").first().waitFor();
  await page.getByRole("button", { name: "Edit broken.yml" }).click();
  const text = editor.locator("textarea[name=text]");
  await editor.getByText("line 3").waitFor();
  assert.match(await text.inputValue(), /^# Mine\n/);
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "Remove broken.yml" }).click();
  await page.locator("[data-exposure=shown]").waitFor();
});
