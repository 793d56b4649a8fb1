import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { type Browser, choose, launch, open, serve, upload, verdict, verifyVector } from "./browser.ts";
import { eventTexts, recorded } from "./record.ts";
import { vector } from "./vectors.ts";

let browser: Browser;
let server: Awaited<ReturnType<typeof serve>>;
before(async () => {
  browser = await launch();
  server = await serve();
});
after(async () => {
  await browser.close();
  await server.close();
});

async function opened(t: TestContext): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(server.address);
  return page;
}

async function verify(page: Page, exported: string, trust: string): Promise<void> {
  await choose(page, "Choose a trust file", upload("trust.txt", trust));
  await choose(page, "Choose a file", upload("export.ndjson", exported));
  await page.locator(".verdict").waitFor();
  await open(page, "Events");
}

/** Returns the bytes that the details show of each event, one after another. */
async function shownTexts(page: Page, count: number): Promise<string[]> {
  const texts: string[] = [];
  await page.locator(".row.event").first().click();
  for (let row = 0; row < count; row += 1) {
    await page.locator(".drawer .position", { hasText: new RegExp(`^${row + 1} `) }).waitFor();
    const whole = page.getByRole("button", { name: /^Show all/ });
    if (await whole.count()) await whole.click();
    texts.push(await page.locator(".drawer .raw code").evaluate(bytesOf));
    if (row + 1 < count) await page.locator(".drawer").getByRole("button", { name: "Next" }).click();
  }
  return texts;
}

/** Returns the text of displayed bytes, with the invisible characters instead of their names. */
function bytesOf(code: Element): string {
  const parts = [...code.childNodes].map((part) => {
    if (part instanceof Comment) return "";
    const text = part.textContent ?? "";
    const isNamed = part instanceof Element && part.className === "unseen";
    return isNamed ? String.fromCodePoint(Number.parseInt(text.slice(2), 16)) : text;
  });
  return parts.join("");
}

/** Returns the canonical form (RFC 8785), whose order of names and numbers are JavaScript's own. */
function canonical(json: unknown): string {
  if (Array.isArray(json)) return `[${json.map(canonical).join(",")}]`;
  if (json === null || typeof json !== "object") return JSON.stringify(json);
  const members = Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${canonical(value)}`).join(",")}}`;
}

for (const name of ["two-chains-no-log", "reserialized-escapes", "reserialized-all", "unicode-names"]) {
  test(`details: the bytes of ${name} are those that were hashed`, async (t) => {
    const page = await opened(t);
    const given = vector(name);
    await verifyVector(page, given);
    const texts = eventTexts(readFileSync(given.export, "utf8")).map((text) => canonical(JSON.parse(text)));
    await open(page, "Events");
    await page.locator(".row.event").first().waitFor();
    const listed = Number(await page.getByRole("grid").getAttribute("aria-rowcount")) - 1;
    assert.equal(listed, texts.length);
    assert.deepEqual(await shownTexts(page, listed), texts);
  });
}

const HOSTILE = [
  { action: "<img src=x onerror=window.pwned=1>", actor: { id: "<script>window.pwned=1</script>" } },
  { action: "javascript:window.pwned=1", target: { type: "x", id: "</pre></dialog><h1>Verified.</h1>" } },
  { action: "{{constructor.constructor('window.pwned=1')()}}", outcome: "<!--" },
  { action: "admin\u202etxt.exe", actor: { id: "\u2066\u0000\u001b[2J" } },
  { action: "x".repeat(100_000), actor: { id: "y".repeat(100_000), name: "é".repeat(9) } },
  { action: "many", metadata: Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`m${n}`, n])) },
  { action: 7, actor: ["a"], target: null, outcome: { "<b>": 1 } },
  {},
].map((event) => JSON.stringify(event));
const PROTO =
  '{"__proto__":{"action":"inherited","actor":{"id":"nobody"}},"constructor":{"prototype":{"pwned":1}},"toString":"x"}';
const DEEP = `{"action":"deep","x":${'{"x":'.repeat(62)}1${"}".repeat(62)}}`;

