import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import {
  type Browser,
  choose,
  launch,
  open,
  saved,
  serve,
  unfold,
  upload,
  verdict,
  verifyVector,
} from "./browser.ts";
import { vector } from "./vectors.ts";

let browser: Browser;
let server: Awaited<ReturnType<typeof serve>>;
before(async () => {
  browser = await launch({ permissions: ["clipboard-read", "clipboard-write"] });
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

const command = (page: Page) => page.locator(".command code").textContent();

test("trust: a signer is trusted for the session only after confirmation", async () => {
  const page = await opened();
  await verifyVector(page, { ...vector("plain-closed"), trust: undefined });
  assert.equal(await verdict(page), "Unchanged since it was signed, but you don’t trust the signer’s key.");
  await open(page, "Signers");
  const vkey = (await page.locator(".signers > li > .facts .vkey").textContent()) ?? "";

  await page.getByRole("button", { name: /^Trust for this session…/ }).click();
  const dialog = page.getByRole("dialog");
  assert.equal(await dialog.locator(".vkey").textContent(), vkey);
  await dialog.getByRole("button", { name: "Don’t trust" }).click();
  assert.equal(await verdict(page), "Unchanged since it was signed, but you don’t trust the signer’s key.");
  assert.equal(await page.locator(".chosen-list li").count(), 0);
  // The focus stays where it was.
  await page.waitForFunction(() =>
    document.activeElement?.textContent?.startsWith("Trust for this session…"),
  );

  await page.getByRole("button", { name: /^Trust for this session…/ }).click();
  await dialog.getByRole("button", { name: "Trust for this session" }).click();
  await page.locator(".verdict.tone-good").waitFor();
  assert.equal(await verdict(page), "Verified.");
  await page.waitForFunction(() => document.activeElement?.id === "verdict-heading");
  assert.match((await page.locator(".chosen-list li").textContent()) ?? "", /emitter, for this session/);
  assert.match(
    (await page.locator(".signers > li").textContent()) ?? "",
    /You trust this key until you close this page.*you, for this session/s,
  );

  assert.equal(await command(page), "countersign verify export.ndjson --trust trust.txt");
  await open(page, "Summary");
  assert.equal((await saved(page, "Save trust file")).text, `emitter ${vkey}\n`);

  await unfold(page);
  await page.getByRole("button", { name: /^Remove/ }).click();
  await page.locator(".verdict.tone-doubt").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "trust-heading");
  await page.close();
});

/** Counts how often the page starts to read the export. */
async function countReads(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const counted = window as Window & { reads?: number };
    counted.reads = 0;
    const { stream } = Blob.prototype;
    Blob.prototype.stream = function (this: Blob) {
      if (this instanceof File && this.name.startsWith("export.")) counted.reads = (counted.reads ?? 0) + 1;
      return stream.call(this);
    };
  });
}

const reads = (page: Page) => page.evaluate(() => (window as Window & { reads?: number }).reads);

test("trust: a trust file added later leads to the verdict without reading the export again", async () => {
  const given = vector("log-two-chains");
  assert.ok(given.trust);
  const page = await browser.context.newPage();
  await countReads(page);
  await page.goto(server.address);
  await verifyVector(page, { ...given, trust: undefined });
  await open(page, "Events");
  await page.locator(".sign.tone-doubt").first().waitFor();
  // The hash is the last reason to read the file.
  await page.locator("#sha256").waitFor({ state: "attached" });
  const before = await reads(page);
  assert.ok(before !== undefined && before > 0);
  await open(page, "Summary");

  await choose(page, /Choose a(nother)? trust file/, given.trust);
  await page.locator(".verdict.tone-good").waitFor();
  assert.equal(await verdict(page), "Verified.");
  await page.locator('[data-check="signatures"][data-state="pass"]').waitFor({ state: "attached" });
  // The list shows the signers' trust by the new file.
  await open(page, "Events");
  await page.locator(".sign.tone-good").first().waitFor();
  assert.equal(await page.locator(".sign.tone-doubt").count(), 0);
  await open(page, "Summary");
  assert.equal(await reads(page), before);

  await unfold(page);
  await page
    .getByRole("button", { name: /^Remove/ })
    .first()
    .click();
  await page.locator(".verdict.tone-doubt").waitFor();
  assert.equal(await reads(page), before);
  await page.close();
});

