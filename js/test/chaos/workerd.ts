/** Runs Durable Objects with outboxes in their storage, and kills workerd. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { Miniflare, type MiniflareOptions } from "miniflare";
import { type Page, wholeLines } from "./book.ts";
import { type End, EVENTS, MORE, type Ordeal, rounds } from "./ordeal.ts";

const ENDS = rounds(["asks", "before", "after", "asks", "after", "before", "itself"]);

/** Runs one process after the other with the same storage. */
export async function inObjects(ordeal: Ordeal): Promise<void> {
  const script = await bundled("object-worker.ts", ordeal);
  const each = Math.ceil((EVENTS / ENDS.length) * MORE);
  for (const [number, end] of ENDS.entries()) {
    await live(script, ordeal, `object${number}`, each, end);
  }
  ordeal.proxy.calm = true;
  const last = await live(script, ordeal, "object-last", 20, "itself");
  assert.deepEqual([last.ended, last.left], [0, 0]);
}

async function live(script: MiniflareOptions, ordeal: Ordeal, run: string, events: number, end: End): Promise<Page> {
  const { life, at } = ordeal.life("object", run, events, end);
  const page = ordeal.book.page(run);
  const { worker, pids } = await started({
    ...script,
    durableObjects: { recordings: { className: "Recording", useSQLite: true } },
    durableObjectsPersist: join(ordeal.folder, "objects"),
  });
  let isKilled = false;
  const kill = () => {
    isKilled = true;
    for (const pid of pids) {
      process.kill(pid, "SIGKILL");
    }
  };
  ordeal.proxy.killAt("object", kill, at);
  try {
    const { body } = await worker.dispatchFetch("http://object.test/", { method: "POST", body: JSON.stringify(life) });
    assert.ok(body !== null);
    for await (const line of wholeLines(body as unknown as AsyncIterable<Uint8Array>)) {
      page.read(line);
    }
  } catch (error) {
    assert.ok(isKilled, `${error}`);
  } finally {
    await worker.dispose().catch(() => {});
  }
  assert.equal(isKilled, end !== "itself");
  return page;
}

/** Bundles a Worker of this folder like wrangler, with WebAssembly as separate modules. */
export async function bundled(name: string, { folder }: Pick<Ordeal, "folder">): Promise<MiniflareOptions> {
  const outdir = join(folder, name);
  const { metafile } = await esbuild.build({
    entryPoints: [fileURLToPath(new URL(name, import.meta.url))],
    outdir,
    bundle: true,
    format: "esm",
    outExtension: { ".js": ".mjs" },
    conditions: ["workerd", "worker", "browser"],
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
    metafile: true,
  });
  const names = Object.keys(metafile.outputs).map((path) => path.split("/").at(-1) ?? "");
  const modules = names
    .toSorted((name) => (name.endsWith(".mjs") ? -1 : 1))
    .map((name) => ({
      type: name.endsWith(".mjs") ? ("ESModule" as const) : ("CompiledWasm" as const),
      path: join(outdir, name),
    }));
  return { modulesRoot: outdir, modules, compatibilityDate: "2026-01-01" };
}

/** Serializes starts, so that new processes can be identified. */
let starting: Promise<unknown> = Promise.resolve();

/** Starts a Worker, and returns it with its processes. */
export function started(options: MiniflareOptions): Promise<{ worker: Miniflare; pids: readonly number[] }> {
  const start = async () => {
    const others = new Set(workerds());
    const worker = new Miniflare(options);
    await worker.ready;
    return { worker, pids: workerds().filter((pid) => !others.has(pid)) };
  };
  const begun = starting.then(start);
  starting = begun.catch(() => {});
  return begun;
}

/** Returns the workerd processes that this process started. */
function workerds(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("workerd");
      } catch {
        return false;
      }
    });
}
