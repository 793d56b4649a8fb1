/** Ask: a question is answered in a sentence with its basis, and the answer is evidence, also if nothing was found. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Locator, Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { eventually } from "../../../js/test/eventually.ts";
import { type Browser, choose, launch, open, PAGE, verifyVector } from "./browser.ts";
import { sealedLog } from "./sealed.ts";
import { type Vector, vector } from "./vectors.ts";

const PROGRAM =
  process.env.COUNTERSIGN ?? fileURLToPath(new URL("../../../target/debug/countersign", import.meta.url));
const MARK = '\n<script type="text/plain" id="countersign-evidence">\n';
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Events that all state an actor and an action: u-2 logs in and changes roles. */
const EVENTS = Array.from({ length: 9 }, (_, nth) => ({
  actor: { id: nth < 5 ? "u-2" : "u-17" },
  action: nth % 2 === 0 ? "login" : "role.grant",
}));

/** Sentence of an answer about "nobody". */
const NOBODY = /^No event (that verifies )?here names the actor “nobody”\.$/;

/** Events by people whose names share a part, with outcomes, late recording, and a change. */
const PEOPLE = [
  {
    actor: { id: "u_1", name: "Maria Lopez", email: "maria.lopez@example.com" },
    action: "login",
    outcome: "failure",
  },
  {
    actor: { id: "u_1", name: "Maria Lopez", email: "maria.lopez@example.com" },
    action: "settings.update",
    outcome: "success",
    occurred_at: "2026-01-05T06:00:00.000Z",
    target: { id: "s_1", name: "Retention" },
    before: { retention_days: 365, region: "eu" },
    after: { retention_days: 30, region: "eu" },
  },
  { actor: { id: "maria.jones@example.com" }, action: "login", outcome: "unknown" },
  { actor: { id: "u_3", name: "Ben" }, action: "role.grant", outcome: "denied" },
  { actor: { id: "u_4", name: "Benno" }, action: "login", outcome: "success" },
];

/** Events by Grace, by agents on her behalf, and by an agent on its own. */
const AGENTS = [
  { actor: { id: "u_1", name: "Grace Hopper" }, action: "session.login", outcome: "success" },
  ...Array.from({ length: 3 }, () => ({
    actor: { type: "agent", id: "support-bot" },
    on_behalf_of: { id: "u_1", name: "Grace Hopper", via: [{ type: "agent", id: "planner" }] },
    action: "tool.call",
    target: { type: "tool", id: "crm/refund", name: "refund" },
    outcome: "success",
  })),
  { actor: { type: "agent", id: "night-bot" }, action: "tool.call", outcome: "success" },
];

let browser: Browser;
let folder: string;
let sealed: Vector;
let people: Vector;
let agents: Vector;
before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), "countersign-ask-"));
  sealed = await sealedLog(folder, EVENTS);
  await mkdir(join(folder, "people"));
  people = await sealedLog(join(folder, "people"), PEOPLE);
  await mkdir(join(folder, "agents"));
  agents = await sealedLog(join(folder, "agents"), AGENTS);
});
after(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

async function opened(t: TestContext, shown = vector("log-two-chains")): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(PAGE).href);
  await verifyVector(page, shown);
  return page;
}

/** Asks a question with the keyboard, and returns the answer. */
async function ask(page: Page, fields: Readonly<Record<string, string>>): Promise<Locator> {
  const form = page.locator(".ask form");
  for (const [name, text] of Object.entries(fields)) await form.locator(`input[name=${name}]`).fill(text);
  await form.locator("input[name=who]").press("Enter");
  const answer = page.locator(".ask-answer");
  await answer.waitFor().catch(async (cause) => {
    throw new Error(`no answer: ${await page.locator("#ask-said").innerText()}`, { cause });
  });
  return answer;
}

const trimmed = (text: string) => text.replaceAll(/\s+/g, " ").trim();
const words = async (part: Locator) => trimmed((await part.textContent()) ?? "");

function frameOf(file: string) {
  const lines = file.slice(file.indexOf(MARK) + MARK.length).split("\n");
  return JSON.parse(lines.find((line) => line.startsWith("frame "))?.slice(6) ?? "");
}