test("trust: Escape leaves a signer untrusted", async () => {
  const page = await opened();
  await verifyVector(page, { ...vector("plain-closed"), trust: undefined });
  await open(page, "Signers");
  await page.getByRole("button", { name: /^Trust for this session…/ }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.equal(await verdict(page), "Unchanged since it was signed, but you don’t trust the signer’s key.");
  await page.close();
});

test("trust: a single key is trusted as an emitter, an issuer, or a log", async () => {
  const { trust = "", ...given } = vector("large-range");
  const lines = readFileSync(trust, "utf8").split("\n");
  const keys = lines.filter((line) => /^(log|issuer) /.test(line)).map((line) => line.split(/\s+/));
  assert.ok(keys.length >= 2);
  const page = await opened();
  await verifyVector(page, { ...given, trust: undefined });
  await unfold(page);
  await page.getByText("Paste a trust file, a key or a pin").click();
  await page.getByLabel("Text", { exact: true }).fill("not a key");
  await page.getByRole("button", { name: "Use it", exact: true }).click();
  assert.match((await page.locator("#pasted-complaint").textContent()) ?? "", /a trust file, a key or a pin/);
  for (const [kind = "", vkey = ""] of keys) {
    await page.getByLabel("Text", { exact: true }).fill(vkey);
    await page.getByRole("radio", { name: new RegExp(`^${kind}`, "i") }).check();
    await page.getByRole("button", { name: "Trust for this session", exact: true }).click();
  }
  await page.locator('[data-check="log"][data-state="pass"]').waitFor({ state: "attached" });
  await page.locator('[data-check="signatures"][data-state="pass"]').waitFor({ state: "attached" });
  assert.equal(await page.locator(".chosen-list li").count(), keys.length);
  await page.close();
});

test("pins: a saved pin reveals a rewritten log", async () => {
  const page = await opened();
  await verifyVector(page, vector("log-two-chains"));
  const pin = await saved(page, "Save pin");
  assert.match(pin.text, /^log\.example\/audit\n[0-9]+\n/);

  await choose(page, "Add a pin", upload(pin.name, pin.text));
  await page.locator('[data-check="append_only"][data-state="pass"]').waitFor({ state: "attached" });
  assert.equal(await verdict(page), "Verified.");
  assert.equal(await command(page), `countersign verify export.ndjson --trust trust.txt --pin ${pin.name}`);

  const [origin = "", size = "", , ...rest] = pin.text.split("\n");
  const other = [origin, size, Buffer.alloc(32, 7).toString("base64"), ...rest].join("\n");
  await choose(page, "Add a pin", upload("other.pin.txt", other));
  await page.locator('[data-code="append_only.split_view"]').waitFor({ state: "attached" });
  assert.equal(await verdict(page), "Altered.");
  assert.equal(await page.getByRole("button", { name: "Save pin" }).count(), 0);
  await page.close();
});

test("pins: an unusable pin gives no verdict", async () => {
  const page = await opened();
  await choose(page, "Add a pin", upload("pin.txt", `log.example/audit\n1\n${"A".repeat(43)}=\n\n`));
  await choose(page, "Choose a file", vector("plain-closed").export);
  await page.getByRole("heading", { name: "A pin can’t be used" }).waitFor();
  await page.close();
});

test("command: is copied with quotes for the shell", async () => {
  const page = await opened();
  const content = readFileSync(vector("plain-closed").export);
  await choose(page, "Choose a file", upload("-my $(log).ndjson", content));
  await page.locator(".verdict").waitFor();
  assert.equal(await command(page), "countersign verify './-my $(log).ndjson'");
  await page.locator(".command").getByRole("button", { name: "Copy" }).click();
  await page.getByText("Copied.").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await command(page));
  await page.close();
});

test("sample: verifies without trusting its keys for anything else", async () => {
  const page = await opened();
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.locator(".verdict").waitFor();
  assert.match(await verdict(page), /^Unchanged, .* but some events may be withheld\.$/);
  assert.match(
    (await page.locator(".meaning .not").textContent()) ?? "",
    /get the trust file from a different source than the file itself/,
  );
  await choose(page, "Choose another file", vector("plain-closed").export);
  await page.locator(".verdict.tone-doubt").waitFor();
  assert.equal(await page.locator(".chosen-list li").count(), 0);
  await page.close();
});

