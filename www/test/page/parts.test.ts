import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, choose, launch, PAGE, saved, unfold, upload, verdict } from "./browser.ts";
import { recorded } from "./record.ts";
import { vector } from "./vectors.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const WHOLE = readFileSync(vector("large-whole").export, "utf8");
const EARLIER = `${WHOLE.split("\n").slice(0, 82).join("\n")}\n`.replace("[0,313]", "[0,80]");
const PART = readFileSync(vector("large-filter-by-content").export);
const OTHER = readFileSync(vector("log-two-chains").export);

async function opened(t: TestContext): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(PAGE).href);
  await choose(page, "Choose a trust file", vector("large-whole").trust ?? "");
  return page;
}

const words = async (page: Page, selector: string) =>
  ((await page.locator(selector).textContent()) ?? "").replace(/\s+/g, " ").trim();

test("parts: keep their own verdicts and are compared with each other", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a file", [
    upload("b.ndjson.gz", gzipSync(WHOLE)),
    upload("a.ndjson", EARLIER),
    upload("c.ndjson.zst", zstdCompressSync(PART)),
  ]);
  await page.locator(".parts").waitFor();
  assert.deepEqual(
    await page
      .locator(".part")
      .evaluateAll((parts) => parts.map((part) => part.textContent?.replace(/\s+/g, " ").trim())),
    [
      "a.ndjson Not fully checked. 80 entries",
      "b.ndjson.gz Verified. 313 entries",
      "c.ndjson.zst Unchanged, but only part of the log: 85 of 313 entries. 262 entries",
    ],
  );
  assert.match(
    await words(page, ".parts-verdicts"),
    /own verdict: 1 × Not fully checked; 1 × Verified; 1 × Unchanged/,
  );
  assert.match(
    await words(page, ".agree"),
    /They agree: from each to the next larger one, the log only grew/,
  );
  await page.getByText("Together they contain all 313 entries").waitFor();

  // Another part is shown.
  await page.getByRole("button", { name: /^b\.ndjson\.gz/ }).click();
  assert.equal(await verdict(page), "Verified.");
  assert.match(await words(page, ".file-facts .facts"), /b\.ndjson\.gz/);
  assert.equal(await page.locator(".part[aria-current]").count(), 1);
});

test("parts: an altered file doesn't keep apart the others, which agree", async (t) => {
  const page = await opened(t);
  const altered = WHOLE.replace('"action":"login"', '"action":"logon"');
  assert.notEqual(altered, WHOLE);
  await choose(page, "Choose a file", [
    upload("a.ndjson", WHOLE),
    upload("b.ndjson", altered),
    upload("c.ndjson", PART),
  ]);
  await page.locator(".parts").waitFor();
  const statements = await page.locator(".parts > .agree").allTextContents();
  assert.deepEqual(
    statements.map((text) => text.replace(/\s+/g, " ").trim()),
    [
      "These files don’t all agree. Compare two of them to see which entries differ.",
      "1 of 3 files fails its own checks. See the verdict of each.",
      "The other 2 files agree: they are of one log that only grew.",
    ],
  );
  const agreements = await page.locator(".part-agreement").allTextContents();
  assert.match(agreements.at(-1) ?? "", /compared with\s*a\.ndjson:\s*same log/);
  assert.match(agreements.join(), /1 entry differs, and b\.ndjson fails its own checks/);
});

