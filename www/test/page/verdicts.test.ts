import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import {
  type Browser,
  choose,
  launch,
  open,
  saved,
  serve,
  upload,
  verdict,
  verifyVector,
} from "./browser.ts";
import { comparable, vector } from "./vectors.ts";

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

async function opened(): Promise<Page> {
  const page = await browser.context.newPage();
  await page.goto(server.address);
  return page;
}

const WORDS = {
  altered: "Altered.",
  broken: "Broken.",
  not_checked: "Not fully checked.",
  untrusted: "Unchanged since it was signed, but trust.txt doesn’t vouch for all signers.",
  partial: /^Unchanged, but only part of the log: \d+ of \d+ entries\.$/,
  verified: "Verified.",
};

const CASES: [keyof typeof WORDS, string][] = [
  ["altered", "flip-event"],
  ["broken", "fork"],
  ["not_checked", "alone-unsigned-tail"],
  ["untrusted", "key-granted-too-late"],
  ["partial", "filter-one-chain"],
  ["verified", "large-whole"],
  ["verified", "gzip"],
  ["verified", "pin-same"],
  ["not_checked", "pin-after-last-checkpoint"],
];

for (const [expected, name] of CASES) {
  test(`verdict: ${name} is ${expected}, as its report says`, async () => {
    const page = await opened();
    const { report, ...given } = vector(name);
    const wanted = report as {
      checks: Record<string, { state: string; checked: number; failed: number }>;
      finding_counts: Record<string, number>;
      signers: { vkey: string; trust: string }[];
      counts: { events: number };
      verdict: string;
    };
    await verifyVector(page, { ...given, report });

    assert.equal(wanted.verdict, expected);
    const words = WORDS[expected];
    if (typeof words === "string") assert.equal(await verdict(page), words);
    else assert.match(await verdict(page), words);
    assert.equal(await page.locator(".verdict-mark svg").count(), 1);
    assert.ok((await page.locator(".not li").count()) > 0);

    const checks = await page
      .locator("[data-check]")
      .evaluateAll((rows) =>
        rows.map(
          (row) =>
            [row.getAttribute("data-check"), row.getAttribute("data-state"), row.textContent ?? ""] as const,
        ),
      );
    assert.deepEqual(
      checks.map(([check, state]) => [check, state]),
      Object.entries(wanted.checks).map(([check, { state }]) => [check, state]),
    );
    for (const [check, , text] of checks) {
      const { checked, failed } = wanted.checks[check ?? ""] ?? { checked: 0, failed: 0 };
      if (failed > 0)
        assert.match(text, new RegExp(`${failed} of ${checked.toLocaleString("en-GB")} `), check ?? "");
      else if (checked > 0)
        assert.match(text, new RegExp(`\\b${checked.toLocaleString("en-GB")} `), check ?? "");
    }

    const codes = await page
      .locator("[data-code]")
      .evaluateAll((groups) => groups.map((group) => group.getAttribute("data-code")));
    assert.deepEqual([...codes].sort(), Object.keys(wanted.finding_counts).sort());

    const signers = await page
      .locator(".signers > li")
      .evaluateAll((items) =>
        items.map((item) => [
          item.querySelector(".facts .vkey")?.textContent?.trim(),
          item.getAttribute("data-trust"),
        ]),
      );
    assert.deepEqual(
      signers,
      wanted.signers.map(({ vkey, trust }) => [vkey, trust]),
    );

    const { name: file, text } = await saved(page, "Download report");
    const fault = expected === "altered" || expected === "broken" ? `-of-${expected}-file` : "";
    assert.match(file, new RegExp(`^export\\.all-\\d+-events${fault}\\.[0-9TZ-]+\\.report\\.json$`));
    assert.deepEqual(comparable(JSON.parse(text).report), comparable(report));
    await page.close();
  });
}

