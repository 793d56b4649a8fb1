/** Bundles as those who use the package make them. */

import { brotliCompressSync, constants } from "node:zlib";
import * as esbuild from "esbuild";
import type { Installed } from "./installed.ts";

/** The conditions under which a runtime's tools look up an entry. */
export const CONDITIONS = {
  /** As wrangler. */
  workerd: ["workerd", "worker", "browser"],
  browser: ["browser"],
  node: ["node"],
} as const;

export interface Bundle {
  readonly code: string;
  /** The names of the WebAssembly that goes with it. */
  readonly artifacts: readonly string[];
  /** What it imports that is not in it. */
  readonly imports: readonly string[];
  /** The package's files in it, from `dist` on. */
  readonly files: readonly string[];
  /** Bytes in brotli, of the code and of all. */
  readonly codeSize: number;
  readonly size: number;
}

/** Bundles and minifies a module of a project that has the package. WebAssembly stays a file of its own. */
export async function bundle(
  installed: Installed,
  module: string,
  conditions: readonly string[],
  options: esbuild.BuildOptions = {},
): Promise<Bundle> {
  const { outputFiles = [], metafile } = await esbuild.build({
    stdin: { contents: module, resolveDir: installed.path("test"), sourcefile: "module.js" },
    absWorkingDir: installed.folder,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    conditions: [...conditions],
    mainFields: [],
    outdir: "out",
    assetNames: "[name]",
    loader: { ".wasm": "copy" },
    external: ["node:*", "cloudflare:*"],
    write: false,
    metafile: true,
    logLevel: "silent",
    ...options,
  });
  const code = outputFiles.find(({ path }) => path.endsWith(".js"));
  const artifacts = outputFiles.filter(({ path }) => path.endsWith(".wasm"));
  const outputs = Object.values(metafile?.outputs ?? {});
  return {
    code: code?.text ?? "",
    artifacts: artifacts.map(({ path }) => path.replace(/^.*[/\\]/, "")).sort(),
    imports: outputs.flatMap(({ imports }) => imports.filter(({ external }) => external).map(({ path }) => path)),
    files: Object.values(outputs)
      .flatMap(({ inputs }) => Object.keys(inputs))
      .flatMap((path) => /node_modules\/countersign\/dist\/(.*)$/.exec(path)?.[1] ?? []),
    // Compressing takes longer than all the rest, and few ask.
    get codeSize() {
      return code === undefined ? 0 : compressed(code.contents);
    },
    get size() {
      return outputFiles.reduce((sum, { contents }) => sum + compressed(contents), 0);
    },
  };
}

/** The size in brotli, at its best. */
export function compressed(bytes: Uint8Array): number {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return brotliCompressSync(bytes, { params }).length;
}
