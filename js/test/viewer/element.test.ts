/** The element with every kind of source, in every state, with the words of each verdict. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { caseNamed } from "../verify/cases.ts";
import { exportOf } from "../verify/inputs.ts";
import { sampleOf } from "./sample.ts";
import { Site } from "./site.ts";

const { text, trust, altered } = await sampleOf(120);
const site = await Site.start();
after(() => site.stop());
site.answers.set("/log.ndjson", text);
site.answers.set("/altered.ndjson", altered);
site.answers.set("/trust.txt", trust);
site.answers.set("/broken-trust.txt", "emitter nonsense\n");

const SRC = `<countersign-viewer src="/log.ndjson" trust="/trust.txt"></countersign-viewer>`;

test("element: shows verdict and rows of an address with a trust file, under the strictest policy", async () => {
  site.asked.length = 0;
  const { page, complaints, close } = await site.open(SRC);
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  assert.equal(
    await page.locator(".strip-body > p").first().textContent(),
    "Unchanged, in order, signed with keys you trust, and complete for the chains it contains.",
  );
  await page.locator(".notice", { hasText: "120 events" }).waitFor();
  await page.locator("cs-rows [role=row]").nth(5).waitFor();
  assert.deepEqual(complaints, []);
  assert.deepEqual(site.asked.sort(), ["/log.ndjson", "/trust.txt"]);
  await close();
});

test("element: names an unrelated trust file in the verdict and compares its keys with the signers", async () => {
  const key = "other.example/app+ff7837f9+AZ4V3Cw3to3QVQeanUIB3knY/lKwrap1b+dFfw3iXvdP";
  site.answers.set("/trust/strangers.txt", `emitter ${key}\n`);
  const { page, close } = await site.open(
    `<countersign-viewer src="/log.ndjson" trust="/trust/strangers.txt?v=2"></countersign-viewer>`,
  );
  await page.locator("[data-verdict=untrusted]").waitFor();
  await page
    .getByRole("heading", {
      name: "Unchanged since it was signed, but the only key in strangers.txt did not sign this file.",
    })
    .waitFor();
  assert.match(
    (await page.locator(".strip-body > p").first().textContent()) ?? "",
    /^The trust file names other\.example\/app; the file is signed by /,
  );
  assert.match((await page.locator("p.sr[role=status]").last().textContent()) ?? "", /the only key in strangers\.txt/);
  await page.locator(".strip-more > summary").click();
  const compared = page.locator(".trust-compared[data-trust=none] table");
  assert.equal(await compared.count(), 2);
  assert.match((await compared.nth(0).innerText()).replaceAll(/\s+/g, " "), /app emitter ff7837f9 did not sign/);
  await close();
});

test("element: accepts a file and the text of a trust file", async () => {
  const { page, close } = await site.open("<countersign-viewer></countersign-viewer>");
  await page.getByRole("heading", { name: "No file yet" }).waitFor();
  const reported = await page.evaluate(
    ([text, trust]) =>
      new Promise((resolve) => {
        const viewer = document.querySelector("countersign-viewer");
        if (viewer === null) {
          return;
        }
        document.addEventListener("countersign-report", (event) => {
          const { report, pin } = (event as CustomEvent).detail;
          resolve([report.verdict, pin]);
        });
        viewer.trustText = trust;
        viewer.file = new File([text as string], "weekly.countersign.ndjson");
      }),
    [text, trust],
  );
  assert.deepEqual(reported, ["verified", null]);
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  await close();
});

test("element: resets properties set to null or undefined", async () => {
  site.asked.length = 0;
  const { page, complaints, close } = await site.open("<countersign-viewer></countersign-viewer>");
  const give = (given: object, file?: string) =>
    page.evaluate(
      ([given, file]) => {
        const viewer = document.querySelector("countersign-viewer");
        Object.assign(viewer ?? {}, given, file === undefined ? {} : { file: new Blob([file]) });
      },
      [given, file] as const,
    );
  const none = { file: null, session: null, trustText: null, texts: null, pins: null, request: null };
  await give({ ...none, src: undefined, trust: undefined, rules: undefined, order: undefined });
  await page.getByRole("heading", { name: "No file yet" }).waitFor();
  await give({ trust: "/trust.txt" }, altered);
  await page.getByRole("heading", { name: /^Altered/ }).waitFor();
  await give({ src: "/log.ndjson", file: null });
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  await give({ src: undefined });
  await page.getByRole("heading", { name: "No file yet" }).waitFor();
  assert.deepEqual(complaints, []);
  assert.deepEqual(new Set(site.asked), new Set(["/log.ndjson", "/trust.txt"]));
  await close();
});

test("element: accepts pieces fed by a script", async () => {
  const { page, close } = await site.open(`<countersign-viewer trust="/trust.txt"></countersign-viewer>`);
  await page.evaluate(async (text) => {
    const viewer = document.querySelector("countersign-viewer");
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; at += 5000) {
      await viewer?.feed(bytes.subarray(at, at + 5000));
    }
    await viewer?.end();
  }, text);
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  await page.locator(".notice", { hasText: "120 events" }).waitFor();
  await close();
});

test("element: reads a compressed file, then an uncompressed one", async () => {
  const { page, complaints, close } = await site.open("<countersign-viewer></countersign-viewer>");
  await page.getByRole("heading", { name: "No file yet" }).waitFor();
  const requested: string[] = [];
  page.on("request", (request) => requested.push(new URL(request.url()).pathname));
  const loaded = () =>
    requested.filter((path) => /verifier\S*\.wasm$/.test(path)).map((path) => path.replace(/.*\//, ""));
  const give = (bytes: Uint8Array) =>
    page.evaluate(
      ([bytes, trust]) => {
        const viewer = document.querySelector("countersign-viewer");
        if (viewer !== null) {
          viewer.trustText = trust;
          viewer.file = new File([new Uint8Array(bytes)], "export");
        }
      },
      [[...bytes], trust] as const,
    );
  await give(gzipSync(text));
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  await page.locator(".notice", { hasText: "120 events" }).waitFor();
  assert.deepEqual(loaded(), ["verifier.wasm"]);
  await give(new TextEncoder().encode(altered));
  await page.getByRole("heading", { name: "Altered." }).waitFor();
  await page.locator(".notice", { hasText: "119 events" }).waitFor();
  assert.deepEqual(loaded(), ["verifier.wasm", "verifier-plain.wasm"]);
  assert.deepEqual(complaints, []);
  await close();
});

test("element: replaces the previous export", async () => {
  const { page, close } = await site.open(SRC);
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  await page.evaluate(() => document.querySelector("countersign-viewer")?.setAttribute("src", "/altered.ndjson"));
  await page.getByRole("heading", { name: "Altered." }).waitFor();
  await page.locator(".notice", { hasText: "119 events" }).waitFor();
  await close();
});

const WORDS = {
  "log-range-full": ["verified", "Verified.", "complete: all 15 entries of the log so far."],
  withheld: ["partial", "Unchanged, but only part of the log: 5 of 8 entries.", "is withheld"],
  "plain-no-trust": [
    "untrusted",
    "Unchanged since it was signed, but you don’t trust the signer’s key.",
    "Anyone could have made this",
  ],
  "log-no-checkpoint": ["not_checked", "Not fully checked.", "says nothing about whether the log was altered"],
  "log-took-a-fork": ["broken", "Broken.", "Entries are missing, repeated, malformed, out of order"],
  "checkpoint-of-no-leaves-alone": ["not_checked", "Nothing to check: the log was empty.", "says nothing"],
  "header-only": ["not_checked", "Nothing to check: the export has no entries.", "says nothing"],
  "log-range-beyond": [
    "broken",
    "Entries of the claimed range are missing.",
    "The export was truncated, entries were removed",
  ],
  "truncated-mid-line": [
    "broken",
    "The file is truncated or corrupt.",
    "Fetch the file again: its download was probably interrupted or is not finished. No alteration was found.",
  ],
  "quorum-missed": [
    "broken",
    "Too few witnesses.",
    "The cosignatures don’t meet the quorum of your trust file. No alteration was found",
  ],
  "log-flip-event": ["altered", "Altered.", "changed after signing"],
} as const;

for (const [name, [verdict, word, says]] of Object.entries(WORDS)) {
  test(`verdict: words of ${verdict} (${name}) match the report's checks and findings`, async () => {
    const { bytes, options, report } = caseNamed(name);
    const { findings } = report as { findings: { code: string }[] };
    site.answers.set("/case", bytes);
    site.answers.set("/case-trust", options.trust ?? "");
    const trusting = options.trust === undefined ? "" : `trust="/case-trust"`;
    const { page, complaints, close } = await site.open(
      `<countersign-viewer src="/case" ${trusting}></countersign-viewer>`,
    );
    const strip = page.locator("[data-verdict]");
    await strip.waitFor();
    assert.equal(await strip.getAttribute("data-verdict"), verdict);
    assert.equal(await strip.getByRole("heading", { level: 2 }).textContent(), word);
    assert.ok((await strip.locator(".strip-body > p").first().textContent())?.includes(says));
    await strip.locator(".strip-more > summary").click();
    assert.equal(await strip.locator("[data-check]").count(), 12);
    const areNotes = name === "withheld";
    assert.equal(await strip.getByRole("heading", { name: "Notes", exact: true }).count(), areNotes ? 1 : 0);
    assert.equal(await strip.getByRole("heading", { name: "Problems", exact: true }).count(), areNotes ? 0 : 1);
    const codes = await strip
      .locator(".finding-group")
      .evaluateAll((groups) => groups.map((group) => group.getAttribute("data-code")));
    assert.deepEqual(codes.sort(), [...new Set(findings.map(({ code }) => code))].sort());
    assert.deepEqual(complaints, []);
    await close();
  });
}

test("problem: leads to its event if that verified; unverified events are counted", async () => {
  const { page, close } = await site.open(`<countersign-viewer src="/altered.ndjson"></countersign-viewer>`);
  await page.locator(".strip-more > summary").click();
  await page.locator(".finding-group[data-code='payload.mismatch'] > summary").click();
  await page.getByText("1 event is not listed, because it was changed").waitFor();
  const showing = (code: string) =>
    page.locator(`[data-code='${code}']`).getByRole("button", { name: "Show event", includeHidden: true });
  assert.equal(await showing("payload.mismatch").count(), 0);
  assert.equal(await showing("key.unknown").count(), 0, "a chain's begin is no event");
  const goTo = (line: number) =>
    page.evaluate(
      (line) =>
        (document.querySelector("countersign-viewer") as unknown as { goTo(line: number): Promise<boolean> }).goTo(
          line,
        ),
      line,
    );
  assert.equal(await goTo(2), false);
  assert.equal(await page.locator("cs-drawer dialog[open]").count(), 0);
  assert.equal(await goTo(3), true);
  await page.getByRole("heading", { name: "Event on line 3" }).waitFor();
  await close();
});

test("problem: leads to its event whatever the search", async () => {
  const { bytes, options } = caseNamed("time-late");
  site.answers.set("/case", bytes);
  site.answers.set("/case-trust", options.trust ?? "");
  const { page, close } = await site.open(`<countersign-viewer src="/case" trust="/case-trust"></countersign-viewer>`);
  await page.locator("[data-verdict=verified]").waitFor();
  await page.getByRole("combobox", { name: "Search events" }).fill("action:nothing-is-like-this");
  await page.getByText("No events match.").waitFor();
  await page.locator(".strip-more > summary").click();
  await page.locator("[data-code='time.late'] > summary").click();
  await page.locator("[data-code='time.late']").getByRole("button", { name: "Show event" }).first().click();
  await page.getByRole("heading", { name: "Event on line 12" }).waitFor();
  assert.equal(await page.getByRole("combobox", { name: "Search events" }).inputValue(), "");
  await close();
});

test("proof: explains an event from the bytes read and verifies on its own", async () => {
  const { bytes, options } = caseNamed("time-late");
  site.answers.set("/case", bytes);
  site.answers.set("/case-trust", options.trust ?? "");
  const element = `<countersign-viewer src="/case" trust="/case-trust" fragment></countersign-viewer>`;
  const { page, complaints, close } = await site.open(element, { hash: "#line=8" });
  const drawer = page.locator("cs-drawer");
  await drawer.getByRole("button", { name: "Show the proof" }).click();
  await drawer.getByText("Result of the proof alone:").waitFor();
  const steps = drawer.locator(".steps > li");
  assert.equal(await steps.count(), 11);
  assert.equal(await steps.filter({ hasText: /\bPass\b/ }).count(), 11);
  await steps.filter({ hasText: "The log’s signature" }).waitFor();
  await steps.filter({ hasText: "From the entry to the root" }).waitFor();
  await drawer.locator(".proof-verdict", { hasText: "Unchanged, but this may be only part of the log." }).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    drawer.getByRole("button", { name: "Save the proof" }).click(),
  ]);
  site.answers.set("/proof", await readFile(await download.path()));
  await page.evaluate(() => document.querySelector("countersign-viewer")?.setAttribute("src", "/proof"));
  await page.locator("[data-verdict=partial]").waitFor();
  await page.locator(".notice", { hasText: "1 event" }).waitFor();
  assert.deepEqual(complaints, []);
  await close();
});

test("element: shows no verdict for an unreachable address and allows a retry", async () => {
  const { page, close } = await site.open(
    `<countersign-viewer src="/missing" trust="/trust.txt"></countersign-viewer>`,
  );
  await page.getByRole("heading", { name: "The file can’t be read" }).waitFor();
  await page.getByText("status 404").waitFor();
  await page.getByText("This is not a verdict").waitFor();
  assert.equal(await page.locator("cs-rows").count(), 0);
  site.answers.set("/missing", text);
  await page.getByRole("button", { name: "Check again" }).click();
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  site.answers.delete("/missing");
  await close();
});

test("element: rejects an invalid `file` with a hint", async () => {
  const { page, close } = await site.open("<countersign-viewer></countersign-viewer>");
  await page.getByRole("heading", { name: "No file yet" }).waitFor();
  await page.evaluate(() => {
    Object.assign(document.querySelector("countersign-viewer") ?? {}, { file: "log.ndjson" });
  });
  await page.getByRole("heading", { name: "The file can’t be read" }).waitFor();
  await page.getByText("Set `file` to a Blob or File").waitFor();
  await close();
});

for (const [file, says] of [
  ["/broken-trust.txt", "trust.invalid"],
  ["/no-trust.txt", "The trust file couldn’t be loaded: HTTP status 404"],
] as const) {
  test(`trust file: reports that it is unusable: ${file}`, async () => {
    const { page, close } = await site.open(
      `<countersign-viewer src="/log.ndjson" trust="${file}"></countersign-viewer>`,
    );
    await page.getByRole("heading", { name: "The trust file can’t be used" }).waitFor();
    await page.getByText(says).waitFor();
    await close();
  });
}

test("progress: shows the first failure immediately and can be stopped", async () => {
  const { bytes } = exportOf({ chains: 2, events: 3000 });
  const flipped = Buffer.from(bytes);
  flipped.write("job.upDate", flipped.indexOf("job.update"));
  let finish = () => {};
  site.answers.set("/slow", (_request, response) => {
    response.setHeader("content-length", flipped.length + 1);
    response.write(flipped);
    finish = () => response.end("\n");
  });
  const { page, close } = await site.open(`<countersign-viewer src="/slow"></countersign-viewer>`);
  await page.getByText("The first problem:").waitFor();
  const sentences = (await page.locator(".first-failure").innerText()).match(/was changed after it was signed/g);
  assert.equal(sentences?.length, 1, "the message doesn't repeat the title");
  await page.getByText("The event was changed after it was signed").waitFor();
  await page.getByText(/[km]B of .* MB/i).waitFor();
  assert.equal(await page.locator("[data-verdict]").count(), 0);
  await page.locator(".withdrawn", { hasText: "The rows shown before are withdrawn." }).waitFor();
  assert.equal(await page.locator("cs-rows").count(), 0);
  await page.getByRole("button", { name: "Cancel" }).press("Enter");
  await page.getByRole("heading", { name: "Canceled" }).waitFor();
  await page.locator("button:focus", { hasText: "Check again" }).waitFor();
  await page.getByText("nothing is shown as verified").waitFor();
  assert.equal(await page.locator("cs-rows").count(), 0);
  finish();
  await close();
});

test("bare: hides the strip", async () => {
  const { page, close } = await site.open(
    `<countersign-viewer src="/log.ndjson" trust="/trust.txt" bare></countersign-viewer>`,
  );
  await page.locator(".notice", { hasText: "120 events" }).waitFor();
  assert.equal(await page.locator("[part~=strip]").count(), 0);
  await close();
});

test("language: German by the element's or an ancestor's attribute", async () => {
  for (const element of [
    `<countersign-viewer src="/log.ndjson" trust="/trust.txt" lang="de"></countersign-viewer>`,
    `<div lang="de-AT">${SRC}</div>`,
  ]) {
    const { page, close } = await site.open(element);
    await page.getByRole("heading", { name: "Geprüft." }).waitFor();
    await page.locator(".notice", { hasText: "120 Ereignisse" }).waitFor();
    await page.getByRole("button", { name: "Exportieren" }).waitFor();
    await close();
  }
});

test("language: falls back to English if texts can't be loaded", async () => {
  const { page, close } = await site.visit("/");
  const request = page.waitForRequest("**/de.json");
  await page.route("**/de.json", (route) => route.abort());
  await page.evaluate(() => {
    const viewer = document.createElement("countersign-viewer");
    for (const [name, value] of Object.entries({ src: "/log.ndjson", trust: "/trust.txt", lang: "de" })) {
      viewer.setAttribute(name, value);
    }
    document.querySelector("main")?.append(viewer);
  });
  await request;
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  await close();
});

