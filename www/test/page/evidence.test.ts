/**
 * Evidence files: created by the page, verified by the page in them and by another page, and rejected once
 * altered.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { inflateRawSync } from "node:zlib";
import type { Page } from "playwright-core";
import { type Browser, choose, launch, open, PAGE, saved, upload, verdict, verifyVector } from "./browser.ts";
import { comparable, vector } from "./vectors.ts";

const PROGRAM =
  process.env.COUNTERSIGN ?? fileURLToPath(new URL("../../../target/debug/countersign", import.meta.url));

let browser: Browser;
let folder: string;
before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), "countersign-evidence-"));
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

const MARK = '\n<script type="text/plain" id="countersign-evidence">\n';
const sha256 = (bytes: string | Buffer) => createHash("sha256").update(bytes).digest("hex");
const query = (page: Page) => page.getByRole("combobox", { name: "Search events" });

/** Returns the lines after the page, by their first word. */
function block(file: string): Record<string, string> {
  const lines = file.slice(file.indexOf(MARK) + MARK.length).split("\n");
  return Object.fromEntries(lines.map((line) => [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)]));
}

/** Returns the same file with another line and the matching checksum. */
function forged(file: string, change: (block: string) => string): string {
  const at = file.indexOf(MARK);
  const body = change(file.slice(at, file.lastIndexOf("\nsum ") + 1));
  return `${file.slice(0, at)}${body}sum ${sha256(body)}\n</script>\n`;
}

let made: Promise<string> | undefined;

/** An evidence file of some events of a log, created once. */
function evidence(): Promise<string> {
  made ??= (async () => {
    const page = await browser.context.newPage();
    await page.goto(pathToFileURL(PAGE).href);
    await verifyVector(page, vector("log-two-chains"));
    await open(page, "Events");
    await query(page).fill("action:login");
    await query(page).press("Enter");
    await page.locator(".notice").getByText("2 of 9 events").waitFor();
    await open(page, "Summary");
    await page.getByLabel("Reference").fill("WP-7 </script><script>alert(1)</script>");
    await page.getByLabel("Examiner").fill("Ada");
    const { name, text } = await saved(page, "Save as evidence");
    assert.match(
      name,
      /^export\.WP-7-script-script-alert-1-script\.login\.2-events\.\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.evidence\.html$/,
    );
    await page.close();
    return text;
  })();
  return made;
}

async function written(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return pathToFileURL(path).href;
}

test("evidence: begins with the page as it was built, byte for byte", async () => {
  const file = await evidence();
  const page = await readFile(PAGE, "utf8");
  assert.equal(sha256(file.slice(0, file.indexOf(MARK))), sha256(page));
  const { frame = "", export: events = "" } = block(file);
  assert.ok(!frame.includes("<"));
  const said = JSON.parse(frame);
  const slice = inflateRawSync(Buffer.from(events, "base64")).toString();
  assert.equal(slice.match(/"event":/g)?.length, 2);
  assert.equal(said.tool.sha256, sha256(page));
  assert.equal(said.slice.file.sha256, sha256(slice));
  assert.deepEqual([said.query, said.scope.events, said.examiner], ["action:login", 2, "Ada"]);
  assert.deepEqual(comparable(said.report), comparable(vector("log-two-chains").report as object));
});

test("evidence: equals the program's, except for the tool's name", async () => {
  const file = await evidence();
  const of = (text: string) => {
    const { frame = "", ...rest } = block(text);
    const { tool, ...said } = JSON.parse(frame);
    return { said, trust: rest.trust, export: rest.export, page: sha256(text.slice(0, text.indexOf(MARK))) };
  };
  const { time, reference } = of(file).said;
  const { export: source, trust = "" } = vector("log-two-chains");
  const path = join(folder, "program.html");
  const words = [
    "report",
    source,
    "--trust",
    trust,
    "--page",
    PAGE,
    "--query",
    "action:login",
    "--now",
    time,
  ];
  await promisify(execFile)(PROGRAM, [...words, "--reference", reference, "--examiner", "Ada", "-o", path]);
  assert.deepEqual(of(await readFile(path, "utf8")), of(file));
});

