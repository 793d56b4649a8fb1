/** Printed pages: the same by menu, key, or button, and of an evidence file what it claims to be about. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { eventually } from "../../../js/test/eventually.ts";
import { type Browser, choose, launch, open, PAGE, PATIENCE, upload, verifyVector } from "./browser.ts";
import { pdfPages } from "./pdf.ts";
import { vector } from "./vectors.ts";

const PROGRAM =
  process.env.COUNTERSIGN ?? fileURLToPath(new URL("../../../target/debug/countersign", import.meta.url));

let browser: Browser;
let folder: string;
before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), "countersign-printing-"));
});
after(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

async function opened(t: TestContext, address = pathToFileURL(PAGE).href): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(address);
  return page;
}

const sha256 = (bytes: string | Buffer) => createHash("sha256").update(bytes).digest("hex");
const bare = (text: string) => text.normalize("NFKC").replaceAll(/\s+/g, "");
const includes = (text: string | undefined, part: string) =>
  assert.ok(text?.includes(bare(part)), `${part}\n\nis not in\n\n${text}`);

/** Prints like Ctrl-P, once the page has computed all hashes. */
async function printed(page: Page): Promise<readonly string[]> {
  return eventually(
    "all hashes are printed",
    async () => pdfPages(await page.pdf({ format: "A4", preferCSSPageSize: true })),
    (pages) => !/notcomputedyet|nochnichtberechnet|weren’tloaded|nochnichtgeladen/.test(pages.join("")),
    PATIENCE,
  );
}

async function search(page: Page, query: string): Promise<void> {
  await open(page, "Events");
  const box = page.getByRole("combobox", { name: "Search events" });
  await box.fill(query);
  await box.press("Enter");
  await open(page, "Summary");
}

test("print: Ctrl-P prints the same as the button: typed values, search, events, and footer", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("log-two-chains"));
  const whole = await printed(page);
  includes(whole[0], "Search all events Selected 9 events");
  await search(page, 'action:login "u-2"');
  await page.getByLabel("Reference").fill('IR-7 "quoted" \u202Efdp.exe\u0007 אבג');
  await page.getByLabel("Examiner").fill("Ada <b>Lovelace</b>");
  const byKey = await printed(page);
  await page.evaluate(() => {
    window.print = () => document.body.setAttribute("data-printed", "");
  });
  await page.getByRole("button", { name: "Print report" }).click();
  await page.locator("body[data-printed]").waitFor();
  assert.deepEqual(byKey, await printed(page));
  const [first = "", ...others] = byKey;
  includes(first, 'Reference IR-7 "quoted" U+202Efdp.exe U+0007 ');
  includes(first, "Examiner Ada <b>Lovelace</b>");
  includes(first, 'Search action:login "u-2" Selected 2 events');
  assert.ok(others.length > 0);
  for (const paper of byKey) {
    includes(paper, `SHA-256 ${sha256(await readFile(vector("log-two-chains").export))}`);
    includes(paper, `Page SHA-256 ${sha256(await readFile(PAGE))}`);
    includes(paper, 'Search: action:login "u-2"');
  }
  includes(first, "Answer The search selects 2 of 9 events: all were denied.");
  includes(byKey.join(""), "Hash of the page’s script alone, as the browser checks it: sha256-");
  includes(first, "If it came with the log, one forger could have made both.");
  const rows = byKey.join("").match(/u-2·login/g);
  assert.equal(rows?.length, 2);
  assert.ok(!byKey.join("").includes("role.grant"));
});

test("print: the live page states question and answer, also that nothing was found", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("log-two-chains"));
  await page.locator(".ask input[name=who]").fill("nobody");
  await page.locator(".ask input[name=who]").press("Enter");
  await page.locator('.ask-answer[data-answered="0"]').waitFor();
  const pages = await printed(page);
  const [first = ""] = pages;
  includes(
    first,
    "Question What was done by anyone with “nobody” in their name, ID, type, or email address?",
  );
  includes(
    first,
    "Answer No event here names the actor “nobody”. Only names, IDs, types, and email addresses of",
  );
  includes(
    first,
    "9 events searched. This may be only part, because: 2 events state no actor, no action, or no time",
  );
  assert.ok(!pages.join("").includes("Whodidwhattowhat"), "no table without events");
});

test("print: an invalid search is stated, and no events are printed for it", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("log-two-chains"));
  await search(page, "action:login");
  await printed(page);
  await search(page, "since:yesterday-ish");
  const pages = await printed(page);
  includes(
    pages[0],
    "Search since:yesterday-ish Selected The search has an error, so no events are printed:",
  );
  for (const paper of pages) includes(paper, "Search: since:yesterday-ish (error)");
  assert.ok(!pages.join("").includes("u-2·"));
});

