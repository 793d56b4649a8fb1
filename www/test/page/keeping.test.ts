import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import {
  type Browser,
  choose,
  endless,
  launch,
  open,
  PAGE,
  saved,
  serve,
  unfold,
  upload,
  verdict,
  verifyVector,
} from "./browser.ts";
import { vector } from "./vectors.ts";

let browser: Browser;
before(async () => {
  browser = await launch({ permissions: ["clipboard-read", "clipboard-write"] });
});
after(() => browser.close());

async function opened(t: TestContext, { context } = browser): Promise<Page> {
  const page = await context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(PAGE).href);
  return page;
}

const sha256 = (bytes: Buffer, as: "hex" | "base64" = "hex") => createHash("sha256").update(bytes).digest(as);
const { version } = JSON.parse(
  readFileSync(new URL(import.meta.resolve("countersign/package.json")), "utf8"),
);

test("hash: is shown beside the verdict, of compressed files as they are", async (t) => {
  const page = await opened(t);
  const gzip = vector("gzip");
  await verifyVector(page, gzip);
  await page.locator("#sha256").waitFor({ state: "attached" });
  assert.equal(await page.locator("#sha256").textContent(), sha256(readFileSync(gzip.export)));
});

test("print: the report states what was verified, with what, and the result", async (t) => {
  const page = await opened(t);
  const given = vector("key-revoked-suspect");
  await verifyVector(page, given);
  await page.locator("#sha256").waitFor({ state: "attached" });
  assert.equal(await page.locator(".printed").count(), 0);
  await page.emulateMedia({ media: "print" });
  await page.locator(".printed").waitFor();
  assert.equal(await page.locator(".page").isVisible(), false);
  const text = (await page.locator(".printed").innerText()).replace(/\s+/g, " ");
  const report = given.report as {
    checks: object;
    finding_counts: Record<string, number>;
    signers: { vkey: string }[];
  };
  assert.match(text, /Broken\./);
  assert.ok(text.includes(sha256(readFileSync(given.export))));
  assert.ok(text.includes(`countersign ${version}`));
  assert.match(text, /Checked at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z/);
  const trust = readFileSync(given.trust ?? "", "utf8");
  for (const vkey of trust.match(/\S+\+[0-9a-f]{8}\+\S+/g) ?? []) assert.ok(text.includes(vkey), vkey);
  for (const code of Object.keys(report.finding_counts)) assert.ok(text.includes(code), code);
  for (const { vkey } of report.signers) assert.ok(text.includes(vkey), vkey);
  assert.equal(await page.locator(".paper-checks tbody tr").count(), Object.keys(report.checks).length);
  await page.emulateMedia({ media: "screen" });
  await page.locator(".printed").waitFor({ state: "detached" });
  // Also on real paper, where nothing waits for the page.
  assert.ok((await page.pdf({ format: "A4" })).length > 20_000);
});

test("about: states the page's version and how to check it", async (t) => {
  const page = await opened(t);
  const html = readFileSync(PAGE, "utf8");
  await page.getByText(`countersign ${version}: is this page the one that was released?`).click();
  const hashes = await page.locator(".about .hash").allTextContents();
  const script = html.slice(html.indexOf('<script type="module">') + 22, html.lastIndexOf("</script>"));
  const style = html.slice(html.indexOf("<style>") + 7, html.indexOf("</style>"));
  assert.deepEqual(hashes, [
    `sha256-${sha256(Buffer.from(script), "base64")}`,
    `sha256-${sha256(Buffer.from(style), "base64")}`,
  ]);
  const sums = readFileSync(new URL("SHA256SUMS", pathToFileURL(PAGE)), "utf8");
  assert.ok(sums.includes(`${sha256(Buffer.from(html))}  index.html\n`));
  // The command names the file that is open, whatever it is called.
  const folder = await mkdtemp(join(tmpdir(), "countersign-page-name-"));
  t.after(() => rm(folder, { recursive: true }));
  const copied = join(folder, "verify page.html");
  await copyFile(PAGE, copied);
  await page.goto(pathToFileURL(copied).href);
  await page.getByText("is this page the one that was released?").click();
  assert.equal(
    await page.locator(".about pre").first().textContent(),
    "sha256sum 'verify page.html'\ngrep ' index.html$' SHA256SUMS",
  );
});

test("progress: shows the first error while the file is still read", async (t) => {
  const page = await opened(t);
  await choose(page, "Choose a file", endless('{"link":"nonsense"}\n'));
  await page.locator(".first-failure").waitFor({ timeout: 120_000 });
  const alert = page.getByRole("alert").filter({ hasText: "First problem so far" });
  assert.match((await alert.textContent()) ?? "", /A link can’t be read.*format\.link.*line 2/s);
  assert.equal(await page.locator(".verdict").count(), 0);
  assert.equal(await page.locator(".result").getAttribute("aria-busy"), "true");
});

