import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin } from "vite";

/** Writes the pages' hashes next to them, in the format of `sha256sum -c`, for publication with a release. */
export function sums(): Plugin {
  let folder = "dist";
  return {
    name: "sums",
    apply: "build",
    configResolved({ build }) {
      folder = build.outDir;
    },
    async writeBundle() {
      const pages = (await readdir(folder)).filter((name) => name.endsWith(".html")).sort();
      const lines = await Promise.all(
        pages.map(async (name) => `${hash(await readFile(join(folder, name)))}  ${name}\n`),
      );
      await writeFile(join(folder, "SHA256SUMS"), lines.join(""));
    },
  };
}

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