/** Returns the same file with another text in its frame, and the matching checksum. */
function forged(file: string, from: string, to: string): string {
  const at = file.indexOf(MARK);
  const block = file.slice(at, file.lastIndexOf("\nsum ") + 1);
  assert.ok(block.includes(from), from);
  const body = block.replace(from, () => to);
  return `${file.slice(0, at)}${body}sum ${sha256(body)}\n</script>\n`;
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

/** Runs `countersign report --check`, and returns its output and exit code. */
async function check(name: string, ...more: string[]): Promise<{ code: number; text: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(PROGRAM, ["report", "--check", name, ...more], {
      cwd: folder,
    });
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

test("ask: comes first, and answers with what it is based on", async (t) => {
  const page = await opened(t, sealed);
  const [box, answers] = await Promise.all([
    page.locator(".ask").boundingBox(),
    page.locator("[data-answer]").first().boundingBox(),
  ]);
  assert.ok(box && answers && box.y < answers.y);
  const answer = await ask(page, { who: "u-2", actions: "role.*, login" });
  assert.match(
    await words(answer.locator("h3")),
    /^5 events by u-2 with the actions role\.\* or login: none states an outcome\.$/,
  );
  assert.match(
    await words(answer.locator('[data-basis="all"]')),
    /^All 11 entries of the log up to \S+ \S+ are here, and all 9 events among them were searched: this is all of them\. The other 2 entries aren’t events: they start or end chains, or are about keys\.$/,
  );
  assert.equal(await answer.locator("tbody tr").count(), 5);
  assert.deepEqual(await violations(page), []);
  await answer.getByRole("button", { name: "Show them on Events" }).click();
  const box2 = page.getByRole("combobox", { name: "Search events" });
  assert.equal(await box2.inputValue(), 'actor=="u-2" action:role.*,login');
});

test("ask: says why there may be more", async (t) => {
  for (const [name, fields, doubts, subject] of [
    ["log-two-chains", { until: "2026-12-31" }, ["later"], /^9 events up to and including 2026-12-31/],
    ["log-two-chains", { who: "nobody" }, ["unrecognized"], NOBODY],
    ["withheld", { who: "nobody" }, ["withheld"], NOBODY],
    ["drop-event", { who: "nobody" }, ["verdict"], NOBODY],
  ] as const) {
    const page = await opened(t, vector(name));
    const answer = await ask(page, fields);
    assert.match(await words(answer.locator("h3")), subject, name);
    const found = await answer
      .locator("[data-doubt]")
      .evaluateAll((items) => items.map((item) => item.getAttribute("data-doubt")));
    for (const doubt of doubts) assert.ok(found.includes(doubt), `${name}: ${found}`);
    await page.close();
  }
});

test("ask: an event that was changed is named as not searched, in the answer and in its evidence", async (t) => {
  const path = join(folder, "changed.ndjson");
  const text = await readFile(sealed.export, "utf8");
  await writeFile(path, text.replace("u-17", "u-71"));
  const page = await opened(t, { ...sealed, export: path });
  const answer = await ask(page, { who: "u-71" });
  assert.match(await words(answer.locator("h3")), /^No event that verifies here names the actor “u-71”\.$/);
  // One statement says that it claims to match, and the other refers to it.
  await answer.locator('[data-claims="1"]').waitFor();
  const doubt = "1 event doesn’t verify, so it isn’t counted. See above.";
  assert.equal(await words(answer.locator('[data-doubt="unverified"]')), doubt);
  const file = await downloaded(page, answer, "evidence");
  const again = await shown(t, "changed.html", file);
  await again.locator('[data-doubt="unverified"]').waitFor();
});

test("ask: evidence of an altered export names the altered events that claim to match, on screen and on paper", async (t) => {
  const path = join(folder, "claiming.ndjson");
  const text = await readFile(sealed.export, "utf8");
  await writeFile(path, text.replace("u-17", "u-71"));
  const page = await opened(t, { ...sealed, export: path });
  const answer = await ask(page, { who: "u-71" });
  const claims = answer.locator('[data-claims="1"]');
  await claims.waitFor();
  const [entry = ""] = /Entry \d+/.exec(await words(claims)) ?? [];
  assert.notEqual(entry, "");
  // The page gathers what it prints after it shows the answer.
  const print = async () => {
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    return words(page.locator(".printed .paper-words"));
  };
  await eventually("the entry is printed", print, (paper) => paper.includes(entry));
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  for (const contains of [true, false]) {
    await answer.locator("input[name=contain]").setChecked(contains);
    const file = await downloaded(page, answer, "evidence");
    const by = contains ? "page" : "author";
    const copy = await shown(t, `claiming-${by}.html`, file);
    const stated = copy.locator(`.filed .case-answer ~ [data-claims-by="${by}"]`);
    await stated.waitFor();
    assert.match(await words(stated), /1 altered event (of the export )?claims to match\./);
    assert.ok((await words(stated)).endsWith(entry));
    assert.equal(await copy.locator('[data-vouched="contained"].tone-good').count(), 0);
    assert.match(await words(copy.locator('[data-doubt="unverified"]')), /See above\.$/);
    assert.deepEqual(await violations(copy), []);
    await copy.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.ok((await words(copy.locator(".printed .paper-words"))).includes(entry));
    await copy.evaluate(() => dispatchEvent(new Event("afterprint")));
    // Without the author's statement, the report still says that the event may match.
    if (contains) continue;
    const { sections } = frameOf(file);
    assert.equal(sections[0].data.altered_claims.entries.length, 1);
    const silent = await shown(t, "silent.html", forged(file, JSON.stringify(sections), "[]"));
    const may = await words(silent.locator('.filed [data-claims-by="report"]'));
    assert.equal(may, `1 event of the export fails its checks and may match: ${entry}`);
  }
  const report = JSON.parse(await downloaded(page, answer, "report"));
  assert.match(report.sections[0].blocks[0].text, /^1 altered event claims to match\./);
  // The claim of an altered event isn't named if it answers another question.
  const other = await ask(page, { who: "u-2" });
  await other.locator('[data-doubt="unverified"]', { hasText: "claims doesn’t match" }).waitFor();
  const copy = await shown(t, "not-claiming.html", await downloaded(page, other, "evidence"));
  await copy.locator('[data-doubt="unverified"]', { hasText: "claims doesn’t match" }).waitFor();
  assert.equal(await copy.locator("[data-claims]").count(), 0);
});

test("ask: the answer of an altered file is evidence that says so, and no export that looks unaltered", async (t) => {
  const path = join(folder, "altered.ndjson");
  const text = await readFile(sealed.export, "utf8");
  await writeFile(path, text.replace("u-17", "u-71"));
  const page = await opened(t, { ...sealed, export: path });
  const answer = await ask(page, { who: "u-2" });
  assert.match(
    await words(answer.locator("#ask-contents")),
    /You state only what was found among the 8 events that verify\.$/,
  );
  const warning = answer.locator("#ask-no-slice");
  assert.match(await words(warning), /this file is altered.*Save them as evidence instead/);
  let downloads = 0;
  page.on("download", () => {
    downloads += 1;
  });
  const slice = answer.locator("button[name=slice]");
  assert.equal(await slice.getAttribute("aria-disabled"), "true");
  // Playwright waits for such a button to be enabled; a reader can press it.
  await slice.click({ force: true });
  await answer.locator(".ask-saved", { hasText: "can’t be saved as an export" }).waitFor();
  assert.equal(downloads, 0);
  // No other answer or check passes over the event that was changed.
  const signed = page.locator('[data-answer="signed"][data-is="partly"]');
  assert.match(await words(signed), /All but 1 event: by keys you trust/);
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  const rows = page.locator(".printed .paper-checks tbody tr");
  for (const check of ["Signatures", "Tree"])
    assert.match(
      await words(rows.filter({ hasText: check }).first()),
      /Pass.* but not what 1 event says, which was changed/,
    );
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  // The menu on Events warns too.
  await open(page, "Events");
  const menu = page.locator("cs-export");
  await menu.getByRole("button", { name: "Export", exact: true }).click();
  assert.match(await words(menu.locator("#export-fault")), /^This export is altered\./);
  assert.equal(await menu.locator("[data-kind=slice]").getAttribute("aria-disabled"), "true");
  await menu.locator("[data-kind=slice]").click({ force: true });
  await menu.getByRole("status").getByText("wouldn’t show that this export fails its checks").waitFor();
  assert.equal(downloads, 0);
  const csv = page.waitForEvent("download");
  await menu.locator("[data-kind=csv]").click();
  assert.equal((await csv).suggestedFilename(), "altered-of-altered-file-events.csv");
  assert.deepEqual(await violations(page), []);
  await open(page, "Summary");
  await answer.locator("input[name=contain]").uncheck();
  const file = await downloaded(page, answer, "evidence");
  const again = await shown(t, "of-altered.html", file);
  await again.locator(".verdict").waitFor();
  assert.equal(
    await words(again.locator("#verdict-heading")),
    "Taken from an export that fails its own checks.",
  );
  assert.match(await words(again.locator(".verdict .says")), /“Altered\.”/);
  assert.match(await words(again.locator(".inputs")), /-of-altered-file\.countersign\.ndjson/);
  await again.locator('[data-whole="altered"]').waitFor();
  assert.match(await words(again.locator('[data-doubt="unverified"]')), /^1 event doesn’t verify/);
  // With the reader's own keys, no verdict is better than that of the export.
  await choose(again, "Choose a trust file", sealed.trust ?? "");
  await again.getByText("Verdict by your trust file").waitFor();
  await again.getByText("The 5 events here: unchanged.").waitFor();
  const own = await words(again.locator(".case-facts"));
  assert.match(own, /The 5 events here: unchanged\. The export they come from: Altered\./);
  assert.doesNotMatch(own, /Verified|Unchanged, but/);
  assert.equal(
    await words(again.locator("#verdict-heading")),
    "Taken from an export that fails its own checks.",
  );
});

test("ask: reference and examiner are asked for once", async (t) => {
  const page = await opened(t, sealed);
  await page.getByLabel("Reference").fill("IR-1");
  const answer = await ask(page, { who: "u-2" });
  assert.equal(await page.getByLabel("Reference").count(), 1);
  assert.equal(await answer.getByLabel("Reference").inputValue(), "IR-1");
  await answer.getByLabel("Examiner").fill("Ada");
  assert.match(await words(page.locator(".evidence-typed")), /^Reference\s*IR-1\s*Examiner\s*Ada$/);
  // A new question needs a new reference. The examiner stays the same.
  await ask(page, { who: "u-2" });
  assert.equal(await answer.getByLabel("Reference").inputValue(), "IR-1");
  await ask(page, { who: "u-17" });
  await page.locator('.ask-answer[data-answered="4"]').waitFor();
  assert.equal(await answer.getByLabel("Reference").inputValue(), "");
  assert.equal(await answer.getByLabel("Examiner").inputValue(), "Ada");
  await open(page, "Events");
  const box = page.getByRole("combobox", { name: "Search events" });
  await box.fill("login");
  await box.press("Enter");
  await open(page, "Summary");
  await page.locator(".evidence").getByLabel("Examiner").waitFor();
  assert.equal(await page.locator(".evidence").getByLabel("Examiner").inputValue(), "Ada");
  assert.equal(await page.getByLabel("Examiner").count(), 1);
});

test("ask: its evidence opens with the question in a sentence, found or not, on screen and on paper", async (t) => {
  const page = await opened(t, sealed);
  for (const [nth, [who, query, question]] of [
    ["u-2", 'actor=="u-2"', "What did u-2 do with the action role.* from 2026-01-01 to 2027-12-31?"],
    [
      "nobody",
      "actor:\\*nobody\\*",
      "What was done by anyone with “nobody” in their name, ID, type, or email address with the action role.* from 2026-01-01 to 2027-12-31?",
    ],
  ].entries()) {
    const fields = { who: who ?? "", actions: "role.*", from: "2026-01-01", until: "2027-12-31" };
    const file = await downloaded(page, await ask(page, fields), "evidence");
    const again = await shown(t, `question-${nth}.html`, file);
    assert.equal(await words(again.locator("#filed-heading")), question);
    assert.match(
      await words(again.locator(".case-query")),
      new RegExp(`^Search: ${query} since:2026-01-01 time:\\*\\.\\.2027-12-31 action:role\\.\\*$`),
    );
    await again.locator(".verdict").waitFor();
    await again.evaluate(() => dispatchEvent(new Event("beforeprint")));
    const paper = again.locator(".printed");
    await paper.waitFor({ state: "attached" });
    assert.match(
      (await paper.textContent()) ?? "",
      new RegExp(`Question\\s*${question?.replace(/[?*.]/g, "\\$&")}`),
    );
  }
});

test("ask: a name that no event has is named as the likely reason for nothing", async (t) => {
  const page = await opened(t, sealed);
  const answer = await ask(page, { who: "x", actions: "role.grant, invoice.*" });
  assert.deepEqual(
    await answer
      .locator("[data-unknown]")
      .evaluateAll((all) => all.map((one) => one.getAttribute("data-unknown"))),
    ["who", "actions"],
  );
  const known = await ask(page, {
    who: "u-2",
    actions: "role.grant",
    from: "1999-01-01",
    until: "1999-01-02",
  });
  assert.equal(await known.locator("[data-unknown]").count(), 0);
});

test("ask: nothing lists what the events have instead, similar names first, and each can be asked about", async (t) => {
  const page = await opened(t, people);
  const items = async (list: Locator) => (await list.locator("li").allTextContents()).map(trimmed);
  const typo = await ask(page, { actions: "setings.updaet" });
  assert.deepEqual(await items(typo.locator('[data-similar="actions"]')), ["settings.update (1)"]);
  assert.deepEqual(await items(typo.locator('[data-frequent="actions"]')), ["login (3)", "role.grant (1)"]);
  assert.equal(
    await words(typo.locator('[data-frequent="actions"] p')),
    "The events here also have these actions:",
  );
  assert.deepEqual(await violations(page), []);
  await typo.locator('[data-similar="actions"] button').click();
  await page.locator('.ask-answer[data-answered="1"]').waitFor();
  // Only the actor's own actions, and those of the days.
  const own = await ask(page, { who: "Ben", actions: "export" });
  assert.deepEqual(await items(own.locator('[data-frequent="actions"]')), ["role.grant (1)"]);
  const then = await ask(page, { who: "", actions: "export", from: "2026-01-05", until: "2026-01-05" });
  assert.deepEqual(await items(then.locator('[data-frequent="actions"]')), ["settings.update (1)"]);
  assert.match(
    await words(then.locator('[data-frequent="actions"] p')),
    /^The events here on these days have/,
  );
  const never = await ask(page, { from: "1999-01-01", until: "1999-01-02" });
  assert.equal(await never.locator("[data-frequent], [data-similar]").count(), 0);
  // A name that events have isn't suggested instead of itself.
  const named = await ask(page, { actions: "login", target: "zzzz", from: "", until: "" });
  await named.locator('[data-unknown="target"]').waitFor();
  assert.equal(await named.locator("[data-similar]").count(), 0);
  await ask(page, { actions: "", target: "", from: "1999-01-01", until: "1999-01-02" });
  await never.locator("[data-no-day]").waitFor();
  // The search on Events is still the question's.
  await open(page, "Events");
  assert.match(await page.getByRole("combobox", { name: "Search events" }).inputValue(), /1999-01-02/);
});

test("ask: an action that only others did is reported as theirs, and no other is suggested instead", async (t) => {
  const page = await opened(t, people);
  const other = await ask(page, { who: "Benno", actions: "settings.update" });
  const present = "The action settings.update occurs once in this file, by others.";
  assert.equal(await words(other.locator("[data-present]")), present);
  assert.equal(await other.locator("[data-similar]").count(), 0);
  const copy = await shown(t, "by-others.html", await downloaded(page, other, "evidence"));
  await copy.locator(".verdict").waitFor();
  assert.equal(await words(copy.locator(".filed [data-present]")), present);
  const days = { from: "2026-01-05", until: "2026-01-05" };
  const then = await ask(page, { who: "Benno", actions: "login", ...days });
  assert.equal(
    await words(then.locator("[data-present]")),
    "The action login occurs 3 times in this file, 2 of them by others. None of them is on these days.",
  );
  const on = await ask(page, { who: "Benno", actions: "settings.update", ...days });
  assert.equal(await words(on.locator("[data-present]")), `${present} On these days: 1 event.`);
  const target = await ask(page, { who: "", actions: "login", target: "Retention", from: "", until: "" });
  assert.equal(
    await words(target.locator("[data-present]")),
    "The action login occurs 3 times in this file.",
  );
  // If one of two actions occurs, only a name for the other is suggested.
  const both = await ask(page, { who: "zzzz", actions: "login, setings.updaet", target: "" });
  assert.equal(await both.locator("[data-present]").count(), 1);
  assert.equal(await words(both.locator('[data-similar="actions"]')), "Did you mean:settings.update (1)");
  await page.getByRole("button", { name: "Deutsch" }).click();
  assert.equal(
    await words(both.locator("[data-present]")),
    "Die Aktion login kommt in dieser Datei 3-mal vor, von anderen.",
  );
  await page.getByRole("button", { name: "English" }).click();
});

test("ask: paper states what the events have, and suggests no name", async (t) => {
  const page = await opened(t, people);
  const typo = await ask(page, { actions: "setings.updaet" });
  await typo.locator("[data-similar]").waitFor();
  const print = async () => {
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    return words(page.locator(".printed .paper-words"));
  };
  await eventually("the answer is printed", print, (paper) => paper.includes("No event here has the action"));
  assert.doesNotMatch(await print(), /Did you mean|also have/);
  assert.match(await print(), /The events here have these actions:.*login/);
});

test("ask: many other targets aren't listed, and the hints of the fields fit", async (t) => {
  const page = await opened(t, vector("large-whole"));
  await page.setViewportSize({ width: 1200, height: 900 });
  const cut = await page.locator(".ask input[placeholder]").evaluateAll((fields) =>
    fields.flatMap((field) => {
      const { placeholder, clientWidth } = field as HTMLInputElement;
      const { font, paddingLeft, paddingRight } = getComputedStyle(field);
      const context = document.createElement("canvas").getContext("2d");
      if (context === null) return ["no canvas"];
      context.font = font;
      const room = clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight);
      return context.measureText(placeholder).width > room ? [placeholder] : [];
    }),
  );
  assert.deepEqual(cut, []);
  const missing = await ask(page, { target: "zzzz" });
  await missing.locator('[data-unknown="target"]').waitFor();
  assert.equal(await missing.locator('[data-frequent="target"]').count(), 0);
});

test("ask: natural words are found word by word, and otherwise the similar names come first", async (t) => {
  const page = await opened(t, people);
  const found = await ask(page, { who: "lopez MARIA jones", actions: "" });
  assert.equal(await found.getAttribute("data-answered"), "0");
  const person = await ask(page, { who: "jones maria" });
  assert.equal(await person.getAttribute("data-answered"), "1");
  const action = await ask(page, { who: "", actions: "Grant role" });
  assert.equal(await action.getAttribute("data-answered"), "1");
  assert.equal(
    await words(action.locator("h3")),
    "1 event with “Grant” and “role” in the action: it was denied.",
  );
  const none = await ask(page, { actions: "change setting" });
  assert.equal(await words(none.locator("h3")), "No event here has the action “change setting”.");
  assert.equal(await none.locator(".tone-good").count(), 0);
  assert.match(await words(none.locator('[data-basis="searched"]')), /were searched\. The other/);
  const similar = none.locator('[data-similar="actions"]');
  assert.equal(await words(similar), "Did you mean:settings.update (1)");
  assert.deepEqual(await violations(page), []);
  await page.locator("[name=contain]").setChecked(true);
  const download = page.waitForEvent("download");
  await page.locator(".ask button[name=evidence]").click();
  const file = await readFile(await (await download).path(), "utf8");
  const evidence = await shown(t, "natural-words.html", file);
  await evidence.locator('[data-vouched="contained"]').waitFor();
  assert.equal(
    await words(evidence.locator('.filed [data-unknown="actions"]')),
    "No event here has the action “change setting”. Similar: settings.update (1).",
  );
  assert.equal(await evidence.locator(".filed .basis.tone-good").count(), 0);
});

test("ask: a name in the wrong field is found where it belongs", async (t) => {
  const page = await opened(t, people);
  const answer = await ask(page, { actions: "Retention" });
  assert.equal(await answer.getAttribute("data-answered"), "0");
  const misplaced = answer.locator('[data-misplaced="target"]');
  assert.match(await words(misplaced), /^“Retention” finds targets, in 1 event\./);
  assert.equal(await answer.locator("[data-misplaced]").count(), 1);
  await misplaced.getByRole("button").click();
  await page.locator('.ask-answer[data-answered="1"]').waitFor();
  assert.equal(await page.locator(".ask input[name=actions]").inputValue(), "");
  assert.equal(await page.locator(".ask input[name=target]").inputValue(), "Retention");
  // Words find an action that is written with other marks.
  const of = await ask(page, { actions: "", target: "update settings" });
  assert.match(
    await words(of.locator('[data-misplaced="actions"]')),
    /^“update settings” finds actions, in \d+ events?\./,
  );
});

test("ask: a text that only other fields have is pointed out, also in the evidence", async (t) => {
  const page = await opened(t, people);
  const answer = await ask(page, { target: "eu" });
  const elsewhere = /^“eu” is in other fields of 1 event, which this question doesn’t search\./;
  assert.match(await words(answer.locator("[data-elsewhere]")), elsewhere);
  const copy = await shown(t, "elsewhere.html", await downloaded(page, answer, "evidence"));
  await copy.locator(".verdict").waitFor();
  assert.match(await words(copy.locator(".filed [data-elsewhere]")), elsewhere);
  await answer.getByRole("button", { name: "Show it on Events" }).click();
  await page.locator(".notice").getByText("1 of 5").waitFor();
  const none = await opened(t, people);
  const nobody = await ask(none, { who: "zebra" });
  assert.equal(await nobody.locator("[data-elsewhere]").count(), 0);
});

test("ask: an answer is broken down by action, what failed or was denied first", async (t) => {
  const page = await opened(t, people);
  const answer = await ask(page, { from: "2026-01-01" });
  const list = answer.locator("[data-actions]");
  assert.deepEqual((await list.locator("li").allTextContents()).map(trimmed), [
    "3 login (1 failed)",
    "1 role.grant (1 was denied)",
    "1 settings.update",
  ]);
  assert.equal(
    await words(list.locator("p.faint")),
    "Press an action to ask about it alone since 2026-01-01.",
  );
  const copy = await shown(t, "by-action.html", await downloaded(page, answer, "evidence"));
  await copy.locator('[data-action="login"]', { hasText: "3 login (1 failed)" }).waitFor();
  assert.equal(await copy.locator("[data-actions] button").count(), 0);
  await list.getByRole("button", { name: "role.grant" }).click();
  await page.locator('.ask-answer[data-answered="1"]').waitFor();
  assert.equal(await page.locator(".ask input[name=actions]").inputValue(), "role.grant");
  assert.match(await words(answer.locator("h3")), /^1 event .*: it was denied\.$/);
  assert.equal(await page.locator(".ask input[name=from]").inputValue(), "2026-01-01");
  assert.equal(await answer.locator("[data-actions]").count(), 0);
});

test("ask: an altered event that claims to match is named, linked, and not counted", async (t) => {
  const path = join(folder, "claims.ndjson");
  const lines = (await readFile(sealed.export, "utf8")).split("\n");
  let altered = 0;
  const changed = lines.map((line) => {
    if (!line.includes('"u-17"')) return line;
    altered += 1;
    return altered > 2 ? line : line.replace("u-17", altered === 1 ? "u-99" : "u-71");
  });
  await writeFile(path, changed.join("\n"));
  const page = await opened(t, { ...sealed, export: path });
  const answer = await ask(page, { who: "u-71" });
  assert.equal(await answer.getAttribute("data-answered"), "0");
  const claims = answer.locator('[data-claims="1"]');
  assert.match(
    await words(claims),
    /^1 altered event claims to match\. It isn’t counted, because it doesn’t say what was signed: Entry \d+$/,
  );
  assert.deepEqual(await violations(page), []);
  await claims.getByRole("button", { name: /^Entry/ }).press("Enter");
  await page.locator(".changed .untrusted", { hasText: "u-71" }).waitFor();
  await open(page, "Summary");
  // One that claims something else isn't named.
  const other = await ask(page, { who: "u-2" });
  assert.equal(await other.getAttribute("data-answered"), "5");
  await page.waitForFunction(() => document.querySelector(".ask-answer [data-basis]") !== null);
  assert.equal(await other.locator("[data-claims]").count(), 0);
});

test("ask: question and answer stay while the events are checked with other keys, and the answer is renewed", async (t) => {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(PAGE).href);
  await verifyVector(page, { ...people, trust: undefined });
  const answer = await ask(page, { who: "maria", until: "2027-12-31" });
  await answer.locator('[data-doubt="untrusted"]').waitFor();
  assert.match(
    await words(answer.locator('[data-doubt="untrusted"]')),
    /^\d events searched\. No key you trust signed these events: anyone could have made them\.$/,
  );
  await answer.getByLabel("Reference").fill("IR-1");
  // Every state of the answer is noted, because the check may end at once.
  await page.evaluate(() => {
    const notes: string[] = [];
    Object.assign(window, { notes });
    new MutationObserver(() => {
      const note = document.querySelector(".ask [data-note=again]");
      const question = document.querySelector<HTMLInputElement>(".ask input[name=who]")?.value;
      const sentence = document.querySelector(".ask-answer h3") !== null;
      notes.push(`${note !== null} ${question} ${sentence}`);
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  await choose(page, /Choose a(nother)? trust file/, people.trust ?? "");
  await page.locator('.ask-answer:not([aria-busy="true"]) [data-doubt="later"]').waitFor();
  await answer.locator('[data-doubt="untrusted"]').waitFor({ state: "detached" });
  const notes = await page.evaluate(() => (window as unknown as { notes: string[] }).notes);
  assert.ok(notes.includes("true maria true"), `${notes}`);
  assert.deepEqual(
    notes.filter((note) => !note.endsWith("maria true")),
    [],
  );
  assert.equal(await page.locator(".ask input[name=until]").inputValue(), "2027-12-31");
  assert.equal(await answer.getByLabel("Reference").inputValue(), "IR-1");
  assert.match(await words(answer.locator("h3")), /^3 events by Maria Lopez/);
  assert.equal(await page.locator(".ask [data-note]").count(), 0);
  // Another file is another case.
  await choose(page, /Choose another file/, sealed.export);
  await page.locator(".ask-answer").waitFor({ state: "detached" });
  assert.equal(await page.locator(".ask input[name=who]").inputValue(), "");
});

test("ask: days are typed or picked in one form, whatever the locale", async (t) => {
  const page = await opened(t, people);
  const form = page.locator(".ask form");
  const from = form.locator("input[name=from]");
  for (const [typed, refusal] of [
    ["10/01/2026", "In “10/01/2026”, it isn’t clear which number is the month."],
    ["2026-02-30", "“2026-02-30” is not a day."],
    ["the 31st of December 2026", "“the 31st of December 2026” is not a day."],
  ] as const) {
    await from.fill(typed);
    await from.press("Enter");
    await page.locator("#ask-said", { hasText: refusal }).waitFor();
    assert.equal(await from.getAttribute("aria-invalid"), "true");
    assert.equal(await from.evaluate((field) => field === document.activeElement), true);
  }
  assert.equal(await page.locator(".ask-answer").count(), 0);
  // A day that was picked is written like one that was typed.
  await form.getByRole("button", { name: "From day: open the calendar" }).waitFor();
  await from.fill("2026-01-05");
  await from.press("Tab");
  assert.equal(
    await page.evaluate(() => document.activeElement?.getAttribute("aria-label")),
    "From day: open the calendar",
  );
  await form
    .locator(".day-field")
    .first()
    .locator("input[type=date]")
    .evaluate((calendar: HTMLInputElement) => {
      calendar.value = "2026-01-06";
      calendar.dispatchEvent(new Event("change", { bubbles: true }));
    });
  assert.equal(await from.inputValue(), "2026-01-06");
  const answer = await ask(page, { who: "" });
  assert.match(await words(answer.locator("h3")), /since 2026-01-06/);
  assert.equal(await from.getAttribute("aria-invalid"), "false");
  const written = await ask(page, { from: "7 January 2026", until: "31/12/2027" });
  assert.match(await words(written.locator("h3")), /from 2026-01-07 to 2027-12-31/);
  assert.deepEqual(await violations(page), []);
});

test("ask: part of a name is enough, and the answer says which names it covers", async (t) => {
  const page = await opened(t, people);
  const answer = await ask(page, { who: "maria" });
  assert.match(
    await words(answer.locator("h3")),
    /^3 events by Maria Lopez \(u_1\) and maria\.jones@example\.com: 1 succeeded, 1 failed, 1 has an unknown outcome\.$/,
  );
  assert.equal(await words(page.locator("#ask-said")), await words(answer.locator("h3")));
  const covered = answer.locator('[data-covered="who"] button');
  assert.deepEqual(await covered.allTextContents(), ["Maria Lopez (u_1)", "maria.jones@example.com"]);
  assert.deepEqual(await violations(page), []);
  await covered.nth(1).click();
  await page.locator('.ask-answer[data-answered="1"]').waitFor();
  assert.equal(await page.locator(".ask input[name=who]").inputValue(), "maria.jones@example.com");
  assert.match(
    await words(answer.locator("h3")),
    /^1 event by maria\.jones@example\.com: its outcome is unknown\.$/,
  );
  const byAddress = await ask(page, { who: "maria.lopez@ex" });
  assert.match(await words(byAddress.locator("h3")), /^2 events by Maria Lopez \(u_1\)/);
});

test("ask: an answer about a person isn't silent about what agents did on their behalf", async (t) => {
  const page = await opened(t, agents);
  const answer = await ask(page, { who: "grace" });
  assert.match(await words(answer.locator("h3")), /^1 event by Grace Hopper \(u_1\): it succeeded\.$/);
  const others = answer.locator("[data-on-behalf]");
  assert.match(await words(others), /^And 3 events by others, such as agents, on behalf of grace\./);
  assert.deepEqual(await violations(page), []);
  await others.locator("button").click();
  await page.locator('.ask-answer[data-answered="3"]').waitFor();
  assert.equal(await page.locator(".ask input[name=who]").inputValue(), "");
  assert.equal(await page.locator(".ask input[name=behalf]").inputValue(), "grace");
  assert.match(await words(answer.locator("h3")), /^3 events on behalf of anyone with “grace” in their name/);
  assert.equal(await others.count(), 0);
  assert.match(await words(answer.locator("table")), /support-bot for Grace Hopper · tool\.call · refund/);
  // Someone who did nothing, and on whose behalf nobody acted.
  assert.equal(await (await ask(page, { who: "night", behalf: "" })).locator("[data-on-behalf]").count(), 0);
  // An agent in between is one on whose behalf another one acted.
  const planner = await ask(page, { who: "planner", behalf: "" });
  assert.match(await words(planner.locator("[data-on-behalf]")), /^And 3 events /);
  await (await ask(page, { who: "", behalf: "u_1" })).locator("table button").first().click();
  const drawer = page.locator("cs-drawer");
  await drawer.locator(".sentence").waitFor();
  assert.match(
    await words(drawer.locator(".sentence")),
    /agent support-bot for Grace Hopper \(u_1\) did tool\.call to tool refund \(crm\/refund\)\. Outcome: Success\.$/,
  );
  assert.match(await words(drawer.locator(".parsed")), /On behalf of user Grace Hopper u_1/);
});

test("ask: the program finds as many events by the same query", async (t) => {
  const page = await opened(t, people);
  for (const who of ["maria", "Ben", "maria.lopez@ex", "Lopez Maria", "*jones*", "U_1"]) {
    const answer = await ask(page, { who });
    const query = await words(answer.locator("code"));
    const found = Number(await answer.getAttribute("data-answered"));
    assert.ok(found > 0, who);
    const report = ["report", people.export, "--trust", people.trust ?? "", "--query", query];
    await promisify(execFile)(PROGRAM, [...report, "-o", "same.json"], { cwd: folder });
    const { scope } = JSON.parse(await readFile(join(folder, "same.json"), "utf8"));
    assert.equal(scope.events, found, query);
    await rm(join(folder, "same.json"));
  }
});

test("ask: nothing in the asked days says which names were searched, and what there is on other days", async (t) => {
  const page = await opened(t, people);
  const answer = await ask(page, { who: "maria", from: "1999-01-01", until: "1999-12-31" });
  assert.match(
    await words(answer.locator("h3")),
    /^There are no events by anyone with “maria” in their name, ID, type, or email address from 1999-01-01 to 1999-12-31\.$/,
  );
  const covered = answer.locator('[data-covered="who"] button');
  assert.deepEqual(await covered.allTextContents(), ["Maria Lopez (u_1)", "maria.jones@example.com"]);
  assert.equal(await answer.locator("[data-unknown]").count(), 0);
  await answer.locator('[data-any-day="3"] button').click();
  await page.locator('.ask-answer[data-answered="3"]').waitFor();
  assert.equal(await page.locator(".ask input[name=from]").inputValue(), "");
});

test("ask: a whole name is searched alone, and events of longer names can be included", async (t) => {
  const page = await opened(t, people);
  const part = await ask(page, { who: "u_" });
  assert.match(
    await words(part.locator("h3")),
    /^4 events by Maria Lopez \(u_1\), Ben \(u_3\) and Benno \(u_4\)/,
  );
  const whole = await ask(page, { who: "Ben" });
  assert.match(await words(whole.locator("h3")), /^1 event by Ben: it was denied\.$/);
  assert.equal(await whole.locator("[data-covered]").count(), 0);
  await whole.locator('[data-wider="1"] button').click();
  await page.locator('.ask-answer[data-answered="2"]').waitFor();
  assert.match(await words(whole.locator("h3")), /^2 events by Ben \(u_3\) and Benno \(u_4\)/);
});

test("ask: points out what was recorded late, and what was recorded in the days but states another time", async (t) => {
  const page = await opened(t, people);
  const answer = await ask(page, { who: "u_1" });
  assert.match(
    await words(answer.locator('[data-times="late"]')),
    /^1 event was recorded [\d,]+ days after the time that it states\./,
  );
  await answer.locator("tbody tr .ask-delay", { hasText: "later" }).waitFor();
  const today = new Date().toISOString().slice(0, 10);
  const since = await ask(page, { from: "2026-02-01" });
  assert.ok(today > "2026-02-01");
  assert.equal(await since.locator("[data-times]").count(), 0);
  const other = since.locator('[data-other-time="1"]');
  assert.match(await words(other), /^1 more event was recorded on these days, but states another time\./);
  await other.getByRole("button", { name: "Ask by time of recording" }).click();
  await page.locator('.ask-answer[data-answered="2"]').waitFor();
  await page.locator('.ask-answer [data-times="late"]').waitFor();
  const recorded = / recorded since 2026-02-01: .*; 1 of them states a time in these days\.$/;
  assert.match(await words(page.locator(".ask-answer h3")), recorded);
  const copy = await shown(
    t,
    "recorded.html",
    await downloaded(page, page.locator(".ask-answer"), "evidence"),
  );
  await copy.locator(".verdict").waitFor();
  assert.equal(await words(copy.locator("#filed-heading")), "What did u_1 do, as recorded since 2026-02-01?");
  assert.match(await words(copy.locator(".case-answer")), /; 1 of them states a time in these days\.$/);
  // No width breaks a line within a day.
  for (let width = 320; width <= 480; width += 20) {
    await copy.setViewportSize({ width, height: 800 });
    const lines = await copy.locator("#filed-heading .day").evaluate((day) => day.getClientRects().length);
    assert.equal(lines, 1, `${width}`);
  }
  await copy.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.match(
    await words(copy.locator(".printed .paper-words")),
    /as recorded since 2026-02-01.*; 1 of them states a time in these days\./,
  );
});

test("ask: paper has the notes on times that the screen has, of an answer and of any other search", async (t) => {
  const page = await opened(t, people);
  const late = /1 event was recorded [\d,]+ days after the time that it states\. Until an event is recorded/;
  const printed = async (page: Page) => {
    await page.evaluate(() => {
      window.print = () => void dispatchEvent(new Event("beforeprint"));
    });
    await page.getByRole("button", { name: "Print report" }).click();
    const paper = page.locator(".printed");
    await paper.waitFor({ state: "attached" });
    const [facts, events] = [".paper-words", ".paper-events"].map((part) => paper.locator(part));
    assert.ok(facts && events);
    const texts = [await words(facts), (await events.count()) === 0 ? "" : await words(events)] as const;
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    return texts;
  };
  assert.match(await words(page.locator('#panel-summary > [data-times="late"]')), late);
  const until = new Date().toISOString().slice(0, 10);
  const answer = await ask(page, { who: "u_1", from: "2026-01-01", until });
  const [facts, events] = await printed(page);
  assert.match(facts, /Answer2 events by Maria Lopez \(u_1\)|Answer ?2 events by u_1/);
  assert.match(facts, late);
  assert.match(facts, /Time: what each event states\./);
  assert.match(events, /days later/);
  assert.ok(!facts.includes("Ask by"), "paper has no buttons");
  const copy = await shown(t, "late.html", await downloaded(page, answer, "evidence"));
  await copy.locator(".verdict").waitFor();
  assert.match(await words(copy.locator('.filed [data-times="late"]')), late);
  const [filedFacts, filedEvents] = await printed(copy);
  assert.match(filedFacts, late);
  assert.match(filedFacts, /Time: what each event states\./);
  assert.match(filedEvents, /days later/);
  await open(page, "Events");
  const box = page.getByRole("combobox", { name: "Search events" });
  await box.fill("action:settings.update recorded-since:2026-02-01");
  await box.press("Enter");
  await page.locator(".notice").getByText("1 of").waitFor();
  await open(page, "Summary");
  const [searchFacts, searchEvents] = await printed(page);
  assert.match(searchFacts, late);
  assert.match(searchFacts, /Time: when each event was recorded/);
  assert.match(searchEvents, /days later/);
});

test("ask: evidence with all events says how many were recorded late, besides those of its answer", async (t) => {
  const page = await opened(t, people);
  const [late] = [await words(page.locator('#panel-summary > [data-times="late"]'))];
  assert.match(late, /^1 event was recorded [\d,]+ days after/);
  const ofAll = /Of the 5 events in this file, 1 was recorded more than a day after the time that it states/;
  for (const [name, fields] of [
    ["late-nothing", { who: "nobody", actions: "" }],
    ["late-others", { who: "", actions: "login" }],
  ] as const) {
    const answer = await ask(page, fields);
    await answer.locator("input[name=contain]").check();
    const copy = await shown(t, `${name}.html`, await downloaded(page, answer, "evidence"));
    await copy.locator(".verdict").waitFor();
    assert.match(await words(copy.locator('.filed [data-times-of-all="late"]')), ofAll);
    assert.equal(await words(copy.locator('#panel-summary > [data-times="late"]')), late);
    await copy.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.match(await words(copy.locator(".printed .paper-words")), ofAll);
    assert.equal(await words(copy.locator('.printed .paper > [data-times="late"]')), late);
  }
  // A file of only the selected events doesn't know of the others.
  const answer = page.locator(".ask-answer");
  await answer.locator("input[name=contain]").uncheck();
  const stated = await shown(t, "late-stated.html", await downloaded(page, answer, "evidence"));
  await stated.locator(".verdict").waitFor();
  assert.equal(await stated.locator("[data-times-of-all]").count(), 0);
});

test("ask: a filed nothing says what matches by another time, by another name, or on other days", async (t) => {
  const page = await opened(t, people);
  const days = { from: "2026-01-01", until: "2026-01-31" };
  await page.locator(".ask select[name=basis]").selectOption("recorded");
  const answer = await ask(page, { actions: "settings", ...days });
  const other = /^1 more event states a time on these days, but was recorded at another\./;
  const anyDay = /^On any day: 1 event\./;
  assert.match(await words(answer.locator("[data-other-time]")), other);
  assert.match(await words(answer.locator("[data-any-day]")), anyDay);
  const copy = await shown(t, "nothing-then.html", await downloaded(page, answer, "evidence"));
  await copy.locator(".verdict").waitFor();
  const filed = copy.locator(".filed");
  assert.match(await words(filed.locator(".case-answer")), /^The search selects none of 5 events\.$/);
  assert.match(await words(filed.locator("[data-other-time]")), other);
  assert.match(await words(filed.locator("[data-any-day]")), anyDay);
  assert.equal(await filed.locator(".ask-more button").count(), 0);
  await copy.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.match(
    await words(copy.locator(".printed .paper-words")),
    /recorded at another\..*On any day: 1 event\./,
  );
  // Without the other events, the file can't tell.
  await answer.locator("input[name=contain]").uncheck();
  const stated = await shown(t, "stated-then.html", await downloaded(page, answer, "evidence"));
  await stated.locator('.filed [data-other-time="elsewhere"]').waitFor();
  await stated.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.match(await words(stated.locator(".printed .paper-words")), /So it can’t tell how many others/);
  // Longer names, and agents.
  const longer = await shown(
    t,
    "longer.html",
    await downloaded(page, await ask(page, { who: "Ben", actions: "", from: "", until: "" }), "evidence"),
  );
  await longer.locator('.filed [data-wider="1"]').waitFor();
  const behalf = await opened(t, agents);
  const login = await ask(behalf, { who: "u_1", actions: "tool.call" });
  const agent = await shown(t, "agent.html", await downloaded(behalf, login, "evidence"));
  await agent.locator('.filed [data-on-behalf="3"]').waitFor();
});

test("ask: the events that the search can't tell about are a press away, from the answer and from its evidence", async (t) => {
  const page = await opened(t);
  const answer = await ask(page, { who: "nobody" });
  assert.match(
    await words(answer.locator('[data-doubt="unrecognized"]')),
    /^2 events state no actor.* Read them before you write that there are no others\.$/,
  );
  const file = await downloaded(page, answer, "evidence");
  const copy = await shown(t, "unrecognized.html", file);
  await copy.locator(".verdict").waitFor();
  await copy.locator(".filed .evidence-part > summary").first().click();
  assert.equal(await copy.locator(".filed button[name=unrecognized]").count(), 2);
  for (const one of [page, copy]) {
    const button = one.locator("button[name=unrecognized]").first();
    assert.equal(await button.getAttribute("aria-label"), "List 2 events on Events");
    await button.click();
    await one.locator(".notice").getByText("2 of 9").waitFor();
    const box = one.getByRole("combobox", { name: "Search events" });
    assert.equal(
      await box.inputValue(),
      "-has:as (-has:action OR -has:actor OR -has:occurred_at) OR time:unclear",
    );
  }
});

test("ask: events with a time that can’t be understood are no “nothing on these days”", async (t) => {
  const place = join(folder, "unclear");
  await mkdir(place);
  const unclear = { actor: { id: "u_1" }, action: "role.grant", occurred_at: "02.03.2026 9:00" };
  const page = await opened(t, await sealedLog(place, [...PEOPLE, unclear]));
  const answer = await ask(page, { actions: "role.grant", from: "2026-03-01", until: "2026-03-31" });
  assert.match(
    await words(answer.locator('[data-doubt="unrecognized"]')),
    /^1 event states no actor, no action, or no time in a form that the search knows\./,
  );
  await answer.locator("button[name=unrecognized]").click();
  await page.locator(".notice").getByText("1 of 6").waitFor();
});

test("ask: an event of the answer shows its changes, and opens with its details by mouse and keyboard", async (t) => {
  const page = await opened(t, people);
  const answer = await ask(page, { actions: "settings" });
  assert.equal(await words(answer.locator(".ask-changes li")), "retention_days: Before: 365 → After: 30");
  assert.match(
    await words(answer.locator("h3")),
    /^Maria Lopez changed Retention: retention_days 365 → 30\. 1 event with “settings” in the action: it succeeded\.$/,
  );
  await answer.getByRole("button", { name: /^Open entry/ }).press("Enter");
  const drawer = page.locator("cs-drawer", { hasText: "Retention" });
  await drawer.getByText("retention_days").first().waitFor();
  await page.keyboard.press("Escape");
  await open(page, "Summary");
  await answer.locator("tbody td").last().click();
  await drawer.getByText("retention_days").first().waitFor();
});

test("ask: suggests names, and a new question begins without the last one", async (t) => {
  const page = await opened(t, people);
  const form = page.locator(".ask form");
  await form.locator("input[name=who]").fill("mar");
  const names = page.locator("#ask-who-names option");
  await names.nth(1).waitFor({ state: "attached" });
  const suggested = await names.evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value));
  for (const name of ["Maria Lopez", "maria.jones@example.com"])
    assert.ok(suggested.includes(name), `${suggested}`);
  await ask(page, { who: "maria", from: "1999-01-01", until: "1999-12-31" });
  await form.getByRole("button", { name: "Clear" }).press("Enter");
  assert.equal(await page.locator(".ask-answer").count(), 0);
  for (const name of ["who", "from", "until"])
    assert.equal(await form.locator(`input[name=${name}]`).inputValue(), "", name);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "who");
  await open(page, "Events");
  assert.equal(await page.getByRole("combobox", { name: "Search events" }).inputValue(), "");
  await page.locator(".notice[data-filtered=false]").waitFor();
});

test("ask: doesn't change the numbers on the tabs", async (t) => {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(PAGE).href);
  await page
    .getByRole("button", { name: /sample/i })
    .first()
    .click();
  const tab = page.getByRole("tab", { name: /^Detections/ });
  await page.locator('.found-outcome:not([data-looks="waiting"])').waitFor({ state: "attached" });
  const before = await words(tab);
  assert.match(before, /[1-9]/);
  await ask(page, { who: "nobody-at-all" });
  await page.locator('.found-scope[data-scope="search"]').waitFor({ state: "attached" });
  assert.equal(await words(tab), before);
  assert.match((await tab.getAttribute("title")) ?? "", /, 0 of them about the events of the search/);
});