test("print: a long query is cut in the footer and whole on the first page, also in German", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("log-two-chains"));
  await page.getByRole("button", { name: "Deutsch" }).click();
  const query = `action:login OR ${Array.from({ length: 40 }, (_, nth) => `"person ${nth}"`).join(" OR ")}`;
  await page.getByRole("tab", { name: /^Ereignisse/ }).click();
  const box = page.getByRole("combobox", { name: "Ereignisse suchen" });
  await box.fill(query);
  await box.press("Enter");
  const pages = await printed(page);
  await page.getByRole("button", { name: "English" }).click();
  includes(pages[0], query);
  for (const paper of pages) {
    assert.match(paper, /Seite\d\/\d/);
    includes(paper, `Suche: ${query.slice(0, 200)}…`);
  }
});

test("print: an evidence file states its content on the first page and its query in each footer", async (t) => {
  const { export: source, trust = "" } = vector("log-two-chains");
  const path = join(folder, "ir-2026-114.html");
  const query = 'action:login OR actor:"nobody ‮x"';
  const given = ["report", source, "--trust", trust, "--page", PAGE, "--query", query];
  await promisify(execFile)(PROGRAM, [
    ...given,
    ...["--reference", "IR-2026-114", "--examiner", "R. Auditor", "-o", path],
  ]);
  const exported = sha256(await readFile(source));
  const evidence = sha256(await readFile(path));
  for (const isInside of [true, false]) {
    const page = await opened(t, isInside ? pathToFileURL(path).href : undefined);
    if (!isInside) await choose(page, "Choose a file", path);
    await page.locator(".verdict").waitFor();
    const pages = await printed(page);
    const [first = ""] = pages;
    includes(first, "Question Which events does this search select?");
    includes(first, "Reference IR-2026-114 Examiner R. Auditor Query action:login");
    includes(first, 'OR actor:"nobody U+202Ex"');
    includes(first, `Export export.ndjson`);
    includes(first, exported);
    includes(first, evidence);
    for (const paper of pages) {
      includes(paper, `Evidence file: ir-2026-114.html · SHA-256 ${evidence}`);
      includes(paper, `Export: export.ndjson`);
      includes(paper, `SHA-256 ${exported}`);
      includes(paper, 'Query: action:login OR actor:"nobody U+202Ex"');
      assert.ok(!paper.includes("Search:"), paper);
    }
    assert.ok(!bare(first).includes("export-slice.countersign.ndjson·"));
    // The reader's own search and name are separate from what the file states.
    await search(page, "login");
    await page.getByLabel("Reference").fill("COPY-2");
    const again = await printed(page);
    includes(again[0], "Reference of this print COPY-2");
    includes(again[0], "Reference IR-2026-114");
    for (const paper of again)
      includes(paper, 'Query: action:login OR actor:"nobody U+202Ex" · Search in it: login');
    await page.close();
  }
});

test("print: each file's pages have its footer, and an open comparison is printed with the fields that differ", async (t) => {
  const page = await opened(t);
  const whole = await readFile(vector("large-whole").export, "utf8");
  const changed = whole.replace('"action":"login"', '"action":"logon"');
  assert.notEqual(changed, whole);
  await choose(page, "Choose a trust file", vector("large-whole").trust ?? "");
  await choose(page, "Choose a file", upload("whole.ndjson", whole));
  await page.locator(".verdict").waitFor();
  await choose(page, "Compare with another file", upload("changed.ndjson", changed));
  await page.locator(".changed-fields .field-table").waitFor();
  const footer = (name: string, text: string) =>
    `${name} · ${Buffer.byteLength(text)} B · SHA-256 ${sha256(text)}`;
  const footers = [footer("whole.ndjson", whole), footer("changed.ndjson", changed)];
  const namedOn = (paper: string) => footers.filter((footer) => paper.includes(bare(footer)));
  const pages = await printed(page);
  const compared = pages.findIndex((paper) => paper.includes(bare("Comparison of two exports")));
  const isReport = (paper: string) => paper.includes(bare("Report on an audit log"));
  const [first, second] = [pages.findIndex(isReport), pages.findLastIndex(isReport)];
  // The answer comes first; the lists of all events may be long.
  assert.ok(compared === 0 && first > 0 && second > first, `${compared} ${first} ${second}`);
  for (const [nth, paper] of pages.entries()) {
    const expected = nth < first ? footers : nth < second ? [footers[0]] : [footers[1]];
    assert.deepEqual(namedOn(paper), expected, `page ${nth + 1}`);
  }
  includes(pages[compared], "action is logon in changed.ndjson, login as signed");
  includes(pages[compared], "action logon login");
  includes(pages.join(""), "No event was recorded before the one it follows");
  await page.getByRole("button", { name: "Close the comparison" }).click();
  assert.ok(!(await printed(page)).join("").includes(bare("Comparison of two exports")));
});
