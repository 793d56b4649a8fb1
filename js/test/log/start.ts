/** Runs the Worker of examples/log-on-cloudflare in workerd. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { Miniflare } from "miniflare";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What a log is to be. */
export interface LogSetup {
  /** Its private key; of several logs one a line. */
  key: string;
  /** The trust file's text. */
  trust: string;
  /** What `readers.txt` says. */
  readers?: string;
  /** Pages of which origins may ask. */
  cors?: readonly string[];
  /** The Worker's module, where it is another. */
  worker?: string;
  /** Whether there is no bucket for tiles. */
  withoutTiles?: boolean;
}

/** A log that runs. */
export interface RunningLog {
  /** Where, without a slash at its end. It changes with a restart. */
  readonly url: string;
  /** The Worker. */
  readonly worker: Miniflare;
  /** Stops it and starts it again, with all that it stored. */
  restart(setup: LogSetup): Promise<void>;
  close(): Promise<void>;
}

const bundles = new Map<string, Promise<string>>();

/** Bundles a Worker as wrangler does, and gives the folder. */
function bundled(worker: string): Promise<string> {
  const bundle = async () => {
    const outdir = mkdtempSync(join(tmpdir(), "countersign-worker-"));
    process.once("exit", () => rmSync(outdir, { recursive: true, force: true }));
    await esbuild.build({
      entryPoints: { worker },
      outdir,
      bundle: true,
      format: "esm",
      conditions: ["workerd", "worker", "browser"],
      external: ["cloudflare:workers"],
      alias: { "countersign/cloudflare/log": here("../../dist/log/log.workerd.js") },
      loader: { ".wasm": "copy" },
      assetNames: "[name]",
    });
    return outdir;
  };
  const begun = bundles.get(worker) ?? bundle();
  bundles.set(worker, begun);
  return begun;
}

/** Starts a log with a storage of its own. */
export async function startLog(setup: LogSetup): Promise<RunningLog> {
  const folder = mkdtempSync(join(tmpdir(), "countersign-object-"));
  let running = await run(setup, folder);
  return {
    get url() {
      return running.url;
    },
    get worker() {
      return running.worker;
    },
    async restart(setup) {
      await running.worker.dispose();
      running = await run(setup, folder);
    },
    async close() {
      await running.worker.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function run(setup: LogSetup, folder: string): Promise<{ worker: Miniflare; url: string }> {
  const { key, trust, readers = "", cors = [], worker: module, withoutTiles = false } = setup;
  const modulesRoot = await bundled(module ?? here("../../../examples/log-on-cloudflare/src/worker.ts"));
  const worker = new Miniflare({
    modulesRoot,
    modules: [
      { type: "ESModule", path: join(modulesRoot, "worker.js") },
      { type: "CompiledWasm", path: join(modulesRoot, "log_bg.wasm") },
    ],
    compatibilityDate: "2026-01-01",
    durableObjects: { LOG: { className: "CountersignLog", useSQLite: true } },
    durableObjectsPersist: join(folder, "objects"),
    ...(withoutTiles ? {} : { r2Buckets: ["TILES"], r2Persist: join(folder, "tiles") }),
    bindings: { AUDIT_LOG_KEY: key, AUDIT_TRUST: trust, AUDIT_READERS: readers, AUDIT_CORS: cors.join(" ") },
  });
  const { origin } = await worker.ready;
  return { worker, url: origin };
}