test("ask: refuses a question without fields, and one whose days are reversed", async (t) => {
  const page = await opened(t);
  const form = page.locator(".ask form");
  await form.getByRole("button", { name: "Ask" }).click();
  await page.locator("#ask-said", { hasText: "Fill in at least one field." }).waitFor();
  await form.locator("input[name=from]").fill("2026-11-20");
  await form.locator("input[name=until]").fill("2026-11-19");
  await form.getByRole("button", { name: "Ask" }).click();
  await page.locator("#ask-said", { hasText: "The first day is after the last." }).waitFor();
  assert.equal(await page.locator(".ask-answer").count(), 0);
});

test("ask: an answer of another search isn't shown", async (t) => {
  const page = await opened(t);
  await ask(page, { who: "u-2" });
  await open(page, "Events");
  await page.getByRole("combobox", { name: "Search events" }).fill("login");
  await page.getByRole("combobox", { name: "Search events" }).press("Enter");
  await page.locator(".notice").getByText("of 9 events").waitFor();
  await open(page, "Summary");
  await page.locator(".ask", { hasText: "is another one now. Ask again" }).waitFor();
  assert.equal(await page.locator(".ask-answer").count(), 0);
});

test("answer: what was saved is said where it was saved, until the trust file changes", async (t) => {
  const page = await opened(t, people);
  const answer = await ask(page, { who: "Ben" });
  await downloaded(page, answer, "evidence");
  const saved = page.locator(".ask .ask-saved");
  await saved.waitFor();
  assert.equal(await page.locator(".save-detections .ask-saved").count(), 0);
  // In a window as low as the form is high, the answer is on the screen after a press of Ask.
  await page.setViewportSize({ width: 1100, height: 500 });
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await choose(page, /Choose another trust file/, sealed.trust ?? "");
  await page.locator('.ask-answer:not([aria-busy="true"]) [data-doubt="untrusted"]').waitFor();
  assert.equal(await saved.count(), 0);
  assert.equal(await page.getByRole("button", { name: "Change", exact: true }).count(), 1);
  await page.evaluate(() => scrollTo(0, 0));
  await ask(page, { who: "Benno" });
  await page.waitForFunction(() => {
    const { top = -1, bottom = 0 } = document.querySelector("#ask-answer")?.getBoundingClientRect() ?? {};
    return top >= 0 && bottom <= innerHeight;
  });
  // A trust file that vouches for nothing here can be replaced beside the verdict.
  assert.equal(await page.locator("[data-trust-source]").count(), 0);
  const dialog = page.waitForEvent("filechooser");
  await page.locator(".verdict").getByRole("button", { name: "Choose another trust file" }).click();
  await (await dialog).setFiles(people.trust ?? "");
  await page.locator("[data-trust-source]", { hasText: "If it came with the log" }).waitFor();
  assert.equal(
    await page
      .locator(".verdict")
      .getByRole("button", { name: /trust file/ })
      .count(),
    0,
  );
});

