/** Bundles test Workers like wrangler, and runs them in workerd. */

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { Miniflare, type MiniflareOptions } from "miniflare";

/** Bundles a Worker into a folder, with WebAssembly as separate modules. Returns Miniflare's options for it. */
export async function bundled(url: URL, minify = false) {
  const modulesRoot = mkdtempSync(join(tmpdir(), "countersign-adapters-"));
  after(() => rmSync(modulesRoot, { recursive: true, force: true }));
  await esbuild.build({
    entryPoints: { worker: fileURLToPath(url) },
    outdir: modulesRoot,
    bundle: true,
    minify,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:workers", "node:*"],
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
  });
  const wasm = readdirSync(modulesRoot).filter((name) => name.endsWith(".wasm"));
  return {
    modulesRoot,
    modules: [
      { type: "ESModule" as const, path: join(modulesRoot, "worker.js") },
      ...wasm.map((name) => ({ type: "CompiledWasm" as const, path: join(modulesRoot, name) })),
    ],
    compatibilityDate: "2026-01-01",
  };
}

/** Runs a bundle with these bindings. */
export function start(bundle: Awaited<ReturnType<typeof bundled>>, options: Partial<MiniflareOptions> = {}): Miniflare {
  return new Miniflare({ ...bundle, ...options } as MiniflareOptions);
}
