/** The console saves what its rules found as evidence, also if it is nothing, and checks evidence files. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import type { Locator, Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, launch, PAGE } from "../page/browser.ts";
import { verdict } from "./navigation.ts";
import { events, RealLog, skip } from "./real-log.ts";

const MARK = '\n<script type="text/plain" id="countersign-evidence">\n';

/** An event with findings. */
const FOUND = {
  action: "log.disable",
  actor: { type: "user", id: "u_7" },
  target: { type: "log", id: "l_1" },
};

let browser: Browser;
before(async () => {
  browser = await launch({ reducedMotion: "reduce" });
});
after(() => browser.close());

async function opened(t: TestContext, recorded: readonly object[]): Promise<{ log: RealLog; page: Page }> {
  const log = await RealLog.start();
  log.record(recorded);
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
  await page.goto(`${log.url}/`);
  await trust(page, log.trust);
  await page.getByLabel("Access token").fill(log.token);
  await page.getByRole("button", { name: "Use this token" }).click();
  await page.locator("[data-sign-in=accepted]").waitFor();
  return { log, page };
}

async function trust(page: Page, text: string): Promise<void> {
  const field = page.getByLabel("Trust file", { exact: true });
  if (!(await field.isVisible())) await page.getByText("Paste a trust file").click();
  await field.fill(text);
  await page.getByRole("button", { name: "Use it" }).click();
}

/** Goes to a section by its address, as a link would. */
async function section(page: Page, name: string): Promise<void> {
  await page.evaluate((name) => (location.hash = `#tab=${name}`), name);
  await page.locator(`main[data-tab=${name}]`).waitFor();
}

const words = async (part: Locator) => ((await part.textContent()) ?? "").replaceAll(/\s+/g, " ").trim();

/** Saves what the rules found, and returns the file. */
async function savedFindings(page: Page): Promise<string> {
  await section(page, "findings");
  await verdict(page);
  const download = page.waitForEvent("download");
  await page.locator("cs-findings button[name=detections]").press("Enter");
  return readFileSync(await (await download).path(), "utf8");
}

function frameOf(file: string) {
  const lines = file.slice(file.indexOf(MARK) + MARK.length).split("\n");
  return JSON.parse(lines.find((line) => line.startsWith("frame "))?.slice(6) ?? "");
}

/** Chooses a file in the section that checks evidence. */
async function check(page: Page, name: string, text: string): Promise<void> {
  await section(page, "evidence");
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: /^Choose (?:an|another) evidence file$/ }).press("Enter");
  await (await chooser).setFiles([{ name, mimeType: "text/html", buffer: Buffer.from(text) }]);
}

/** Returns the same file with another text in its frame, and the matching checksum. */
function forged(file: string, from: string, to: string): string {
  const at = file.indexOf(MARK);
  const body = file.slice(at, file.lastIndexOf("\nsum ") + 1).replace(from, to);
  return `${file.slice(0, at)}${body}sum ${createHash("sha256").update(body).digest("hex")}\n</script>\n`;
}

test("findings: that no rule fired is evidence, which the console and the program check", {
  skip,
}, async (t) => {
  const { log, page } = await opened(t, events(6));
  await section(page, "findings");
  await verdict(page);
  await page.getByRole("region", { name: "Evidence", exact: true }).getByLabel("Reference").fill("WP-9");
  const file = await savedFindings(page);
  await page.locator("cs-findings [role=status] .ask-saved").waitFor();
  assert.deepEqual(await violations(page), []);
  assert.ok(file.startsWith(readFileSync(PAGE, "utf8")));
  const { detections, slice, scope, tool, reference, query } = frameOf(file);
  assert.deepEqual(
    [detections.findings, detections.coverage.complete, slice, scope.events, tool.name, reference, query],
    [0, true, null, 6, "countersign console", "WP-9", null],
  );
  const said = log.run("report", "--check", log.write("quiet.html", file));
  assert.match(said, /run again, the rules have the findings that it states/);

  await page.getByRole("link", { name: "Check a saved evidence file" }).click();
  await check(page, "quiet.html", file);
  await page.locator("[data-vouched=contained]").waitFor();
  await page.locator("#filed-heading:focus").waitFor();
  assert.match(
    await words(page.locator(".case-answer")),
    /^None of the \d+ rules in “countersign \d+” fired on 6 events\.$/,
  );
  // The words are about the file, not about what is loaded.
  assert.match(
    await words(page.locator("[data-basis=all]")),
    /^All 8 entries of the log up to .* are here, /,
  );
  for (const is of ["[data-basis=all]", "[data-rules=own]", "[data-page=own]"])
    assert.equal(await page.locator(is).count(), 1, is);
  assert.match(await words(page.locator(".case-facts")), /WP-9.*Verdict by your trust file\s*Verified/);
  assert.deepEqual(await violations(page), []);
  // The file stays while the reader is in another section.
  await section(page, "keys");
  await section(page, "evidence");
  await page.locator("[data-vouched=contained]").waitFor();
});