test("answer: what was found is saved as evidence, a report, and an export", async (t) => {
  const page = await opened(t);
  const answer = await ask(page, { who: "u-2" });
  await answer.getByLabel("Reference").fill("WP-9");
  assert.equal(await answer.locator("input[name=contain]").isChecked(), true);
  assert.equal(
    await words(answer.locator("#ask-contents")),
    "Ticked: readers see all 9 events, of everybody, and check themselves that there are no others among them. Unticked: readers see only these 5 events, and must take your word that there are no others.",
  );
  await answer.locator("input[name=contain]").uncheck();
  const some = frameOf(await downloaded(page, answer, "evidence"));
  assert.deepEqual([some.query, some.slice.events, some.reference], ['actor=="u-2"', 5, "WP-9"]);
  assert.equal(JSON.parse(await downloaded(page, answer, "report")).scope.events, 5);
  assert.equal((await downloaded(page, answer, "slice")).match(/"event":/g)?.length, 5);
  await answer.locator("input[name=contain]").check();
  const all = await downloaded(page, answer, "evidence");
  assert.deepEqual([frameOf(all).scope.events, frameOf(all).slice], [5, null]);
  const copy = await shown(t, "all.html", all);
  await copy.locator('[data-vouched="contained"]').waitFor();
  await copy.locator(".filed tbody tr").nth(4).waitFor();
  assert.equal(await copy.locator(".filed tbody tr").count(), 5);
});