test("texts: overrides single texts and keeps the rest", async () => {
  const { page, close } = await site.open(SRC);
  await page.evaluate(() => {
    const viewer = document.querySelector("countersign-viewer") as HTMLElement & { texts: unknown };
    viewer.texts = { result: { verdicts: { verified: { word: "All well." } } }, save: { label: "Take along" } };
  });
  await page.getByRole("heading", { name: "All well." }).waitFor();
  await page.getByRole("button", { name: "Take along" }).waitFor();
  await page.locator(".strip-body > p", { hasText: "Unchanged, in order" }).waitFor();
  await close();
});

test("styles: the page's colors and parts apply", async () => {
  const { page, close } = await site.open(SRC);
  await page.locator("[data-verdict]").waitFor();
  const colors = await page.evaluate(() => {
    const viewer = document.querySelector("countersign-viewer");
    viewer?.style.setProperty("--countersign-good", "rgb(1, 2, 3)");
    const heading = viewer?.shadowRoot?.querySelector("[data-verdict] h2");
    return [heading && getComputedStyle(heading).color];
  });
  assert.deepEqual(colors, ["rgb(1, 2, 3)"]);
  await close();
});

test("element: stops when disconnected and restarts when connected again", async () => {
  const { page, complaints, close } = await site.open(SRC);
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  await page.evaluate(async () => {
    const viewer = document.querySelector("countersign-viewer") as HTMLElement;
    viewer.remove();
    await new Promise((resolve) => setTimeout(resolve));
    document.querySelector("main")?.append(viewer);
  });
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  await page.locator(".notice", { hasText: "120 events" }).waitFor();
  assert.deepEqual(complaints, []);
  await close();
});