test("evidence: verifies itself from disk and runs nothing that was written into it", async (t) => {
  const page = await opened(t, await written("evidence.html", await evidence()));
  const alerts: string[] = [];
  page.on("dialog", (dialog) => {
    alerts.push(dialog.message());
    void dialog.dismiss();
  });
  const filed = page.locator('[data-filed="open"]');
  await filed.waitFor();
  assert.match((await filed.textContent()) ?? "", /just checked what is in the file.*2 events/s);
  assert.match((await filed.textContent()) ?? "", /copy of the page in the file/);
  assert.ok(((await filed.textContent()) ?? "").includes("WP-7 </script><script>alert(1)</script>"));
  await page.locator(".verdict").waitFor();
  assert.match(await verdict(page), /^Unchanged|^Verified/);
  assert.match((await page.locator("[data-answer=signed]").textContent()) ?? "", /By keys its author trusts/);
  assert.deepEqual(alerts, []);
});

test("evidence: shows its verdict, and prints everything its author says", async (t) => {
  const { export: source, trust = "" } = vector("log-two-chains");
  const [notes, path] = [join(folder, "notes.md"), join(folder, "noted.html")];
  await writeFile(notes, "# What we looked at\n\nEvery login of the week.\n");
  const words = ["--page", PAGE, "--section", notes, "--reference", "WP-9", "--examiner", "L. Brandt"];
  await promisify(execFile)(PROGRAM, ["report", source, "--trust", trust, ...words, "-o", path]);
  const page = await opened(t, pathToFileURL(path).href);
  for (const [width, height] of [
    [1280, 800],
    [390, 844],
  ] as const) {
    await page.setViewportSize({ width, height });
    const box = await page.locator(".case-facts").getByText("Verified.").boundingBox();
    assert.ok(box !== null && box.y + box.height < height, `${width}: ${box?.y}`);
  }
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  const paper = page.locator(".printed");
  await paper.waitFor({ state: "attached" });
  for (const text of ["WP-9", "L. Brandt", "What we looked at", "Every login of the week."])
    assert.ok(((await paper.textContent()) ?? "").includes(text), text);
});

test("evidence: says what its numbers count, and where its pin is from", async (t) => {
  const { export: source, trust = "" } = vector("large-whole");
  const [pin, sliced] = [join(folder, "log.pin"), join(folder, "pinned.html")];
  await promisify(execFile)(PROGRAM, ["verify", source, "--trust", trust, "--save-pin", pin]);
  const words = ["--page", PAGE, "--pin", pin, "--query", "action:login"];
  await promisify(execFile)(PROGRAM, ["report", source, "--trust", trust, ...words, "-o", sliced]);
  const page = await opened(t, pathToFileURL(sliced).href);
  await page.locator(".verdict").waitFor();
  const kept = (await page.locator("countersign-keep").textContent()) ?? "";
  assert.match(kept, /the pin in the evidence file/);
  assert.match(kept, /Save pin from the evidence file/);
  assert.doesNotMatch(kept, /pasted/);
  const [, here = ""] = /(\d+) of 313 entries/.exec(await verdict(page)) ?? [];
  const facts = (await page.locator(".file-facts").textContent()) ?? "";
  assert.match(facts, new RegExp(`events in \\d+ chains?, \\d+ entries, ${here} of them shown`));

  const altered = join(folder, "altered.ndjson");
  const whole = await readFile(source, "utf8");
  await writeFile(altered, whole.replace('"action":"login"', '"action":"logon"'));
  const path = join(folder, "altered.html");
  const made = promisify(execFile)(PROGRAM, [
    "report",
    altered,
    "--trust",
    trust,
    "--page",
    PAGE,
    "-o",
    path,
  ]);
  await assert.rejects(made, { code: 1 });
  await page.goto(pathToFileURL(path).href);
  await page.locator(".verdict").waitFor();
  assert.match(
    (await page.locator(".case-answer").textContent()) ?? "",
    /^All events of the export that verify: 300 of 301 events$/,
  );
});