test("answer: its evidence counts outcomes and shows changes again, on screen and on paper", async (t) => {
  const page = await opened(t, people);
  const answer = await ask(page, { who: "u_1" });
  assert.match(await words(answer.locator("h3")), /: 1 succeeded, 1 failed\.$/);
  for (const contains of [false, true]) {
    await answer.locator("input[name=contain]").setChecked(contains);
    const name = `outcomes-${contains}.html`;
    const copy = await shown(t, name, await downloaded(page, answer, "evidence"));
    await copy.locator(".verdict").waitFor();
    assert.equal(
      await words(copy.locator(".case-answer")),
      "The search selects 2 of 5 events: 1 succeeded, 1 failed.",
    );
    assert.equal(
      await words(copy.locator(".filed .ask-changes li")),
      "retention_days: Before: 365 → After: 30",
    );
    assert.deepEqual(await violations(copy), []);
    await copy.evaluate(() => {
      window.print = () => void dispatchEvent(new Event("beforeprint"));
    });
    await copy.getByRole("button", { name: "Print report" }).click();
    const paper = copy.locator(".printed");
    await paper.waitFor({ state: "attached" });
    assert.match(await words(paper.locator(".paper-words")), /5 events: 1 succeeded, 1 failed\./);
    assert.match(await words(paper.locator(".paper-events")), /retention_days: Before: 365 → After: 30/);
    await copy.evaluate(() => dispatchEvent(new Event("afterprint")));
    // Another search on the page doesn't change the case.
    await open(copy, "Events");
    const box = copy.getByRole("combobox", { name: "Search events" });
    await box.fill("nothing-here");
    await box.press("Enter");
    await copy.locator(".notice").getByText("0 of").waitFor();
    assert.equal(await copy.locator(".filed tbody tr").count(), 2);
  }
});

