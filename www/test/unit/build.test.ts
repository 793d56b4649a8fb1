import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const WWW = fileURLToPath(new URL("../../", import.meta.url));
const VITE = join(WWW, "node_modules/vite/bin/vite.js");
const MODES = ["production", "console"];

/** Builds the pages in a folder of their own, and returns it. */
async function built(t: TestContext, env: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "countersign-built-"));
  t.after(() => rm(folder, { recursive: true }));
  for (const mode of MODES) {
    const words = [VITE, "build", "--mode", mode, "--outDir", folder];
    await promisify(execFile)(process.execPath, words, { cwd: WWW, env: { ...process.env, ...env } });
  }
  return folder;
}

test("build: is reproducible byte for byte, with matching checksums", async (t) => {
  const one = await built(t, { TZ: "UTC", LANG: "C" });
  const other = await built(t, { TZ: "Asia/Tokyo", LANG: "de_DE.UTF-8" });
  const sums = await readFile(join(one, "SHA256SUMS"), "utf8");
  for (const name of ["index.html", "console.html"]) {
    const page = await readFile(join(one, name));
    assert.ok(page.equals(await readFile(join(other, name))), name);
    assert.ok(sums.includes(`${createHash("sha256").update(page).digest("hex")}  ${name}\n`));
  }
  const licenses = await readFile(join(one, "index.LICENSES.txt"), "utf8");
  assert.equal(licenses, await readFile(join(other, "index.LICENSES.txt"), "utf8"));
  for (const part of ["@noble/hashes", "@scure/bip39", "lean-qr", "lit", "ed25519-dalek"]) {
    const [line, version] = new RegExp(`^${part} ([\\d.]+): .+$`, "m").exec(licenses) ?? [];
    assert.ok(line !== undefined && licenses.includes(`\n${part} ${version}\n`), `${part} has its license`);
  }
  await readFile(join(one, "console.LICENSES.txt"));
});