test("sample: is altered and restored on its result", async () => {
  const page = await opened();
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.locator(".verdict.tone-fair").waitFor();
  assert.match((await page.locator(".inputs").textContent()) ?? "", /1 pin/);
  await page.getByRole("button", { name: "Change one byte", exact: true }).click();
  await page.locator(".verdict.tone-bad").waitFor();
  assert.equal(await verdict(page), "Altered.");
  await page.getByRole("button", { name: "Undo the change" }).click();
  await page.locator(".verdict.tone-fair").waitFor();
  await page.close();
});

test("sample: suspends the previous choice and restores it", async () => {
  const page = await opened();
  const { export: file, trust = "" } = vector("plain-closed");
  await choose(page, "Choose a trust file", trust);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.locator(".inputs", { hasText: "sample-trust.txt" }).waitFor();
  await choose(page, "Choose another file", file);
  await page.locator(".inputs", { hasText: "export.ndjson" }).waitFor();
  await page.locator(".verdict.tone-good").waitFor();
  assert.match((await page.locator(".chosen-list li").textContent()) ?? "", /^\s*trust\.txt/);
  await page.close();
});

test("pins: a pin that comes with an export still counts after the sample", async () => {
  const { export: file, pins } = vector("pin-split-view");
  const page = await opened();
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.locator(".verdict").waitFor();
  await choose(page, "Choose another file", [...pins, file]);
  await page.locator('[data-check="append_only"][data-state="fail"]').waitFor({ state: "attached" });
  assert.equal(await verdict(page), "Altered.");
});

test("files: anything but a trust file or a pin is rejected there", async () => {
  const page = await opened();
  const { export: file, trust = "" } = vector("plain-closed");
  const complaint = page.locator(".complaint-line");
  for (const [button, wrong, words] of [
    ["Choose a trust file", file, /: not a trust file\. .*Ask the organization/],
    ["Choose a trust file", upload("report.pdf", "%PDF-1.7\n"), /^\s*report\.pdf: not a trust file/],
    ["Choose a trust file", upload("empty.txt", ""), /^\s*empty\.txt: not a trust file/],
    ["Add a pin", trust, /: not a pin\. /],
    ["Add a pin", upload("login.txt", "<html>"), /^\s*login\.txt: not a pin\. /],
  ] as const) {
    await choose(page, button, wrong);
    await complaint.filter({ hasText: words }).waitFor();
    assert.equal(await page.locator(".chosen-list li").count(), 0);
  }
  await choose(page, "Choose a trust file", trust);
  await page.locator(".chosen-list li").waitFor();
  assert.equal((await complaint.textContent())?.trim(), "");
  await page.close();
});

test("files: a key chosen as a trust file asks for its role", async () => {
  const page = await opened();
  const [, vkey = ""] =
    /^emitter (\S+)/m.exec(readFileSync(vector("plain-closed").trust ?? "", "utf8")) ?? [];
  await choose(page, "Choose a trust file", upload("app.pub", `${vkey}\n`));
  await page.getByRole("button", { name: "Trust for this session", exact: true }).click();
  assert.match((await page.locator(".chosen-list li").textContent()) ?? "", /emitter, for this session/);
  await page.close();
});