test("answer: nothing is evidence that contains what was searched, and can't be forged", async (t) => {
  const page = await opened(t, sealed);
  const answer = await ask(page, { who: "nobody" });
  assert.match(await words(answer.locator("h3")), NOBODY);
  assert.equal(await answer.locator("input[name=contain]").isChecked(), true);
  await answer.getByLabel("Reference").fill("WP-9");
  const file = await downloaded(page, answer, "evidence");
  const { query, scope, slice, reference } = frameOf(file);
  assert.deepEqual(
    [query, scope.events, scope.examined, slice, reference],
    ["actor:*nobody*", 0, { events: 9, unrecognized: 0 }, null, "WP-9"],
  );
  const copy = await shown(t, "nothing.html", file);
  await copy.locator('[data-vouched="contained"]').waitFor();
  assert.match(await words(copy.locator(".case-answer")), /^The search selects none of 9 events\.$/);
  await copy.locator('[data-basis="searched"]').waitFor();
  assert.deepEqual(await violations(copy), []);
  assert.match(await words(copy.locator(".filed")), /Reference ?WP-9/);
  assert.match((await check("nothing.html")).text, /searched again, the query selects as many as stated/);
  for (const [name, from, to] of [
    ["another.html", `"query":"actor:*nobody*"`, String.raw`"query":"actor==\"u-2\""`],
    ["fewer.html", '"events":9,"unrecognized":0', '"events":8,"unrecognized":0'],
  ] as const) {
    const other = await shown(t, name, forged(file, from, to));
    assert.match(await words(other.locator('[data-filed="refused"]')), /evidence\.invalid/, name);
    const { code, text } = await check(name);
    assert.equal(code, 1, text);
    assert.match(text, /error\[evidence\.invalid\]/);
  }
});