test("findings: are evidence with their events, as a statement", { skip }, async (t) => {
  const { log, page } = await opened(t, [...events(6), FOUND]);
  const file = await savedFindings(page);
  const { detections, slice } = frameOf(file);
  assert.ok(detections.findings > 0);
  assert.equal(slice.events, 1);
  // The slice alone isn't shown to be the whole log.
  assert.throws(
    () => log.run("report", "--check", log.write("found.html", file)),
    ({ status, stdout }) => status === 4 && /1 finding over 7 events/.test(stdout),
  );
  await check(page, "found.html", file);
  await page.locator("[data-vouched=stated]").waitFor();
  assert.match(await words(page.locator(".case-answer")), /^The rules made \d+ findings? in 7 events\.$/);
  assert.ok((await page.locator(".case-findings li").count()) > 0);
});

test("findings: the live view leads to loading the log", { skip }, async (t) => {
  const { page } = await opened(t, events(6));
  await section(page, "live");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.locator("countersign-viewer cs-rows .row.event").first().waitFor();
  await section(page, "findings");
  await page.getByRole("radio", { name: "the live view" }).check();
  await page.getByText("Findings in the live view can’t be saved as evidence").waitFor();
  assert.equal(await page.locator("button[name=detections]").count(), 0);
});

test("evidence: an answer is checked with its events, and by the reader's trust file", {
  skip,
}, async (t) => {
  const { log, page } = await opened(t, events(6));
  await section(page, "ask");
  await page.locator(".ask input[name=who]").fill("u_1");
  await page.locator(".ask input[name=who]").press("Enter");
  const download = page.waitForEvent("download");
  await page.locator(".ask-answer button[name=evidence]").click();
  const file = readFileSync(await (await download).path(), "utf8");
  await check(page, "answer.html", file);
  await page.locator("[data-filed=open] .papers tbody tr").first().waitFor();
  assert.equal(await words(page.locator(".case-answer")), "The search selects 1 of 6 events: it succeeded.");
  assert.equal(await page.locator("[data-filed=open] .papers tbody tr").count(), 1);
  assert.deepEqual(await violations(page), []);
  // The events aren't verified by another trust file.
  await page.locator(".access > summary").click();
  await trust(page, `emitter ${log.run("keygen", "other.example/app", "--out", log.path("other.key"))}\n`);
  await page.getByText("1 entry of the answer is not verified by your trust file").waitFor();
  assert.doesNotMatch(await words(page.locator(".case-facts")), /Verdict by your trust file\s*Verified/);
});

test("evidence: shows nothing of a forged file, and names a file that is none", { skip }, async (t) => {
  const { page } = await opened(t, events(6));
  const file = await savedFindings(page);
  await check(page, "forged.html", forged(file, '"findings":0', '"findings":1'));
  await page.locator("[data-filed=refused]").waitFor();
  assert.equal(await page.locator(".case-answer").count(), 0);
  assert.deepEqual(await violations(page), []);
  await check(page, "page.html", readFileSync(PAGE, "utf8"));
  await page.getByText("page.html isn’t an evidence file").waitFor();
  assert.equal(await page.locator("[data-filed]").count(), 0);
});

test("evidence: says if the file is from another log, also without a token", { skip }, async (t) => {
  const { page } = await opened(t, events(6));
  const file = await savedFindings(page);
  // Every log here has the same origin, so the console gets another one.
  await page.route(/\/checkpoint$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replace(/^.*/, "other.example/audit") });
  });
  await page.reload();
  await page.locator(".access > summary").click();
  await page.getByRole("button", { name: /^Sign out/ }).click();
  await check(page, "quiet.html", file);
  await page.locator("[data-origin=other]").waitFor();
  await page.getByText("Checked with the trust file in it").waitFor();
  assert.match(await words(page.locator(".case-facts")), /Verdict by the file’s trust file/);
});