test("parts: report exports that contradict each other as evidence", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose another trust file", vector("log-two-chains").trust ?? "");
  await choose(page, "Choose a file", [upload("one.ndjson", OTHER), upload("two.ndjson", WHOLE)]);
  await page.locator(".parts").waitFor();
  assert.match(await words(page, ".agree"), /They contradict each other/);
  assert.match(await words(page, "#announcement"), /They contradict each other/);
  await page.getByRole("button", { name: "Compare two of them" }).click();
  await page.locator('[data-agree="contradicts"]').waitFor();
  assert.doesNotMatch(await words(page, ".parts"), /Together they contain/);
  // Each file's own count; entries at one position aren't assumed to be the same.
  assert.deepEqual(await page.locator(".lane-of").allTextContents(), [
    "one.ndjson 9 events shown; it ends after 15 entries",
    "two.ndjson 301 events shown; it ends after 313 entries",
  ]);
  assert.match(await words(page, ".compare"), /uses positions only/);
  assert.doesNotMatch(await words(page, ".compare"), /Every event it shows/);
  // If both show an event at the same entry, the fields that differ have both values.
  const fields = page.locator(".changed-fields");
  await fields.waitFor();
  assert.match(
    (await fields.locator("h3").textContent()) ?? "",
    /^Different content at the same entry \d+ entries$/,
  );
  assert.ok((await fields.locator("tbody tr").count()) > 0);
  assert.doesNotMatch((await fields.textContent()) ?? "", /as signed/);
  assert.deepEqual(await violations(page), []);
  const { text } = await saved(page, "Save both checkpoints");
  assert.match(text, /# one\.ndjson\n\nlog\.example\/audit\n15\n/);
  assert.match(text, /# two\.ndjson\n\nlog\.example\/audit\n313\n/);
  // The printed report of either part shows it too.
  await page.emulateMedia({ media: "print" });
  await page.locator(".printed").waitFor();
  const papers = await page.locator(".paper").allTextContents();
  const compared = papers.shift() ?? "";
  assert.match(compared, /The two contradict each other\./);
  assert.match(compared, /Different content at the same entry/);
  assert.equal(papers.length, 2);
  for (const paper of papers) assert.match(paper, /compared with\s+(one|two)\.ndjson:\s+contradicts/);
});

test("compare: shows what one export has that the other hides, and how", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a file", upload("whole.ndjson", WHOLE));
  await page.locator(".verdict").waitFor();
  await choose(page, "Compare with another file", upload("part.ndjson", PART));
  await page.locator('[data-agree="same-state"]').waitFor();
  assert.match(
    await words(page, ".compare .difference >> nth=0"),
    /^In whole\.ndjson, but not in part\.ndjson/,
  );
  const hidden = page.locator(".compare .difference").first().locator("[data-hidden]");
  const counts = await hidden.evaluateAll((items) => {
    const sums: Record<string, number> = {};
    for (const item of items) {
      const [begin = 0, end = begin] = (item.firstElementChild?.textContent?.match(/[\d,]+/g) ?? []).map(
        (text) => Number(text.replaceAll(",", "")),
      );
      const as = item.getAttribute("data-hidden") ?? "";
      sums[as] = (sums[as] ?? 0) + end - begin + 1;
    }
    return sums;
  });
  assert.deepEqual(counts, { skipped: 51, withheld: 177 });
  assert.match(await words(page, ".compare .difference >> nth=1"), /Nothing\. Every event it shows/);

  const first = hidden.and(page.locator('[data-hidden="withheld"]')).first();
  const [leaf] = /\d+/.exec((await first.textContent()) ?? "") ?? [];
  await first.getByRole("button", { name: "Show" }).click();
  await page.locator("#cs-drawer-heading", { hasText: /Event on line/ }).waitFor();
  assert.match((await page.locator(".drawer").textContent()) ?? "", new RegExp(`Entry\\s*${leaf}\\b`));
});

/** The whole export with an event that was changed after it was signed. */
const CHANGED = WHOLE.replace('"action":"login"', '"action":"logon"');