const NO_EXPORTS: [string, string, string, RegExp][] = [
  ["image.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "format.header", /binary file/],
  ["empty.ndjson", "", "format.header", /empty/],
  ["login.html", "<!doctype html>\n<title>Log in</title>\n", "format.header", /login/],
  ["events.json", '[{"action":"a"}]', "format.header", /JSON array/],
  [
    "audit.zip",
    "PK\x03\x04\x14\0\0\0\b\0",
    "format.header",
    /Unpack the file .* it seems to be a ZIP archive/,
  ],
];

for (const [name, content, code, hint] of NO_EXPORTS) {
  test(`verdict: ${name} is reported as not an export, without blame`, async () => {
    const page = await opened();
    await choose(page, /Choose a(nother)? file/, upload(name, Buffer.from(content, "latin1")));
    await page.locator(".verdict").waitFor();
    assert.equal(await verdict(page), "Not a countersign export, or its header is corrupt.");
    assert.match((await page.locator(".verdict .says").textContent()) ?? "", hint);
    const text = (await page.locator("main").textContent()) ?? "";
    assert.doesNotMatch(text, /does not match what was signed|Causes range/i);
    assert.equal(await page.locator(`[data-code="${code}"]`).count(), 1);
    assert.equal(await page.locator(".tone-bad").count(), 0);
    await page.close();
  });
}

test("verdict: an export with too large a window must be compressed again", async () => {
  const page = await opened();
  await verifyVector(page, vector("zstd-window"));
  assert.equal(await verdict(page), "Unsupported compression.");
  assert.match(
    (await page.locator("main").textContent()) ?? "",
    /compress the export again with a smaller window/i,
  );
  assert.equal(await page.locator(".tone-bad").count(), 0);
  await page.close();
});

test("verdict: a complete range is named with its last entry", async () => {
  const page = await opened();
  await verifyVector(page, vector("large-whole"));
  assert.match(
    (await page.locator(".says").textContent()) ?? "",
    /complete: all 313 entries of the log so far\.$/,
  );
  await page.close();
});

test("answers: whole chains aren’t called the whole log", async () => {
  const page = await opened();
  const answer = (name: string) => page.locator(`[data-answer="${name}"]`);
  const words = async (name: string) =>
    ((await answer(name).textContent()) ?? "").replaceAll(/\s+/g, " ").trim();
  await verifyVector(page, vector("plain-closed"));
  assert.match(
    await words("complete"),
    /For its chains All .* of the chains in this file, .*; nothing is missing in between\. Nothing shows whether there were other chains\.$/,
  );
  assert.match(await words("signed"), /By keys you trust By/);

  // Only the log’s key is missing: the events’ signers are known, and this key can show what else there is.
  await page.reload();
  await verifyVector(page, vector("range-complete-without-log-line"));
  assert.match(await words("signed"), /By keys you trust, except the log’s own By /);
  assert.match(
    await words("complete"),
    /Can’t tell .*others before or after\. A trust file with the log’s key can show it\.$/,
  );
  await page.close();
});

test("problem: leads to its event", async () => {
  const page = await opened();
  await verifyVector(page, vector("time-late"));
  await open(page, "Problems");
  await page.getByRole("button", { name: "Show event" }).first().click();
  const line = await page.locator(".finding-place span").first().textContent();
  await page.locator("#cs-drawer-heading", { hasText: `Event on ${line}` }).waitFor();
  await page.close();
});

test("problem: leads to a withheld event as such", async () => {
  const page = await opened();
  await verifyVector(page, vector("withheld"));
  await open(page, "Problems");
  const group = page.locator('[data-code="payload.withheld"]');
  await group.locator("summary").click();
  assert.equal(await group.getByRole("button", { name: "Show event" }).count(), 0);
  await group.getByRole("button", { name: "Show where it is missing" }).first().click();
  await page.locator("#cs-drawer-heading").waitFor();
  await page.close();
});

test("verdict: states what isn't shown as verified", async () => {
  const page = await opened();
  await verifyVector(page, vector("flip-event"));
  await page
    .locator(".unshown", { hasText: "1 event in this file is not listed" })
    .first()
    .waitFor({ state: "attached" });
  const withheld = vector("withheld-120");
  await verifyVector(page, withheld);
  await open(page, "Events");
  await page
    .getByText(`${(withheld.report as { counts: { withheld: number } }).counts.withheld} events are withheld`)
    .waitFor();
  await page.close();
});

test("trust file: an unusable one gives no verdict and its line is named", async () => {
  const page = await opened();
  await choose(page, "Choose a trust file", upload("trust.txt", "quorum none\nemitter nonsense\n"));
  await choose(page, "Choose a file", vector("plain-closed").export);
  await page.getByRole("heading", { name: "The trust file can’t be used" }).waitFor();
  assert.match((await page.locator(".stopped").textContent()) ?? "", /Line 2:/);
  assert.equal(await page.locator(".verdict").count(), 0);
  await page.getByRole("button", { name: "Remove trust.txt" }).click();
  await page.locator(".verdict").waitFor();
  assert.equal(await verdict(page), "Unchanged since it was signed, but you don’t trust the signer’s key.");
  await page.close();
});

test("trust file: is rejected with the same message as in the program", async () => {
  const page = await opened();
  const { export: file, trust = "" } = vector("plain-closed");
  await choose(page, "Choose a file", file);
  await page.locator(".verdict").waitFor();
  for (const [text, hint] of [
    [`\ufeff${readFileSync(trust, "utf8")}`, /Save the file as UTF-8 without a byte order mark/],
    ["emitter nonsense\n", /Pass a key of the form name\+1a2b3c4d\+/],
  ] as const) {
    await choose(page, /Choose a(nother)? trust file/, upload("trust.txt", text));
    await page.locator(".stopped", { hasText: hint }).waitFor();
  }
  await page.close();
});

test("files: their kinds are recognized when dropped", async () => {
  const page = await opened();
  const { export: file, trust = "" } = vector("plain-closed");
  const files = [trust, file].map((path) => ({ name: basename(path), text: readFileSync(path, "utf8") }));
  await page.evaluate((files) => {
    const dataTransfer = new DataTransfer();
    for (const { name, text } of files) dataTransfer.items.add(new File([text], name));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  }, files);
  await page.locator(".verdict").waitFor();
  assert.equal(await verdict(page), WORDS.verified);
  await page.close();
});

test("files: the text of a trust file can be dropped", async () => {
  const page = await opened();
  const { export: file, trust = "" } = vector("plain-closed");
  await choose(page, "Choose a file", file);
  await page.locator(".verdict.tone-doubt").waitFor();
  await page.evaluate(
    (text) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.setData("text/plain", text);
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    },
    readFileSync(trust, "utf8"),
  );
  await page.locator(".verdict.tone-good").waitFor();
  assert.equal(await verdict(page), WORDS.verified);
  await page.close();
});
