/**
 * Real events of other products, recorded by the program and searched in the element with the queries of the table.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PROGRAM } from "../conformance/program.ts";
import { realEvents } from "../real-events.ts";
import { Site } from "./site.ts";

const sources = realEvents();
const skip = typeof sources === "string" ? sources : PROGRAM === undefined && "skipped: the program is not built";
/** The most frequent parser of a source's events, and an outcome that some of them have. */
const READ_AS: Readonly<Record<string, readonly [as: string, outcome: string]>> = {
  "cloudtrail-stratus": ["CloudTrail", "denied"],
  "okta-panther": ["Okta", "failure"],
  "github-panther": ["GitHub", "not stated"],
  "kubernetes-falco": ["Kubernetes", "success"],
};
const table = readFileSync(new URL("../../../crates/query/tests/real-events.tsv", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((row) => row.split("\t"));

const site = await Site.start();
const folder = mkdtempSync(join(tmpdir(), "countersign-real-"));
after(async () => {
  rmSync(folder, { recursive: true });
  await site.stop();
});

function run(...given: string[]): string {
  return execFileSync(PROGRAM ?? "", given, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

/** Returns how many numbers `1-3 7` names. */
function counted(ranges: string): number {
  const sizes = ranges.split(" ").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return first === undefined || range === "" ? [] : [(last ?? first) - first + 1];
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

for (const source of new Set(table.map(([source = ""]) => source))) {
  test(`${source}: finds the events of the table, with the parser's facts`, { skip }, async () => {
    const name = `example.com/${source}`;
    const key = `${source}.key`;
    const vkey = run("keygen", name, "--out", key).trim();
    const events = `${source}.events`;
    execFileSync("sh", ["-c", 'cat > "$0"', events], {
      cwd: folder,
      input: typeof sources === "string" ? "" : (sources[source] ?? ""),
    });
    run("record", "--no-redact", "--key", key, "--origin", "log.example/real", "-o", `${source}.ndjson`, events);
    site.answers.set(`/${source}.ndjson`, readFileSync(join(folder, `${source}.ndjson`)));
    site.answers.set("/trust.txt", `emitter ${vkey}\n`);
    const { page, complaints, close } = await site.open(
      `<countersign-viewer src="/${source}.ndjson" trust="/trust.txt"></countersign-viewer>`,
    );
    await page.getByRole("heading", { name: "Verified." }).waitFor();
    const query = page.getByRole("combobox", { name: "Search events" });
    for (const [, text = "", expected = ""] of table.filter(([one]) => one === source)) {
      await query.fill(text);
      await query.press("Enter");
      await page
        .locator(".notice")
        .filter({ hasText: new RegExp(`^\\s*Showing ${counted(expected)} of`) })
        .waitFor();
    }
    const [as, outcome] = READ_AS[source] ?? [];
    if (as !== undefined && outcome !== undefined) {
      await query.fill(`as:"${as}" outcome:${outcome.replace(" ", "-")}`);
      await query.press("Enter");
      const row = page.locator("cs-rows .row.event").first();
      await row.locator(".cell-outcome").filter({ hasText: outcome }).waitFor();
      assert.equal(await row.locator(".cell-action.nil").count(), 0);
      await row.click();
      await page.getByRole("heading", { name: `Parsed as ${as}` }).waitFor();
      await page.getByRole("button", { name: "Show what was signed" }).click();
      await page.locator("cs-drawer .raw:focus").waitFor();
    }
    assert.deepEqual(complaints, []);
    await close();
  });
}
