/** Bundles the package like its users do. */

import { brotliCompressSync, constants } from "node:zlib";
import * as esbuild from "esbuild";
import type { Installed } from "./installed.ts";

/** The conditions with which a runtime's tools resolve an entry. */
export const CONDITIONS = {
  /** The conditions of wrangler. */
  workerd: ["workerd", "worker", "browser"],
  browser: ["browser"],
  node: ["node"],
} as const;

export interface Bundle {
  readonly code: string;
  /** Names of the WebAssembly modules next to the bundle. */
  readonly artifacts: readonly string[];
  /** Its external imports. */
  readonly imports: readonly string[];
  /** The package's files in the bundle, relative to `dist`. */
  readonly files: readonly string[];
  /** Size of the code, and of everything, in bytes after brotli. */
  readonly codeSize: number;
  readonly size: number;
}

/** Bundles and minifies a module of a project with the package. WebAssembly stays separate. */
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
    // Computed on demand, because compression takes longer than everything else.
    get codeSize() {
      return code === undefined ? 0 : compressed(code.contents);
    },
    get size() {
      return outputFiles.reduce((sum, { contents }) => sum + compressed(contents), 0);
    },
  };
}

/** Returns the size in bytes with the best brotli quality. */
export function compressed(bytes: Uint8Array): number {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return brotliCompressSync(bytes, { params }).length;
}