test("compare: an altered file doesn't count as the log, whichever is given first", async (t) => {
  assert.notEqual(CHANGED, WHOLE);
  for (const names of [
    ["whole.ndjson", "changed.ndjson"],
    ["changed.ndjson", "whole.ndjson"],
  ] as const) {
    const page = await opened(t);
    const [one, other] = names.map((name) => upload(name, name === "whole.ndjson" ? WHOLE : CHANGED));
    await choose(page, "Choose a file", one ?? []);
    await page.locator(".verdict").waitFor();
    // Next steps offer it if the file is altered.
    const offered = page.locator('[data-next="compare"]');
    assert.equal(await offered.count(), names[0] === "changed.ndjson" ? 1 : 0);
    await choose(page, "Compare with another file", other ?? []);
    const compared = page.locator('.compare [data-agree="faulty"]');
    await compared.waitFor();
    assert.match(
      await words(page, ".compare [data-agree]"),
      /^The files don’t agree\. changed\.ndjson fails its own checks, so don’t rely on it\. .* Their tree hashes agree/,
    );
    const verdicts = await page.locator(".pair-verdict").allTextContents();
    const order = names.map((name) => (name === "whole.ndjson" ? "Verified." : "Altered."));
    assert.deepEqual(
      verdicts.map((text) => text.trim()),
      order,
    );
    assert.equal(await page.locator(".compare .agree .tone-good, .parts .agree.tone-good").count(), 0);
    assert.deepEqual(
      (await page.locator(".parts .agree").allTextContents()).map((text) => text.trim()),
      [
        "The two files don’t agree: 1 entry differs.",
        "1 of 2 files fails its own checks. See the verdict of each.",
      ],
    );
    assert.match(
      await words(page, ".part-agreement"),
      /doesn’t agree: 1 entry differs, and changed\.ndjson fails its own checks/,
    );
    assert.doesNotMatch(await words(page, ".parts"), /Together they contain|only grew|same log/);
    assert.doesNotMatch(await words(page, ".compare"), /Every event it shows|same history/);
    // The changed field has both values, and the file that verifies has the signed one.
    assert.match(await words(page, ".compare [data-verdict-of]"), /^whole\.ndjson: Verified\.$/);
    const fields = page.locator(".changed-fields");
    await fields.waitFor();
    assert.equal(await fields.count(), 1);
    assert.match(
      await words(page, ".changed-fields h3"),
      /^They differ in 1 entry: \d+: action is logon in changed\.ndjson, login as signed$/,
    );
    const [top, below] = await Promise.all([fields.boundingBox(), compared.boundingBox()]);
    assert.ok(top && below && top.y < below.y);
    assert.match(await words(page, ".changed-entry .section-head"), /recorded \d{4}-/);
    assert.match(
      await words(page, ".field-table thead"),
      /changed\.ndjson not as signed whole\.ndjson as signed$/,
    );
    assert.deepEqual(
      (await fields.locator("tbody tr").allTextContents()).map((row) => row.split(/\s+/).filter(Boolean)),
      [["action", "logon", "login"]],
    );
    // The lists don't repeat the event that was changed.
    assert.equal(await page.locator('.difference [data-hidden="failed"]').count(), 0);
    const difference = page.locator(".difference", { hasText: "In whole.ndjson, but not in changed.ndjson" });
    assert.match((await difference.textContent()) ?? "", /0 entries\s+Nothing else: the entries/);
    assert.deepEqual(await violations(page), []);
    // The verdict names its file, which isn't the only one.
    assert.equal(await words(page, ".verdict .verdict-file"), names[0]);
    await page.locator(".ask input[name=actions]").fill("login");
    await page.locator(".ask input[name=who]").press("Enter");
    assert.equal(await words(page, ".ask-answer .answer-file"), `In ${names[0]}:`);
    // The comparison above doesn't keep the answer out of view.
    await page.waitForFunction(() => {
      const { top = -1, bottom = 0 } = document.querySelector("#ask-answer")?.getBoundingClientRect() ?? {};
      return top >= 0 && bottom <= innerHeight;
    });
    // The keyboard alone leads to the event as it was signed.
    await fields.getByRole("button", { name: /^Show/ }).press("Enter");
    await page.locator("#cs-drawer-heading").waitFor();
    assert.equal(await verdict(page), "Verified.");
    assert.equal(await words(page, ".verdict.folded .verdict-file"), "whole.ndjson");
    await page.close();
  }
});

test("compare: an altered file is no proof that the log was rewritten", async (t) => {
  const lines = WHOLE.split("\n");
  // Two neighboring entries are exchanged, so that the tree is another one.
  const at = lines.findIndex(
    (line, nth) => nth > 20 && /"event"/.test(line) && /"event"/.test(lines[nth + 1] ?? ""),
  );
  const exchanged = lines.with(at, lines[at + 1] ?? "").with(at + 1, lines[at] ?? "");
  const page = await opened(t);
  await choose(page, "Choose a file", [upload("a.ndjson", WHOLE), upload("b.ndjson", exchanged.join("\n"))]);
  await page.locator(".parts").waitFor();
  await page.getByRole("button", { name: "Compare two of them" }).click();
  await page.locator('[data-agree="faulty"][data-relation="contradicts"]').waitFor();
  assert.match(await words(page, ".compare"), /no proof that the log was rewritten/);
  assert.doesNotMatch(await words(page, ".compare"), /The log operator showed different logs/);
  assert.equal(await page.getByRole("button", { name: "Save both checkpoints" }).count(), 0);
  // Nor is it a reason to doubt the other file.
  await page.getByRole("button", { name: /^a\.ndjson/ }).click();
  assert.equal(await verdict(page), "Verified.");
  assert.doesNotMatch(await words(page, ".verdict"), /contradicts this one/);
});

test("compare: two copies of an altered file aren't good because they are the same", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a file", [upload("a.ndjson", CHANGED), upload("b.ndjson", CHANGED)]);
  await page.locator(".parts").waitFor();
  await page.getByRole("button", { name: "Compare two of them" }).click();
  await page.locator('[data-agree="faulty"][data-relation="identical"]').waitFor();
  assert.match(
    await words(page, ".compare [data-agree]"),
    /Both files fail their own checks\. Don’t rely on either\./,
  );
  assert.match(await words(page, ".parts .agree"), /^2 of 2 files fail their own checks/);
  assert.equal(await page.locator(".compare .tone-good, .parts .tone-good").count(), 0);
});

