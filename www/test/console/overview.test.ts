/** The tabs "Inventory" and "Exposure", compared with the program's output for the same log. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, launch } from "../page/browser.ts";
import { tab, verdict } from "./navigation.ts";
import { RealLog, skip } from "./real-log.ts";

const EXAMPLE = readFileSync(
  fileURLToPath(new URL("../../../crates/risk/tests/example.yml", import.meta.url)),
  "utf8",
);
const OPENAPI =
  "openapi: 3.1.0\ninfo: {title: Jobs, version: '2'}\npaths:\n  /jobs/{id}:\n    get: {}\n    delete: {}\n";

let browser: Browser;
before(async () => {
  browser = await launch({ reducedMotion: "reduce" });
});
after(() => browser.close());

/** Calls of an API, one of them to an endpoint that isn't described. */
function calls(): readonly object[] {
  const call = (nth: number, path: string, status = 200) => ({
    action: "http.request",
    actor: { type: "user", id: `u_${nth % 3}` },
    http: { method: "GET", path, status, latency_ms: 10 + nth },
  });
  return [
    ...Array.from({ length: 30 }, (_, nth) => call(nth, `/jobs/${nth}`, nth % 10 === 9 ? 404 : 200)),
    call(1, "/internal/export"),
    call(2, "/wp-login.php", 404),
  ];
}

async function opened(t: TestContext): Promise<{ log: RealLog; page: Page; complaints: string[] }> {
  const log = await RealLog.start();
  log.record(calls());
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
  await page.setViewportSize({ width: 1200, height: 900 });
  await page.goto(`${log.url}/`);
  await page.getByText("Paste a trust file").click();
  await page.getByLabel("Trust file", { exact: true }).fill(log.trust);
  await page.getByRole("button", { name: "Use it" }).click();
  await page.getByLabel("Access token").fill(log.token);
  await page.getByRole("button", { name: "Use this token" }).click();
  await verdict(page, "verified");
  return { log, page, complaints };
}

/** The whole log, and its reader's trust, as arguments of the program. */
async function exportOf(log: RealLog): Promise<readonly string[]> {
  const response = await fetch(`${log.url}/export`, { headers: { authorization: `Bearer ${log.token}` } });
  return [log.write("all.ndjson", await response.text()), "--trust", log.write("reads.txt", log.trust)];
}

async function choose(page: Page, button: string, ...files: readonly (readonly [string, string])[]) {
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: button }).click();
  await (await chooser).setFiles(
    files.map(([name, text]) => ({ name, mimeType: "text/yaml", buffer: Buffer.from(text) })),
  );
}

async function accessible(page: Page): Promise<void> {
  assert.deepEqual(await violations(page), []);
}

test("inventory: lists endpoints like the program, also with a description, and leads to events", {
  skip,
}, async (t) => {
  const { log, page } = await opened(t);
  const exported = await exportOf(log);
  const said = (...more: readonly string[]) =>
    JSON.parse(log.run("inventory", ...exported, "--format", "json", ...more)) as {
      digest: string;
      endpoints: readonly { method: string; path: string }[];
    };
  const digest = () => page.locator("cs-inventory .hash").innerText();

  await tab(page, "Inventory");
  const rows = page.locator("[data-inventory=endpoints] tbody tr");
  await rows.first().waitFor();
  const alone = said();
  assert.equal(await digest(), alone.digest);
  assert.deepEqual(
    await rows.locator("th code").allInnerTexts(),
    alone.endpoints.map(({ method, path }) => `${method} ${path}`),
  );
  const jobs = rows.filter({ hasText: "GET /jobs/{number}" });
  assert.match(
    await jobs.innerText(),
    /30[\s\S]*user:u_0[\s\S]*? 10[\s\S]*200 27\s+404 3[\s\S]*\d+ ms, \d+ ms/,
  );
  assert.equal(await page.locator("[data-inventory=probed] tbody tr").count(), 1);
  await accessible(page);

  await choose(page, "Choose a description", ["openapi.yaml", OPENAPI]);
  await page.locator("[data-inventory=unused]").waitFor();
  assert.equal(await digest(), said("--openapi", log.write("openapi.yaml", OPENAPI)).digest);
  const shadow = rows.filter({ hasText: "/internal/export" });
  assert.match(await shadow.innerText(), /\+30 it is called but not described/);
  assert.match(
    await page.locator("[data-inventory=unused]").innerText(),
    /1 operation is .*\s+DELETE \/jobs\/\{id\}/,
  );
  // The tab reports where its count differs from the description.
  assert.equal(await page.locator("[data-inventory=endpoints] .tone-doubt").count(), 0);
  const parted = `${OPENAPI}  /a?b=1: {get: {}}\n  /a?b=2: {get: {}}\n  /c: {$ref: 'other.yaml#/c'}\n`;
  await choose(page, "Choose another description", ["openapi.yaml", parted]);
  const doubts = page.locator("[data-inventory=endpoints] .tone-doubt");
  await doubts.nth(1).waitFor();
  assert.match(
    (await doubts.allInnerTexts()).join(" "),
    /of 1 path aren’t known.* 1 operation can’t be distinguished/,
  );
  // An invalid description is rejected with its position, and can be removed.
  await choose(page, "Choose another description", ["openapi.yaml", "openapi: [3"]);
  await page.locator("cs-inventory .refused").waitFor();
  await page.getByRole("button", { name: "Remove" }).click();
  await shadow.getByRole("button").last().click();
  await page.locator("main[data-tab=search]").waitFor();
  await page.locator("cs-drawer", { hasText: "/internal/export" }).waitFor();
});