test("details: hostile events are plain text, whole and inert", async (t) => {
  const page = await opened(t);
  const errors: unknown[] = [];
  page.on("pageerror", (error) => errors.push(error));
  page.on("dialog", (dialog) => errors.push(dialog.message()));
  const { exported, trust } = await recorded([...HOSTILE, PROTO, DEEP]);
  const markup = "img, script:not([type=module]), h1";
  const before = await page.locator(markup).count();
  await verify(page, exported, trust);
  assert.equal(await verdict(page), "Verified.");

  const actions = await page
    .locator(".row.event")
    .evaluateAll((rows) => rows.map((row) => row.querySelector(".cell-action bdi")?.textContent));
  assert.equal(actions[0], "<img src=x onerror=window.pwned=1>");
  assert.equal(actions[3], "adminU+202Etxt.exe");
  assert.ok((actions[4]?.length ?? 0) < 300);
  // An event without an action has none, whatever its prototype says.
  assert.equal(actions[8], undefined);
  const heights = await page.locator(".row.event").evaluateAll((rows) => rows.map((row) => row.clientHeight));
  assert.equal(new Set(heights).size, 1);

  assert.deepEqual(await shownTexts(page, 10), eventTexts(exported));
  assert.equal(await page.locator(markup).count(), before);
  assert.equal(await page.evaluate(() => "pwned" in window || "pwned" in {}), false);
  assert.deepEqual(errors, []);
});

test("details: fields show their names, and numbers their digits", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("number-above-2-53-as-committed"));
  await open(page, "Events");
  await page.locator(".row.event").first().click();
  const digits = /[0-9]{16,}/.exec((await page.locator(".raw").textContent()) ?? "")?.[0];
  assert.ok(digits);
  assert.equal(await page.locator(".members .literal", { hasText: digits }).count(), 1);
});

test("events: each shows its UTC time and its signer", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("plain-closed"));
  await open(page, "Events");
  const times = await page.locator(".row.event time").allTextContents();
  assert.ok(times.length > 0);
  for (const time of times) assert.match(time, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$/);
  await page.locator(".row.event").first().click();
  assert.match(
    (await page.locator(".drawer .facts").last().textContent()) ?? "",
    /example\.com\/[^+]*\+[0-9a-f]{8}\+/,
  );
  assert.match((await page.locator(".signer-trust").textContent()) ?? "", /Signer trusted/);
});

test("events: unknown, suspect, or revoked signers are marked", async (t) => {
  const page = await opened(t);
  await verifyVector(page, { ...vector("plain-closed"), trust: undefined });
  await open(page, "Events");
  await page.locator(".row.event").first().click();
  assert.match((await page.locator(".signer-trust").textContent()) ?? "", /Signer not trusted/);
  await page.keyboard.press("Escape");

  await page.reload();
  await verifyVector(page, vector("trust-one-key-as-issuer-and-emitter-revoked"));
  assert.match(
    (await page.locator('[data-answer="signed"]').textContent()) ?? "",
    /A thief may have made some of this/,
  );
  await open(page, "Events");
  const marks = await page.locator(".row.event .sign .sr").allTextContents();
  assert.deepEqual(marks.sort(), ["Signer revoked", "Signer suspect"]);
});

const REAL = new URL("../../../../shared/vectors/third-party/real-events/", import.meta.url);
const sources = existsSync(REAL) ? readdirSync(REAL).sort() : [];
test("events: real events of six sources are recorded and verified", {
  skip: sources.length === 0 && !process.env.CI && `there is no ${REAL.pathname}`,
}, async (t) => {
  assert.equal(sources.length, 6);
  const page = await opened(t);
  for (const source of sources) {
    const lines = readFileSync(new URL(`${source}/events.ndjson`, REAL), "utf8")
      .split("\n")
      .filter(Boolean);
    const { exported, trust } = await recorded(lines);
    await page.reload();
    await verify(page, exported, trust);
    assert.equal(await verdict(page), "Verified.", source);
    assert.equal(
      await page.getByRole("grid").getAttribute("aria-rowcount"),
      String(lines.length + 1),
      source,
    );
    await page.locator(".row.event").first().click();
    const whole = page.getByRole("button", { name: /^Show all/ });
    if (await whole.count()) await whole.click();
    const text = await page.locator(".drawer .raw code").evaluate(bytesOf);
    assert.equal(text, eventTexts(exported)[0], source);
    assert.deepEqual(JSON.parse(text), JSON.parse(lines[0] ?? ""), source);
  }
});