test("compare: a truncated file isn't said to lack a trusted signature", async (t) => {
  const page = await opened(t);
  const half = WHOLE.slice(0, WHOLE.length >> 1);
  await choose(page, "Choose a file", [upload("whole.ndjson", WHOLE), upload("half.ndjson", half)]);
  await page.locator(".parts").waitFor();
  assert.match(await words(page, ".part-agreement"), /because half\.ndjson fails its own checks/);
  assert.doesNotMatch(await words(page, ".parts"), /key you trust/);
});

test("parts: a contradiction is shown beside exports of different logs", async (t) => {
  const page = await opened(t);
  const { exported } = await recorded(['{"action":"a"}']);
  await choose(page, "Choose another trust file", vector("log-two-chains").trust ?? "");
  await choose(page, "Choose a file", [
    upload("one.ndjson", OTHER),
    upload("two.ndjson", WHOLE),
    upload("three.ndjson", exported),
  ]);
  await page.locator(".parts").waitFor();
  assert.match(
    await words(page, ".agree >> nth=0"),
    /Two of them are from one log and contradict each other/,
  );
  assert.match(await words(page, ".agree >> nth=1"), /from 2 different logs/);
});

test("parts: an unreadable file isn't assigned to another log", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a file", [upload("one.ndjson", WHOLE), upload("two.ndjson", "<html>")]);
  await page.locator(".part-agreement", { hasText: "one of the two can’t be read" }).waitFor();
  assert.doesNotMatch(await words(page, ".agree"), /different logs/);
});

test("parts: exports of different logs aren't compared", async (t) => {
  const page = await opened(t);
  const { exported } = await recorded(['{"action":"a"}']);
  await choose(page, "Choose a file", [upload("one.ndjson", WHOLE), upload("two.ndjson", exported)]);
  await page.locator(".parts").getByText("These files are from 2 different logs").waitFor();
  await page.getByRole("button", { name: "Compare two of them" }).click();
  await page.locator('[data-agree="other-log"]').waitFor();
  assert.equal(await page.locator(".compare .difference").count(), 0);
});

test("parts: exports without checkpoints can't be compared", async (t) => {
  const page = await opened(t);
  const [one, two] = [await recorded(['{"action":"a"}']), await recorded(['{"action":"b"}'])];
  await choose(page, "Choose a file", [
    upload("one.ndjson", one.exported),
    upload("two.ndjson", two.exported),
  ]);
  await page.locator(".parts").waitFor();
  assert.match(await words(page, ".agree"), /there is no way to tell/);
  // The page states nothing about them together.
  assert.doesNotMatch(await words(page, ".parts"), /Together they contain/);
});

test("parts: a file given twice counts as one", async (t) => {
  const page = await opened(t);
  const { exported } = await recorded(['{"action":"a"}']);
  await choose(page, "Choose a file", [upload("one.ndjson", exported), upload("two.ndjson", exported)]);
  await page.locator(".parts").waitFor();
  assert.match(await words(page, ".agree"), /the same file, byte for byte/);
  assert.match(await words(page, ".part-agreement"), /compared with one\.ndjson: the same file/);
  await page.getByRole("button", { name: "Compare two of them" }).click();
  await page.locator('[data-agree="identical"]').waitFor();
  assert.equal(await page.locator(".compare .difference").count(), 0);
});

test("parts: the pieces of a file are joined", async (t) => {
  const page = await opened(t);
  const bytes = gzipSync(WHOLE);
  const third = Math.ceil(bytes.length / 3);
  const pieces = ["ab", "aa", "ac"].map((name, _, names) => {
    const place = [...names].sort().indexOf(name);
    return upload(`export.ndjson.gz.${name}`, bytes.subarray(place * third, (place + 1) * third));
  });
  await choose(page, "Choose a file", pieces);
  await page.locator(".verdict").waitFor();
  assert.equal(await verdict(page), "Verified.");
  assert.equal(await page.locator(".parts").count(), 0);
  await unfold(page);
  assert.match(await words(page, ".chosen-files"), /export\.ndjson\.gz .*joined from 3 files/);
});

test("parts: can be added and removed", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a file", upload("a.ndjson", EARLIER));
  await page.locator(".verdict").waitFor();
  await choose(page, "Add another part or a second file", upload("b.ndjson", WHOLE));
  await page.locator(".parts").waitFor();
  await unfold(page);
  await page.getByRole("button", { name: "Remove a.ndjson" }).click();
  await page.locator(".inputs:not(:has-text('a.ndjson'))", { hasText: "b.ndjson" }).waitFor();
  await page.locator(".verdict").waitFor();
  assert.equal(await page.locator(".parts").count(), 0);
});
