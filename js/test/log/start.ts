/** Runs the Worker of examples/log-on-cloudflare in workerd. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { Miniflare } from "miniflare";
import { eventually } from "../eventually.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const EXAMPLE = here("../../../examples/log-on-cloudflare");

/** How the example is deployed. */
const CONFIG: {
  main: string;
  compatibility_date: string;
  durable_objects: { bindings: { name: string; class_name: string }[] };
  migrations: { new_sqlite_classes: string[] }[];
  r2_buckets: { binding: string }[];
  vars: Record<string, string>;
} = JSON.parse(readFileSync(join(EXAMPLE, "wrangler.jsonc"), "utf8").replace(/^ *\/\/.*$/gm, ""));

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
  /** How much a key may bring a second, and after a rest. */
  quota?: { events?: number; bytes?: number; burst?: number };
  /** The Worker's module, where it is another. */
  worker?: string;
  /** Whether there are no buckets. */
  withoutBuckets?: boolean;
}

/** A log that runs. */
export interface RunningLog {
  /** Where, without a slash at its end. It changes with a restart. */
  readonly url: string;
  /** The Worker. */
  readonly worker: Miniflare;
  /** Stops it and starts it again, with all that it stored. */
  restart(setup: LogSetup): Promise<void>;
  /** Kills its process in the middle of what it does. Needs /proc. */
  kill(): void;
  /** What it wrote to its console. */
  said(): string;
  /** Waits until it has written this. */
  hears(text: RegExp): Promise<void>;
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
      // Unbundled, so that a Worker of a test reaches the bindings that the log runs on.
      alias: { "@countersign/cloudflare-log": here("../../packages/cloudflare-log/out/log.workerd.js") },
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
  let said = "";
  const hear = (text: string) => {
    said += text;
  };
  let others = workerds();
  let running = await run(setup, folder, hear);
  return {
    get url() {
      return running.url;
    },
    get worker() {
      return running.worker;
    },
    async restart(setup) {
      await running.worker.dispose().catch(() => {});
      others = workerds();
      running = await run(setup, folder, hear);
    },
    said: () => said,
    hears: (text) =>
      eventually(
        `the log says ${text}`,
        () => said,
        (said) => text.test(said),
      ).then(() => {}),
    kill() {
      for (const pid of workerds().filter((pid) => !others.includes(pid))) {
        process.kill(pid, "SIGKILL");
      }
    },
    async close() {
      await running.worker.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The processes of workerd that this one started. */
function workerds(): number[] {
  const isOurs = (pid: number) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")")).split(" ")[2]);
      return parent === process.pid && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("workerd");
    } catch {
      return false;
    }
  };
  return process.platform === "linux" ? readdirSync("/proc").map(Number).filter(isOurs) : [];
}

async function run(
  setup: LogSetup,
  folder: string,
  hear: (text: string) => void,
): Promise<{ worker: Miniflare; url: string }> {
  const { key, trust, readers = "", cors = [], quota = {}, worker: module, withoutBuckets = false } = setup;
  const quotas = Object.entries(quota).map(([name, value]) => [`AUDIT_QUOTA_${name.toUpperCase()}`, `${value}`]);
  const modulesRoot = await bundled(module ?? join(EXAMPLE, CONFIG.main));
  const worker = new Miniflare({
    modulesRoot,
    modules: [
      { type: "ESModule", path: join(modulesRoot, "worker.js") },
      { type: "CompiledWasm", path: join(modulesRoot, "log_bg.wasm") },
    ],
    compatibilityDate: CONFIG.compatibility_date,
    durableObjects: Object.fromEntries(
      CONFIG.durable_objects.bindings.map(({ name, class_name: className }) => {
        const useSQLite = CONFIG.migrations.some((migration) => migration.new_sqlite_classes.includes(className));
        return [name, { className, useSQLite }];
      }),
    ),
    durableObjectsPersist: join(folder, "objects"),
    ...(withoutBuckets
      ? {}
      : { r2Buckets: CONFIG.r2_buckets.map(({ binding }) => binding), r2Persist: join(folder, "buckets") }),
    handleRuntimeStdio(stdout: NodeJS.ReadableStream, stderr: NodeJS.ReadableStream) {
      for (const stream of [stdout, stderr]) {
        stream.setEncoding("utf8").on("data", hear);
      }
    },
    bindings: {
      ...CONFIG.vars,
      AUDIT_LOG_KEY: key,
      AUDIT_TRUST: trust,
      AUDIT_READERS: readers,
      AUDIT_CORS: cors.join(" "),
      ...Object.fromEntries(quotas),
    },
  });
  const { origin } = await worker.ready;
  return { worker, url: origin };
}