test("paste: accepts a trust file, a key, and a pin anywhere", async (t) => {
  const page = await opened(t);
  const { export: file, trust = "" } = vector("log-two-chains");
  const text = readFileSync(trust, "utf8");
  const paste = async (pasted: string) => {
    await page.evaluate((pasted) => navigator.clipboard.writeText(pasted), pasted);
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.keyboard.press("ControlOrMeta+V");
  };
  await choose(page, "Choose a file", file);
  await page.locator(".verdict").waitFor();
  await paste(text);
  await page.locator(".verdict.tone-good").waitFor();
  assert.equal(await verdict(page), "Verified.");
  assert.match((await page.locator(".command code").textContent()) ?? "", /--trust pasted-trust\.txt$/);
  // Pasted text must be saved before the program can use it.
  await paste(readFileSync(vector("pin-same").pins[0] ?? "", "utf8"));
  await page.locator('[data-check="append_only"][data-state="pass"]').waitFor({ state: "attached" });
  const command = (await page.locator(".command code").textContent()) ?? "";
  const [, pinName = ""] = /--pin (pasted-\d+\.pin\.txt)$/.exec(command) ?? [];
  assert.equal((await saved(page, "Save pasted pin")).name, pinName);
  await unfold(page);
  await page.getByRole("button", { name: `Remove ${pinName}` }).click();
  await page.getByRole("button", { name: "Remove pasted-trust.txt" }).click();
  await page.locator(".verdict.tone-doubt").waitFor();

  // The text of a key doesn't state its role.
  const [, issuer = ""] = /^issuer (\S+)$/m.exec(text) ?? [];
  await paste(`# from Ada\n${issuer}\n`);
  await page.getByRole("radio", { name: /^Issuer/ }).check();
  await page.getByRole("button", { name: "Trust for this session", exact: true }).click();
  await page.locator(".chosen-list li", { hasText: "issuer, for this session" }).waitFor();
});

test("paste: ignores anything else", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("plain-closed"));
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", "See you at noon.");
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
  });
  await page.getByRole("alert").filter({ hasText: "This isn’t a trust file, a key or a pin" }).waitFor();
  assert.equal(await verdict(page), "Verified.");
});

test("files: a single key asks for its role", async (t) => {
  const page = await opened(t);
  const trust = readFileSync(vector("plain-closed").trust ?? "", "utf8");
  const [, vkey = ""] = /^emitter (\S+)$/m.exec(trust) ?? [];
  await choose(page, "Choose a file", [
    upload("ada.pub", `${vkey}\n`),
    upload("export.ndjson", readFileSync(vector("plain-closed").export)),
  ]);
  await page.getByRole("radio", { name: /^Emitter/ }).waitFor();
  assert.equal(await page.getByLabel("Text", { exact: true }).inputValue(), vkey);
  await page.getByRole("button", { name: "Trust for this session", exact: true }).click();
  await page.locator(".verdict.tone-good").waitFor();
});