test("answer: files of two answers that found nothing have different names", async (t) => {
  const page = await opened(t, sealed);
  const tags: string[] = [];
  for (const who of ["nobody", "no-one"]) {
    const answer = await ask(page, { who });
    const download = page.waitForEvent("download");
    await answer.locator("button[name=evidence]").click();
    const file = await download;
    const [, tag = ""] = /\.no-event-([0-9a-f]{8})\./.exec(file.suggestedFilename()) ?? [];
    assert.equal(tag, sha256(await readFile(await file.path(), "utf8")).slice(0, 8));
    assert.ok(file.suggestedFilename().includes(`.${who}.`));
    tags.push(tag);
  }
  assert.equal(new Set(tags).size, 2);
});

test("answer: an evidence file says whose keys it was checked with, and takes the reader's there", async (t) => {
  const page = await opened(t, sealed);
  const file = await downloaded(page, await ask(page, { who: "u-2" }), "evidence");
  const copy = await shown(t, "own-keys.html", file);
  await copy.locator(".verdict").waitFor();
  const heading = copy.locator("#trust-heading");
  await copy.getByRole("button", { name: "Change", exact: true }).click();
  assert.equal(await words(heading), "Keys that the file’s author trusts");
  const button = copy.locator(".filed").getByRole("button", { name: "Choose a trust file" });
  const dialog = copy.waitForEvent("filechooser");
  await button.press("Enter");
  await (await dialog).setFiles(people.trust ?? "");
  await copy.locator(".filed", { hasText: "checked with the keys that you trust" }).waitFor();
  assert.equal(await button.count(), 0);
  assert.equal(await words(heading), "Keys you trust");
});

