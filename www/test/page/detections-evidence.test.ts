/** Evidence of detection rules: what they found is saved, also if it is nothing, and run again when it is opened. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Locator, Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, choose, launch, open, PAGE, saved, verifyVector } from "./browser.ts";
import { vector } from "./vectors.ts";

const PROGRAM =
  process.env.COUNTERSIGN ?? fileURLToPath(new URL("../../../target/debug/countersign", import.meta.url));
const RULES = fileURLToPath(new URL("../../../tests/evidence/rules.yml", import.meta.url));
const MARK = '\n<script type="text/plain" id="countersign-evidence">\n';

let browser: Browser;
let folder: string;
before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), "countersign-detections-"));
});
after(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

const words = async (part: Locator) => ((await part.textContent()) ?? "").replaceAll(/\s+/g, " ").trim();

/** Runs the program, and returns its output and exit code. */
async function run(...args: string[]): Promise<{ code: number; text: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(PROGRAM, args, { cwd: folder });
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

function frameOf(file: string) {
  const lines = file.slice(file.indexOf(MARK) + MARK.length).split("\n");
  return JSON.parse(lines.find((line) => line.startsWith("frame "))?.slice(6) ?? "");
}

/** Saves the findings in a vector, by the page's rules or by others. */
async function savedFindings(t: TestContext, name: string, rules?: string): Promise<string> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(PAGE).href);
  await verifyVector(page, vector(name));
  await open(page, "Detections");
  if (rules !== undefined) {
    await choose(page, "Use other rules", rules);
    await page.getByText("These are the rules of").waitFor();
  }
  const { text } = await saved(page, "Save as evidence");
  return text;
}

async function shown(t: TestContext, name: string, text: string): Promise<Page> {
  const path = join(folder, name);
  await writeFile(path, text);
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(path).href);
  await page.locator('[data-filed="open"], [data-filed="refused"]').waitFor();
  return page;
}

/** Returns the same file with another text in its frame, and the matching checksum. */
function forged(file: string, change: (frame: ReturnType<typeof frameOf>) => void): string {
  const at = file.indexOf(MARK);
  const block = file.slice(at, file.lastIndexOf("\nsum ") + 1);
  const frame = frameOf(file);
  change(frame);
  const body = block.replace(/^frame .*$/m, () => `frame ${canonical(frame).replaceAll("<", "\\u003c")}`);
  return `${file.slice(0, at)}${body}sum ${createHash("sha256").update(body).digest("hex")}\n</script>\n`;
}

/** Returns canonical JSON of values without fractions and with ASCII names. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

test("detections: that no rule fired is saved, and is run again when it is opened", async (t) => {
  const file = await savedFindings(t, "log-two-chains");
  const { detections, slice, scope } = frameOf(file);
  assert.deepEqual([detections.findings, slice, scope.events], [0, null, 9]);
  const page = await shown(t, "quiet.html", file);
  await page.locator('[data-vouched="contained"]').waitFor();
  assert.match(
    await words(page.locator(".case-answer")),
    /^None of the \d+ rules in “countersign \d+” fired on 9 events\.$/,
  );
  await page.locator('[data-rules="own"]').waitFor();
  // Two events have no parser, so "no rule fired" isn't presented as "there is nothing".
  await page.locator('[data-basis="part"] [data-doubt="rules"]').waitFor();
  assert.equal(await page.locator('[data-basis="all"]').count(), 0);
  assert.deepEqual(await violations(page), []);
  const { code, text } = await run("report", "--check", "quiet.html");
  assert.equal(code, 0, text);
  assert.match(text, /run again, the rules have the findings that it states/);
  assert.match(text, /no rule fired, but not everything was examined/);
});

test("detections: a file whose rules find something else is refused", async (t) => {
  const file = await savedFindings(t, "log-two-chains");
  const page = await shown(
    t,
    "forged.html",
    forged(file, ({ detections }) => {
      detections.coverage.unparsed = 0;
      detections.coverage.complete = true;
      detections.coverage.sources[0].events += 2;
      detections.coverage.sources[0].covered += 2;
    }),
  );
  assert.equal(await page.locator('[data-filed="refused"]').count(), 1);
  assert.equal(await page.locator(".case-answer").count(), 0);
  assert.equal((await run("report", "--check", "forged.html")).code, 1);
});

test("detections: findings are saved with their events, as a statement", async (t) => {
  const pack = join(folder, "pack.json");
  const built = await run("rules", "build", RULES, "-o", pack);
  assert.equal(built.code, 0, built.text);
  const file = await savedFindings(t, "log-two-chains", pack);
  const { detections, slice } = frameOf(file);
  assert.deepEqual([detections.findings, detections.pack.name, slice.events], [6, "cases", 5]);
  const page = await shown(t, "found.html", file);
  assert.equal(await words(page.locator(".case-answer")), "The rules made 6 findings in 9 events.");
  assert.equal(await page.locator(".case-findings li").count(), 3);
  await page.locator('[data-vouched="stated"]').waitFor();
  await page.locator('[data-rules="other"]').waitFor();
  const { export: source, trust = "" } = vector("log-two-chains");
  const { code, text } = await run("report", "--check", "found.html", source, "--trust", trust);
  assert.equal(code, 0, text);
  assert.match(text, /the rules have the same findings/);
});

test("detections: the page opens the program's file, also of a range", async (t) => {
  const { export: source, trust = "" } = vector("log-two-chains");
  const args = [
    "report",
    source,
    "--trust",
    trust,
    "--page",
    PAGE,
    "--detections",
    "--detection-rules",
    RULES,
  ];
  const { code, text } = await run(...args, "--range", "4..9", "--embed", "examined", "-o", "range.html");
  assert.equal(code, 0, text);
  const page = await shown(t, "range.html", await readFile(join(folder, "range.html"), "utf8"));
  await page.locator('[data-vouched="contained"]').waitFor();
  assert.match(await words(page.locator(".case-answer")), /^The rules made \d+ findings in 5 events\.$/);
  await page.locator('[data-doubt="range"]').waitFor();
});