test("exposure: simulates like the program, seeded by the log's root", { skip }, async (t) => {
  const { log, page } = await opened(t);
  await tab(page, "Exposure");
  await choose(page, "Import YAML files", ["bad.yml", "countersign: scenario/v1\nid: A\n"]);
  await page.locator("cs-exposure .refused").waitFor();
  assert.match(await page.locator("cs-exposure .refused").innerText(), /bad\.yml, line \d+: /);
  await page.getByRole("button", { name: "Remove bad.yml" }).click();

  const other = EXAMPLE.replace("id: exposed-endpoint", "id: other");
  await choose(page, "Import YAML files", ["one.yml", EXAMPLE], ["two.yml", other]);
  await page.locator("[data-exposure=shown]").waitFor();
  const command = await page.locator("cs-exposure .command").innerText();
  assert.match(command, /^countersign risk one\.yml two\.yml --root \S+$/);
  const exported = await exportOf(log);
  const files = [log.write("one.yml", EXAMPLE), log.write("two.yml", other)];
  const report = log.run("risk", ...files, "--log", ...exported, "--format", "markdown");
  const digests = [...report.matchAll(/digest of all years `([^`]+)`/g)].map(([, digest]) => digest);
  assert.deepEqual(await page.locator("cs-exposure .hash").allInnerTexts(), digests);
  const together = await page.locator("cs-exposure .exposure > section").first().innerText();
  const [, mean = ""] = /Mean \*\*([\d,]+) EUR\*\*/.exec(report) ?? [];
  const [, quantiles = ""] = /P95 \|\n.*\n\| (.*) \|/.exec(report) ?? [];
  const amounts = [mean, ...quantiles.split(" | ")];
  assert.equal(amounts.length, 7);
  for (const amount of amounts) assert.ok(together.includes(amount), `${amount} in ${together}`);
  const chart = page.locator("cs-exposure figure img");
  assert.ok(
    await chart.evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth > 0)),
  );
  assert.match(await page.locator("cs-exposure").innerText(), /Effect of controls[\s\S]*endpoint/);
  await accessible(page);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save as Markdown" }).click();
  const saved = readFileSync(await (await download).path(), "utf8");
  assert.equal(saved.trim(), report);
});

test("proposals: match the program's, and can be tried and saved", {
  skip,
}, async (t) => {
  const { log, page } = await opened(t);
  const tab_ = page.locator("cs-exposure");
  const described = ["openapi.yaml", OPENAPI] as const;
  await tab(page, "Inventory");
  await choose(page, "Choose a description", described);
  await tab(page, "Exposure");
  await choose(page, "Import YAML files", ["one.yml", EXAMPLE]);
  // Everything was recorded just now, so nothing is proposed until a period is stated.
  await tab_.getByText("recorded in less than a day").waitFor();
  await page.getByLabel("From", { exact: true }).fill("2026-01-01");
  await page.getByLabel("To, not included").fill("2026-11-20");
  await page.getByRole("button", { name: "Propose again" }).click();
  await tab_.locator("article").waitFor();

  const exported = await exportOf(log);
  const file = (name: string, ...args: readonly string[]) => log.write(name, log.run(...args));
  const json = ["--format", "json"];
  const findings = file("findings.json", "analyze", ...exported, ...json);
  const openapi = log.write(...described);
  const inventory = file("inventory.json", "inventory", ...exported, ...json, "--openapi", openapi);
  const observed = ["--findings", findings, "--inventory", inventory, "--span", "2026-01-01..2026-11-20"];
  const scenario = log.write("one.yml", EXAMPLE);
  const risk = (...args: readonly string[]) =>
    JSON.parse(log.run("risk", ...args, "--log", ...exported, ...json));
  const [proposed] = risk(scenario, ...observed).proposed;
  assert.equal(await tab_.locator("article .command").innerText(), proposed.line);
  assert.match(await tab_.locator("article").innerText(), /1 × GET \/internal\/export\s+entry \d+/);
  await accessible(page);

  await page.getByRole("button", { name: "Use it for these figures" }).click();
  await tab_.locator("[data-exposure=effect] table").waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save the scenario with it" }).click();
  const saved = readFileSync(await (await download).path(), "utf8");
  assert.ok(saved.includes(`\n${proposed.line}\n`));
  // The figures here are those of the file that was saved.
  const [changed] = risk(log.write("changed.yml", saved)).scenarios;
  assert.deepEqual(await tab_.locator(".hash").allInnerTexts(), [changed.digest]);
  const [before, after] = await tab_.locator("[data-exposure=effect] tbody tr").allInnerTexts();
  assert.notEqual(before, after);
  await accessible(page);
  await page.getByRole("button", { name: "Back to your files" }).click();
  assert.deepEqual(await tab_.locator(".hash").allInnerTexts(), [risk(scenario).scenarios[0].digest]);
  await tab_
    .locator("article")
    .getByRole("button", { name: /^entry/ })
    .first()
    .click();
  await page.locator("main[data-tab=search] cs-drawer").waitFor();
});

test("tabs: are one row on a phone, with the current one in view", { skip }, async (t) => {
  const { page } = await opened(t);
  await page.setViewportSize({ width: 390, height: 844 });
  await tab(page, "Storage");
  await page.locator("main[data-tab=storage]").waitFor();
  const [row, chosen] = await Promise.all(
    [".tabs", ".tabs [aria-current]"].map((of) => page.locator(of).boundingBox()),
  );
  assert.ok(row && chosen && row.height < 2 * chosen.height, `${row?.height} of ${chosen?.height}`);
  assert.ok(chosen.x >= 0 && chosen.x + chosen.width <= 390, `${chosen.x} to ${chosen.x + chosen.width}`);
  await accessible(page);
});