test("answer: its author, not its reader, is who didn't trust a key", async (t) => {
  const page = await opened(t, { ...people, trust: sealed.trust });
  const answer = await ask(page, { who: "Ben" });
  await answer.locator("input[name=contain]").uncheck();
  const copy = await shown(t, "untrusted.html", await downloaded(page, answer, "evidence"));
  await copy
    .locator("[data-whole=untrusted]", { hasText: "but the author didn’t trust the signer’s key" })
    .waitFor();
  await copy.locator(".filed", { hasText: "No key that the author trusted signed these events" }).waitFor();
  assert.ok(!(await words(copy.locator(".filed"))).includes("you don’t trust"));
});

test("answer: without the events that were searched, it is the examiner's statement", async (t) => {
  const page = await opened(t);
  const answer = await ask(page, { who: "nobody" });
  await answer.locator("input[name=contain]").uncheck();
  await answer.getByText("Unticked: readers see no event, and must take your word").waitFor();
  const file = await downloaded(page, answer, "evidence");
  const { scope, slice } = frameOf(file);
  assert.deepEqual([scope.events, slice.events], [0, 0]);
  const copy = await shown(t, "stated.html", file);
  await copy.locator('[data-vouched="stated"]').waitFor();
  assert.equal(await copy.locator('[data-vouched="contained"]').count(), 0);
  assert.equal(
    await words(copy.locator(".filed-inside")),
    "The events in this evidence file: 0 events, of the 9 events in the export",
  );
  assert.match((await check("stated.html")).text, /is the examiner's statement/);
  const { export: source } = vector("log-two-chains");
  assert.match((await check("stated.html", source)).text, /the query selects 0 events/);
});

/** Presses a button of the answer, and returns the text of the file that it saves. */
async function downloaded(page: Page, answer: Locator, name: string): Promise<string> {
  const download = page.waitForEvent("download");
  await answer.locator(`button[name=${name}]`).click();
  return readFile(await (await download).path(), "utf8");
}