test("files: a dropped folder is reported with what to choose", async () => {
  const page = await opened();
  const devtools = await browser.context.newCDPSession(page);
  const data = { items: [], files: [dirname(vector("plain-closed").export)], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await devtools.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
  await page
    .locator(".complaint-line", { hasText: /can’t be read\. If it is a folder, choose the files/ })
    .waitFor();
  await page.close();
});

const OTHER = [
  "log other.example/log+837cda2b+Ad68HtAQTf26bPw0OnXDvRjs8PnAoTdUPDBmcb+sCbh5",
  "issuer other.example+01354ffe+Ac+41b/zLaizb8y7gnFXAyp/Oh4AQtq9/Fu1gWTJspHM",
  "emitter other.example/app+ff7837f9+AZ4V3Cw3to3QVQeanUIB3knY/lKwrap1b+dFfw3iXvdP",
];
const compared = (page: Page) => page.locator("#panel-summary .trust-compared");
const verdictText = async (page: Page) => ((await page.locator(".verdict .says").textContent()) ?? "").trim();

test("trust: a wrong trust file is named, and its keys are compared with the signers", async () => {
  const page = await opened();
  const { export: file } = vector("log-two-chains");
  await choose(page, "Choose a file", file);
  await page.locator(".verdict").waitFor();
  const [headline, without] = [await verdict(page), await verdictText(page)];
  assert.equal(await compared(page).count(), 0);
  await choose(page, "Choose a trust file", upload("strangers.txt", `${OTHER.join("\n")}\n`));
  await compared(page).waitFor();
  const words =
    "The trust file names other.example/log, other.example and other.example/app; the file is signed by";
  assert.ok((await verdictText(page)).startsWith(words), await verdictText(page));
  assert.notEqual(await verdictText(page), without);
  assert.notEqual(await verdict(page), headline);
  assert.equal(
    await verdict(page),
    "Unchanged since it was signed, but none of the 3 keys in strangers.txt signed this file.",
  );
  assert.match(
    (await page.locator("[data-answer=signed]").textContent()) ?? "",
    /None of the 3 keys in strangers\.txt signed this file/,
  );
  assert.match((await page.locator(".meaning .next").textContent()) ?? "", /wrong trust file/);
  assert.equal(await compared(page).getAttribute("data-trust"), "none");
  const rows = (nth: number) =>
    compared(page)
      .locator("table")
      .nth(nth)
      .locator("tbody tr")
      .evaluateAll((all) => all.map((row) => (row as HTMLElement).innerText.replaceAll(/\s+/g, " ").trim()));
  assert.deepEqual(await rows(0), [
    "other.example/log log 837cda2b did not sign",
    "other.example issuer 01354ffe did not sign",
    "other.example/app emitter ff7837f9 did not sign",
  ]);
  assert.deepEqual(await rows(1), [
    "example.com/dashboard/a emitter 5cc3cc17 not trusted",
    "example.com/dashboard/b emitter 6e6e358c not trusted",
    "log.example/audit log 8e3e8e37 not trusted",
  ]);
  assert.deepEqual(await violations(page), []);
  await page.close();
});

test("trust: signers that the trust file doesn't vouch for are named", async () => {
  const page = await opened();
  const { trust = "", ...given } = vector("log-two-chains");
  const [, log = ""] = /^(log .*)$/m.exec(readFileSync(trust, "utf8")) ?? [];
  await choose(page, "Choose a trust file", upload("some.txt", `${log}\n${OTHER[2]}\n`));
  await verifyVector(page, { ...given, trust: undefined });
  assert.match(await verdict(page), /, but some\.txt doesn’t vouch for all signers\.$/);
  assert.match(
    await verdictText(page),
    /^Not among the trust file’s keys.*: example\.com\/dashboard\/a and example\.com\/dashboard\/b\./,
  );
  assert.equal(await compared(page).getAttribute("data-trust"), "some");
  assert.match(
    (await compared(page).locator("tr", { hasText: "log.example/audit" }).first().textContent()) ?? "",
    /8e3e8e37\s*signed/,
  );
  await choose(page, "Choose another trust file", upload("nobody.txt", "# nobody\nquorum none\n"));
  await page.locator("#verdict-heading", { hasText: "nobody.txt names no key" }).waitFor();
  await choose(page, "Choose another trust file", trust);
  await page.locator(".verdict.tone-good").waitFor();
  assert.equal(await compared(page).count(), 0);
  await page.close();
});

test("pins: a pin of another log is named, because it says nothing about the file", async () => {
  const page = await opened();
  const given = vector("log-two-chains");
  const pin = readFileSync(vector("pin-same").pins[0] ?? "", "utf8").replace(/^.*\n/, "log.other/x\n");
  await choose(page, "Add a pin", upload("other.pin.txt", pin));
  await verifyVector(page, given);
  assert.match(
    (await page.locator('[data-pin="other"]').textContent()) ?? "",
    /other\.pin\.txt is a pin of log\.other\/x, not of log\.example\/audit, so it says nothing/,
  );
  await page.close();
});

test("trust: handles a log without checkpoints, and names written right to left", async () => {
  const page = await opened();
  await choose(page, "Choose a trust file", upload("a\u202Etxt.evil", `${OTHER[0]}\n`));
  await verifyVector(page, { ...vector("plain-closed"), trust: undefined });
  assert.equal(await verdict(page), "The only key in aU+202Etxt.evil did not sign this file.");
  await page.close();
});
