/** Runs the Worker and its log in workerd, as `wrangler dev` does with both configurations. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { project, require } from "./tools.ts";

const { Miniflare } = require("miniflare") as typeof import("miniflare");
const esbuild = require("esbuild") as typeof import("esbuild");

/** The parts of a wrangler.jsonc that the examples use. */
interface Config {
  readonly name: string;
  readonly main: string;
  readonly compatibility_date: string;
  readonly vars?: Readonly<Record<string, string>>;
  readonly services?: readonly { binding: string; service: string }[];
  readonly durable_objects?: { bindings: readonly { name: string; class_name: string }[] };
  readonly r2_buckets?: readonly { binding: string; bucket_name: string }[];
}

/** Options of `startWorkers`. */
export interface WorkersOptions {
  /** The secrets and variables of each Worker, as in .dev.vars. */
  vars: { worker: Readonly<Record<string, string>>; log: Readonly<Record<string, string>> };
  /** Ports on loopback; 0 for any. */
  ports?: { worker: number; log: number };
  /** The folder for bundles. */
  build: string;
  /** The folder for the log's storage; in memory if omitted. */
  storage?: string;
  /** An HTML file served at `/` of the log's URL. */
  page?: string;
}

/** The running Workers. */
export interface Workers {
  readonly url: string;
  readonly logUrl: string;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";

/** Starts both Workers. */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const { vars, ports = { worker: 0, log: 0 }, build, storage, page } = options;
  const worker = await configured("worker", vars.worker, build);
  const log = await configured("log-on-cloudflare", vars.log, build);
  const sockets = [{ host: HOST, port: ports.log }];
  const front = page === undefined ? undefined : withPage(page, log.name, sockets);
  const miniflare = new Miniflare({
    host: HOST,
    port: ports.worker,
    ...(storage !== undefined && { durableObjectsPersist: join(storage, "do"), r2Persist: join(storage, "r2") }),
    workers: [
      worker,
      front === undefined ? { ...log, unsafeDirectSockets: sockets } : log,
      ...(front === undefined ? [] : [front]),
    ],
  });
  const url = await miniflare.ready;
  const logUrl = await miniflare.unsafeGetDirectURL(front?.name ?? log.name);
  return { url: url.origin, logUrl: logUrl.origin, close: () => miniflare.dispose() };
}

async function configured(folder: string, vars: Readonly<Record<string, string>>, build: string) {
  const root = project(`examples/${folder}`);
  const text = readFileSync(join(root, "wrangler.jsonc"), "utf8");
  const config = JSON.parse(text.replace(/^\s*\/\/.*$/gm, "")) as Config;
  const { durable_objects: objects, r2_buckets: buckets = [], services = [] } = config;
  return {
    name: config.name,
    ...(await bundle(join(root, config.main), join(build, folder))),
    compatibilityDate: config.compatibility_date,
    bindings: { ...config.vars, ...vars },
    serviceBindings: Object.fromEntries(services.map(({ binding, service }) => [binding, service])),
    r2Buckets: Object.fromEntries(buckets.map(({ binding, bucket_name: bucket }) => [binding, bucket])),
    durableObjects: Object.fromEntries(
      (objects?.bindings ?? []).map(({ name, class_name: className }) => [name, { className, useSQLite: true }]),
    ),
  };
}

/** Bundles like wrangler: WebAssembly stays a separate module. */
async function bundle(main: string, outdir: string) {
  const { outputFiles } = await esbuild.build({
    entryPoints: { worker: main },
    outdir,
    bundle: true,
    format: "esm",
    target: "es2024",
    outExtension: { ".js": ".mjs" },
    conditions: ["workerd", "worker", "browser"],
    loader: { ".wasm": "copy", ".html": "text" },
    external: ["cloudflare:*"],
    assetNames: "[name]",
    write: false,
  });
  return {
    modulesRoot: outdir,
    modules: outputFiles
      .map(({ path, contents }) =>
        path.endsWith(".wasm")
          ? { type: "CompiledWasm" as const, path, contents }
          : { type: "ESModule" as const, path, contents: new TextDecoder().decode(contents) },
      )
      .sort((a, b) => Number(a.type === "CompiledWasm") - Number(b.type === "CompiledWasm")),
  };
}

/** Returns a Worker in front of the log that serves a page, as `countersign serve --page` does. */
function withPage(page: string, log: string, sockets: { host: string; port: number }[]) {
  return {
    name: `${log}-with-page`,
    modulesRoot: "/",
    modules: [
      { type: "ESModule" as const, path: "/front.mjs", contents: FRONT },
      { type: "Text" as const, path: "/page.html", contents: readFileSync(page, "utf8") },
    ],
    compatibilityDate: "2026-01-01",
    serviceBindings: { LOG: log },
    unsafeDirectSockets: sockets,
  };
}

const FRONT = `
import page from "./page.html";

export default {
  fetch(request, env) {
    return request.method === "GET" && new URL(request.url).pathname === "/"
      ? new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } })
      : env.LOG.fetch(request);
  },
};
`;
