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

/** The example's deployment settings. */
const CONFIG: {
  main: string;
  compatibility_date: string;
  durable_objects: { bindings: { name: string; class_name: string }[] };
  migrations: { new_sqlite_classes: string[] }[];
  r2_buckets: { binding: string }[];
  vars: Record<string, string>;
} = JSON.parse(readFileSync(join(EXAMPLE, "wrangler.jsonc"), "utf8").replace(/^ *\/\/.*$/gm, ""));

/** The settings of a log. */
export interface LogSetup {
  /** The private key; for several logs, one per line. */
  key: string;
  /** The text of the trust file. */
  trust: string;
  /** The text of `readers.txt`. */
  readers?: string;
  /** Allowed origins of pages. */
  cors?: readonly string[];
  /** Quota per key and second, and its burst. */
  quota?: { events?: number; bytes?: number; burst?: number };
  /** The Worker's module, if it isn't the example's. */
  worker?: string;
  /** True to omit the buckets. */
  withoutBuckets?: boolean;
  /** When a log with tenants ticks; without it, the log has no tenants. It has no bucket for exports. */
  tick?: string;
  /** True for a bucket for exports in spite of tenants. */
  withExports?: boolean;
  /** More variables of the Worker. */
  variables?: Readonly<Record<string, string>>;
}

/** A running log. */
export interface RunningLog {
  /** The URL without a trailing slash. It changes with a restart. */
  readonly url: string;
  /** The Worker. */
  readonly worker: Miniflare;
  /** Restarts the log with its storage. */
  restart(setup: LogSetup): Promise<void>;
  /** Kills its process during work. Needs /proc. */
  kill(): void;
  /** Returns its console output. */
  said(): string;
  /** Waits for console output. */
  hears(text: RegExp): Promise<void>;
  close(): Promise<void>;
}

const bundles = new Map<string, Promise<string>>();

/** Bundles a Worker like wrangler, and returns the folder. */
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
      // Unbundled, so that test Workers share the log's bindings.
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

/** Starts a log with its own storage. */
export async function startLog(setup: LogSetup): Promise<RunningLog> {
  const folder = mkdtempSync(join(tmpdir(), "countersign-object-"));
  let output = "";
  const hear = (text: string) => {
    output += text;
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
    said: () => output,
    hears: (text) =>
      eventually(
        `the log says ${text}`,
        () => output,
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

/** Returns the workerd processes that this process started. */
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
  const {
    key,
    trust,
    readers = "",
    cors = [],
    quota = {},
    worker: module,
    withoutBuckets = false,
    tick,
    withExports,
    variables = {},
  } = setup;
  const quotas = Object.entries(quota).map(([name, value]) => [`AUDIT_QUOTA_${name.toUpperCase()}`, `${value}`]);
  const tenants: Record<string, string> = tick === undefined ? {} : { AUDIT_TENANTS: "1", AUDIT_TICK: tick };
  const buckets = CONFIG.r2_buckets.map(({ binding }) => binding);
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
      : {
          r2Buckets: buckets.filter((binding) => tick === undefined || withExports || binding !== "EXPORTS"),
          r2Persist: join(folder, "buckets"),
        }),
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
      ...tenants,
      ...variables,
    },
  });
  const { origin } = await worker.ready;
  return { worker, url: origin };
}