test("print: shows times of events, runs of withheld ones, and unbroken figures", async (t) => {
  const run = async (...words: string[]) =>
    (await promisify(execFile)(PROGRAM, words, { cwd: folder })).stdout;
  const vkey = await run("keygen", "example.com/app", "--out", "app.key");
  const events = Array.from({ length: 9 }, (_, nth) => ({
    action: nth % 4 === 0 ? "role.grant" : "session.login",
    actor: { id: `u_${nth}` },
    occurred_at: `2026-03-0${nth + 1}T10:00:00.000Z`,
  }));
  await writeFile(
    join(folder, "events.ndjson"),
    events.map((event) => `${JSON.stringify(event)}\n`).join(""),
  );
  await writeFile(join(folder, "app.trust.txt"), `emitter ${vkey}`);
  const table =
    "| input | low | source |\n| --- | ---: | --- |\n| loss | 1,234,567 | Counsel, who says that at some length |\n";
  await writeFile(join(folder, "money.md"), `# Exposure\n\n${table}`);
  await run("record", "events.ndjson", "--key", "app.key", "--origin", "log.example/a", "-o", "app.ndjson");
  const words = ["--query", "action:role.grant", "--section", "money.md", "--page", PAGE, "-o", "paper.html"];
  await run("report", "app.ndjson", "--trust", "app.trust.txt", ...words);
  const page = await opened(t, pathToFileURL(join(folder, "paper.html")).href);
  await page.locator(".verdict").waitFor();
  // The button loads the events before it prints.
  await page.evaluate(() => {
    window.print = () => void dispatchEvent(new Event("beforeprint"));
  });
  await page.getByRole("button", { name: "Print report" }).click();
  await page.locator(".printed .paper-events td").first().waitFor({ state: "attached" });
  await page.emulateMedia({ media: "print" });
  const paper = (await page.locator(".printed").textContent()) ?? "";
  assert.match(paper, /2026-03-05 10:00:00\.000Z/);
  assert.match(paper, /entries \d+ to \d+, \d+ to \d+/);
  assert.match(paper, /By keys its author trusts/);
  const lines = await page
    .locator(".printed td", { hasText: "1,234,567" })
    .evaluate((cell) => getComputedStyle(cell).whiteSpace);
  assert.equal(lines, "nowrap");
});