test("drawer: a proof from an altered file isn't saved, because it would verify by itself", async (t) => {
  const page = await opened(t);
  for (const [name, isAltered] of [
    ["flip-event", true],
    ["large-whole", false],
  ] as const) {
    await page.reload();
    await verifyVector(page, vector(name));
    await open(page, "Events");
    await page.locator(".row:not(.unread)").first().click();
    await page.getByRole("button", { name: "Show the proof" }).press("Enter");
    const button = page.getByRole("button", { name: "Save the proof" });
    await button.waitFor();
    assert.equal(await button.getAttribute("aria-disabled"), `${isAltered}`);
    const about = await page.locator("#cs-proof-about").textContent();
    if (!isAltered) {
      const { text } = await saved(page, "Save the proof");
      assert.match(text, /^\{"countersign":"export\/v1"/);
      continue;
    }
    assert.match(about ?? "", /wouldn’t show that this export fails its checks/);
    let downloads = 0;
    page.on("download", () => {
      downloads += 1;
    });
    await button.press("Enter");
    await button.click({ force: true });
    assert.equal(downloads, 0);
  }
});

test("language: German is complete and remembered", async (t) => {
  // The pages of the other tests are English.
  const own = await launch({ isWhole: true });
  t.after(() => own.close());
  // Chromium may tell a file's new process late what another one stored.
  const server = await serve();
  t.after(() => server.close());
  const page = await own.context.newPage();
  await page.goto(server.address);
  await verifyVector(page, vector("flip-event"));
  await page.getByRole("button", { name: "Deutsch" }).click();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
  assert.equal(await verdict(page), "Verändert.");
  await page.getByRole("heading", { name: "Prüfungen" }).waitFor();
  await open(page, "Probleme");
  assert.equal(await page.title(), "Ein Audit-Log prüfen – countersign");
  const findings = page.getByRole("region", { name: "Probleme" });
  assert.match((await findings.textContent()) ?? "", /Dieses Ereignis wurde nach der Signatur verändert/);
  assert.equal(await page.locator(".checks [lang], .finding-list [lang]").count(), 0);
  // Core messages in English are marked as such, and announced.
  await page.getByRole("button", { name: "Ändern" }).click();
  await choose(page, /^(Andere )?Vertrauensdatei wählen/, upload("trust.txt", "quorum none\nemitter\n"));
  const stopped = page.locator(".stopped");
  await stopped.getByText("diese Zeile hat nicht die Form ihrer Art").waitFor();
  await stopped.getByText("Einige Meldungen des Prüfprogramms gibt es nur auf Englisch").waitFor();
  assert.equal(await stopped.locator("[lang]").first().getAttribute("lang"), "en");
  await page.getByRole("button", { name: "Entfernen trust.txt" }).click();
  await page.locator(".verdict").waitFor();
  await open(page, "Ereignisse");
  await page.locator("countersign-viewer").getByText("Spalten").first().waitFor();
  await page.reload();
  await page.getByRole("heading", { level: 1, name: "Ein Audit-Log prüfen" }).waitFor();
  await page.getByRole("button", { name: "English" }).click();
  await page.getByRole("heading", { name: "Check an audit log" }).waitFor();
});

test("signers: show their history and who vouches for them", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("key-revoked-suspect"));
  const history = await page.locator(".signers .history li").allTextContents();
  assert.equal(history.length, 2);
  assert.match(history[0] ?? "", /Granted.*by\s+example\.com\/dashboard.*entry 1, line 3/s);
  assert.match(history[1] ?? "", /Revoked/);
  const roles = await page
    .locator(".vouchers > li")
    .evaluateAll((all) => all.map((one) => one.getAttribute("data-role")));
  assert.deepEqual(roles, ["log", "issuer", "issuer"]);
  const others = page.locator(".vouching");
  assert.equal(await others.getAttribute("open"), null);
  assert.match((await others.locator("summary").textContent()) ?? "", /1 log, 2 issuers/);
});

test("signers: vouchers are expanded if one of them is a problem", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("witness-signature"));
  assert.equal(await page.locator(".vouching").getAttribute("open"), "");
  await open(page, "Signers");
  await page.locator(".vouchers").getByText("1 checkpoint, invalid").waitFor();
});

test("signers: an issuer that the trust file revokes isn't trusted", async (t) => {
  const page = await opened(t);
  const { trust = "", ...given } = vector("log-two-chains");
  const text = readFileSync(trust, "utf8");
  const [, issuer = ""] = /^issuer (\S+)$/m.exec(text) ?? [];
  await choose(page, "Choose a trust file", upload("trust.txt", `${text}revoke ${issuer} -\n`));
  await verifyVector(page, { ...given, trust: undefined });
  const card = page.locator(".vouchers > li", { hasText: issuer });
  assert.match((await card.locator(".signer-head").textContent()) ?? "", /Revoked/);
  assert.equal(await page.locator(".vouching").getAttribute("open"), "");
});

test("coverage: shows omitted entries and the checkpoints", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("large-filter-by-content"));
  await open(page, "Coverage");
  const chart = page.getByRole("img", {
    name: /^Coverage of the log: 313 entries, .* 177 events withheld, 51 entries omitted, 2 checkpoints\.$/,
  });
  await chart.waitFor();
  assert.equal(await page.locator(".coverage .checkpoint.matches").count(), 2);
  await page.locator(".coverage").getByText("Show as a list").click();
  const last = page.locator(".coverage-list li", { hasText: "Checkpoint at 313 entries" });
  assert.match((await last.textContent()) ?? "", /valid\s+the log\s+log\.example\/audit/);
  assert.match((await last.textContent()) ?? "", /valid\s+witness/);
  await page.locator(".coverage-list").getByRole("button", { name: "Show Entries 7 to 8" }).click();
  await page.locator("#cs-drawer-heading").waitFor();
});

test("checks: one that isn't passed leads to its problems", async (t) => {
  const page = await opened(t);
  await verifyVector(page, vector("flip-event"));
  await page.getByRole("heading", { name: "Checks" }).click();
  await page
    .locator('[data-check="payloads"]')
    .getByRole("button", { name: "This event was changed after it was signed" })
    .click();
  assert.equal(
    await page.evaluate(() => document.activeElement?.closest("details")?.dataset.code),
    "payload.mismatch",
  );
  assert.equal(await page.locator('[data-code="payload.mismatch"]').getAttribute("open"), "");
});