test("evidence: an altered file shows none of its content and says why", async (t) => {
  const file = await evidence();
  const turned = (line: string) => (text: string) => {
    const at = text.indexOf(`\n${line} `) + line.length + 60;
    return `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
  };
  for (const [name, text] of [
    ["data", turned("export")(file)],
    ["trust", turned("trust")(file)],
    ["forged-data", forged(file, turned("export"))],
    ["forged-trust", forged(file, turned("trust"))],
    [
      "report",
      forged(file, (text) =>
        text.replace('"verdict":"partial"', '"verdict":"verified"').replace('"lines":', '"lines":1'),
      ),
    ],
    ["doubled", file + file.slice(file.indexOf(MARK))],
    ["cut", file.slice(0, -200)],
  ] as const) {
    const page = await opened(t, await written(`${name}.html`, text));
    const refused = page.locator('[data-filed="refused"]');
    await refused.waitFor();
    assert.match((await refused.textContent()) ?? "", /doesn’t verify.*evidence\.invalid/s, name);
    assert.ok(((await refused.locator(".hint").textContent()) ?? "").length > 20, name);
    assert.equal(await page.locator(".verdict, countersign-viewer").count(), 0, name);
    await page.close();
  }
});

test("evidence: another page verifies it and says if its page is the same", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a file", upload("evidence.html", await evidence()));
  await page.locator('[data-filed="open"] [data-page="own"]').waitFor();
  await page.locator(".verdict").waitFor();
  await choose(
    page,
    "Choose another file",
    upload("evidence.html", (await evidence()).replace("<title>", "<title>Trust me: ")),
  );
  await page.locator('[data-filed="open"] [data-page="other"]').waitFor();
  // Its trust file is removed with it.
  await choose(page, "Choose another file", vector("plain-closed").export);
  await page.locator(".verdict.tone-doubt").waitFor();
  assert.equal(await page.locator(".filed").count(), 0);
});

test("evidence: is checked alone, and no file given with it is lost without a word", async (t) => {
  const page = await opened(t);
  const complaint = page.locator(".complaint-line", { hasText: "checked alone" });
  const { export: source, trust = "" } = vector("log-two-chains");
  const files = [
    upload("one.evidence.html", await evidence()),
    upload("audit.ndjson", await readFile(source)),
  ];
  await choose(page, "Choose a file", files);
  await complaint.waitFor();
  assert.match((await complaint.textContent()) ?? "", /^\s*one\.evidence\.html: not opened/);
  assert.match(
    (await complaint.textContent()) ?? "",
    /run: countersign report --check one\.evidence\.html audit\.ndjson --trust trust\.txt\s*$/,
  );
  await page.locator(".verdict").waitFor();
  assert.equal(await page.locator(".filed").count(), 0);
  // The first of two is opened.
  const two = [upload("one.evidence.html", await evidence()), upload("two.evidence.html", await evidence())];
  await choose(page, "Choose another file", two);
  await page.locator('[data-filed="open"]').waitFor();
  assert.match((await complaint.textContent()) ?? "", /^\s*two\.evidence\.html: not opened/);
  // The reader's trust file comes with it, and nothing is complained about.
  const mine = upload("mine.txt", await readFile(trust));
  await choose(page, "Choose another file", [upload("one.evidence.html", await evidence()), mine]);
  await page.locator(".inputs", { hasText: "mine.txt" }).waitFor();
  await page.locator(".verdict").waitFor();
  assert.equal((await page.locator(".complaint-line").first().textContent())?.trim(), "");
});

test("evidence: its events are checked with the reader's keys once another file is added", async (t) => {
  const page = await opened(t);
  const { export: source, trust = "" } = vector("log-two-chains");
  await choose(page, "Choose a file", upload("one.evidence.html", await evidence()));
  await page.locator("[data-answer=signed]", { hasText: "By keys its author trusts" }).waitFor();
  await choose(page, "Compare with another file", source);
  await page.locator(".parts").waitFor();
  const complaint = page.locator(".complaint-line").first();
  assert.match((await complaint.textContent()) ?? "", /one\.evidence\.html: closed\./);
  assert.match(await verdict(page), /you don’t trust the signer’s key/);
  assert.doesNotMatch((await page.locator("main").textContent()) ?? "", /those that its author trusts/);
  await choose(page, "Choose a trust file", trust);
  await page.locator("[data-answer=signed]", { hasText: "By keys you trust" }).waitFor();
});

test("evidence: with other line ends, it is refused as evidence, and not taken for a login page", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a file", upload("crlf.html", (await evidence()).replaceAll("\n", "\r\n")));
  await page.locator('[data-filed="refused"]').waitFor();
});

test("files: an empty file beside others is named, and is no part", async (t) => {
  const page = await opened(t);
  const { export: source } = vector("log-two-chains");
  const files = [upload("audit.ndjson", await readFile(source)), upload("trust.txt", "")];
  await choose(page, "Choose a file", files);
  await page.locator(".verdict").waitFor();
  assert.equal(await page.locator(".parts").count(), 0);
  assert.match(
    (await page.locator(".complaint-line").first().textContent()) ?? "",
    /trust\.txt: not used, because it is empty/,
  );
});

test("evidence: states what the verdict of the full export depends on", async (t) => {
  for (const [name, says] of [
    [
      "log-range-beyond",
      /What the author’s tool reported about the full export: Entries of the claimed range are missing.* No alteration was found/,
    ],
    [
      "log-key-id-flip",
      /What the author’s tool reported about the full export: Unchanged.* No key that you trust signed the log’s last checkpoint/,
    ],
  ] as const) {
    const vectors = fileURLToPath(new URL("../../../tests/vectors/", import.meta.url));
    const path = join(folder, `${name}.html`);
    const given = [join(vectors, name, "export.ndjson"), "--trust", join(vectors, name, "trust.txt")];
    await promisify(execFile)(PROGRAM, [
      "report",
      ...given,
      "--query",
      "action:login",
      "--page",
      PAGE,
      "-o",
      path,
    ]).catch(({ stderr }: { stderr: string }) => assert.match(stderr, /evidence/, stderr));
    const page = await opened(t, pathToFileURL(path).href);
    const text = (await page.locator('[data-filed="open"]').textContent()) ?? "";
    assert.match(text.replaceAll(/\s+/g, " "), says);
    await page.close();
  }
});

test("notes: stay with the file on this device and go into the evidence", async (t) => {
  // A script that writes to the storage before the page does hides what was there.
  const device = await launch({ remembers: true });
  t.after(() => device.close());
  const page = await device.context.newPage();
  await page.goto(pathToFileURL(PAGE).href);
  await verifyVector(page, vector("log-two-chains"));
  await page.locator("#sha256").waitFor({ state: "attached" });
  await page.getByText("Ticks, flags and notes").click();
  await page.getByRole("button", { name: "Show the events" }).click();
  const row = page.locator("tr[data-entry]").nth(1);
  const entry = Number(await row.getAttribute("data-entry"));
  await row.getByRole("checkbox").first().check();
  await row.locator('input[name="comment"]').fill("seen in the ticket");
  await row.locator('input[name="comment"]').blur();
  await page.reload();
  await verifyVector(page, vector("log-two-chains"));
  await page.locator("#sha256").waitFor({ state: "attached" });
  await page.getByText("Ticks, flags and notes").click();
  await page.getByRole("button", { name: "Show the events" }).click();
  const again = page.locator(`tr[data-entry="${entry}"]`);
  assert.equal(await again.locator('input[name="comment"]').inputValue(), "seen in the ticket");
  const { text } = await saved(page, "Download report");
  assert.deepEqual(JSON.parse(text).papers, [
    { entry, ticked: true, flagged: false, comment: "seen in the ticket" },
  ]);
});

test("evidence: a file without events offers none, but its report can be saved", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a file", upload("empty.ndjson", ""));
  await page.locator(".verdict").waitFor();
  assert.equal(await page.getByRole("button", { name: "Save as evidence" }).isVisible(), false);
  const { text } = await saved(page, "Download report");
  assert.equal(JSON.parse(text).report.verdict, "not_checked");
});

test("sample: is drawn reproducibly and is what gets saved", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("log-two-chains"));
  await page.getByText("Draw a sample for testing").click();
  await page.getByLabel("How many").fill("3");
  await page.getByLabel("Seed").fill("2026-Q4");
  await page.getByRole("button", { name: "Draw", exact: true }).click();
  await page.locator("#sample").waitFor();
  await page.locator("tr[data-entry]").nth(2).waitFor();
  assert.equal(await page.locator("tr[data-entry]").count(), 3);
  await page.getByText("--sample 3 --seed 2026-Q4").waitFor();
  const { text } = await saved(page, "Save as evidence");
  const evidence = JSON.parse(block(text).frame ?? "");
  const { root, seed, entries, candidates } = evidence.scope.sample;
  const draw = (entry: number) => {
    const number = (value: number) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(value));
      return bytes;
    };
    const parts = [Buffer.from("countersign/sample/v1\n"), Buffer.from(root, "base64")];
    return sha256(Buffer.concat([...parts, number(seed.length), Buffer.from(seed), number(entry)]));
  };
  const draws = entries.map(draw);
  assert.deepEqual(draws, [...draws].sort());
  assert.deepEqual([candidates, evidence.slice.events], [9, 3]);
  assert.match(
    (await page.locator(".file-facts").textContent()) ?? "",
    /9 events in 2 chains, 15 entries\s+6 of the entries here aren’t events: they start or end chains, or are about keys\./,
  );
  // Everything that is saved and printed is about the sample, and says how it was drawn.
  assert.match(
    (await page.locator("#keep-selection").textContent()) ?? "",
    /Events in report and print:\s+A sample of 3 events, drawn from:\s+All 9 events/,
  );
  const unrequired = /drawn by\s+the last checkpoint \(the trust file requires no witnesses\)/;
  assert.match((await page.locator("#sample").textContent()) ?? "", unrequired);
  const copy = await opened(t, await written("sample.html", text));
  await copy.locator(".verdict").waitFor();
  assert.equal(
    await copy.locator("#filed-heading").textContent(),
    "What does a sample of this export contain?",
  );
  assert.equal(await copy.locator(".case-answer").textContent(), "A sample was drawn: 3 of 9 events");
  assert.equal(await copy.locator("[data-seed]").textContent(), "Seed: 2026-Q4");
  await copy.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.match((await copy.locator(".printed .paper-words").textContent()) ?? "", unrequired);
});

test("sample: says that witnesses didn't sign its checkpoint if the trust file requires them", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("quorum-same-witness-twice"));
  await page.getByText("Draw a sample for testing").click();
  await page.getByLabel("How many").fill("1");
  await page.getByLabel("Seed").fill("2026-Q4");
  await page.getByRole("button", { name: "Draw", exact: true }).click();
  assert.match(
    (await page.locator("#sample").textContent()) ?? "",
    /the last checkpoint, which the quorum of witnesses didn’t sign/,
  );
});
