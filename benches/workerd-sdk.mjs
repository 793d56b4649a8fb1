// Measures the cost of the npm package in a Cloudflare Worker, in workerd alone and with `countersign
// serve`.
//
//     node workerd-sdk.mjs COUNTERSIGN flush REQUESTS
//     node workerd-sdk.mjs COUNTERSIGN start ROUNDS
//
// `flush` prints the processor milliseconds of a request that records and submits 64 events, relative to a
// request that only records them, and relative to one that sends them as JSON to the same server, which
// rejects them.
//
// `start` prints the milliseconds from starting workerd to the first response of a Worker that loads the
// package, relative to the same Worker without it; the same for a Worker that creates its recorder first;
// the processor milliseconds of that; and those of a Worker that also records an event and starts its
// flush.
import { spawn, spawnSync } from "node:child_process";
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../js/packages/countersign/", import.meta.url));
const require = createRequire(join(PACKAGE, "package.json"));
const esbuild = require("esbuild");
const WORKERD = require.resolve("workerd/bin/workerd");
const EVENTS = 64;

const [, , countersign, what, count] = process.argv;
const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
const children = [];

/** Creates a private key and its public key, as in notes. */
function keyOf(name, seed) {
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  const secret = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(secret).export({ format: "jwk" });
  const typed = (bytes) => Buffer.concat([Buffer.of(1), bytes]);
  const key = typed(Buffer.from(x, "base64url"));
  const id = createHash("sha256").update(`${name}\n`).update(key).digest().subarray(0, 4).toString("hex");
  return {
    key: `PRIVATE+KEY+${name}+${id}+${typed(seed).toString("base64")}`,
    vkey: `${name}+${id}+${key.toString("base64")}`,
  };
}

const log = keyOf("log.example/bench", Buffer.alloc(32, 1));
const emitter = keyOf("bench.example/worker", Buffer.alloc(32, 2));

async function serve() {
  writeFileSync(join(folder, "log.key"), `${log.key}\n`, { mode: 0o600 });
  writeFileSync(join(folder, "trust.txt"), `log ${log.vkey}\nemitter ${emitter.vkey}\n`);
  const server = spawn(countersign, ["serve", "--dir", folder, "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  children.push(server);
  return new Promise((resolve, reject) => {
    const said = createInterface(server.stderr);
    said.on("line", (line) => {
      const [, url] = line.split(" listens on ");
      if (url) resolve(url);
    });
    said.on("close", () => reject(new Error("countersign serve did not start")));
  });
}

/** The Workers' code. Each creates 64 events per request, or one. */
const CODE = {
  recording: `
    import { withCountersign } from "countersign/cloudflare";
    import { event } from "./event.mjs";
    let made = 0;
    export default withCountersign((env) => ({ key: env.KEY, to: env.TO, log: env.LOG }), {
      async fetch(request, env, ctx, audit) {
        for (const end = made + env.EVENTS; made < end; made++) audit.record(event(made));
        if (env.EVENTS > 1) await audit.flush();
        return new Response("ok");
      },
    });`,
  made: `
    import { withCountersign } from "countersign/cloudflare";
    export default withCountersign((env) => ({ key: env.KEY, to: env.TO, log: env.LOG }), {
      async fetch(request, env, ctx, audit) {
        return new Response("ok");
      },
    });`,
  loaded: `
    import { withCountersign } from "countersign/cloudflare";
    const kept = withCountersign((env) => ({ key: env.KEY, to: env.TO, log: env.LOG }), {
      async fetch(request, env, ctx, audit) {
        return new Response("kept");
      },
    });
    export default {
      fetch(request, env, ctx) {
        return request.method === "POST" ? kept.fetch(request, env, ctx) : new Response("ok");
      },
    };`,
  queued: `
    import { createRecorder } from "countersign";
    import { event } from "./event.mjs";
    let [made, requests, audit] = [0, 0];
    export default {
      async fetch(request, env) {
        // Discard the events before too many are waiting.
        if (requests++ % 16 === 0) audit = createRecorder({ key: env.KEY, to: env.TO, log: env.LOG, autoFlush: false });
        for (const end = made + env.EVENTS; made < end; made++) audit.record(event(made));
        return new Response("ok");
      },
    };`,
  plain: `
    import { event } from "./event.mjs";
    let made = 0;
    export default {
      async fetch(request, env) {
        const events = [];
        for (const end = made + env.EVENTS; made < end; made++) events.push(event(made));
        if (env.EVENTS > 1) {
          const response = await fetch(env.TO + "/submit", { method: "POST", body: JSON.stringify(events) });
          await response.text();
        }
        return new Response("ok");
      },
    };`,
};

/** Bundles as wrangler does, and adds workerd's configuration. */
async function bundle(name, url, events) {
  const { exports } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  const entry = {
    name: "countersign",
    setup: (build) =>
      build.onResolve({ filter: /^countersign/ }, ({ path }) => {
        const targets = exports[`.${path.slice("countersign".length)}`];
        return { path: join(PACKAGE, targets.workerd ?? targets.default) };
      }),
  };
  const wasm = {
    name: "wasm",
    setup: (build) =>
      build.onResolve({ filter: /\.wasm$/ }, ({ path }) => ({ path: `./${basename(path)}`, external: true })),
  };
  const { metafile } = await esbuild.build({
    stdin: { contents: CODE[name], resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    outfile: join(folder, `${name}.mjs`),
    bundle: true,
    minify: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    plugins: [entry, wasm],
    metafile: true,
  });
  const imported = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  // The runtime provides these modules.
  const modules = imported.filter((path) => path.endsWith(".wasm"));
  for (const path of modules) copyFileSync(join(PACKAGE, "dist/wasm", path), join(folder, path));
  const text = (value) => JSON.stringify(value);
  writeFileSync(
    join(folder, `${name}.capnp`),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  compatibilityDate = "2026-01-01",
  modules = [
    (name = "worker.mjs", esModule = embed ${text(`${name}.mjs`)}),
    ${modules.map((path) => `(name = ${text(path)}, wasm = embed ${text(path)}),`).join("\n")}
  ],
  bindings = [
    (name = "KEY", text = ${text(emitter.key)}),
    (name = "LOG", text = ${text(log.vkey)}),
    (name = "TO", text = ${text(url)}),
    (name = "EVENTS", json = "${events}"),
  ],
);
`,
  );
  // Parsing a configuration, which grows with its embedded files, isn't part of a Worker's start.
  const compiled = join(folder, `${name}.bin`);
  const { stdout } = spawnSync(WORKERD, ["compile", "--config-only", join(folder, `${name}.capnp`)], {
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 1 << 24,
  });
  writeFileSync(compiled, stdout);
  return compiled;
}

/** A workerd that listens. */
async function start(config) {
  const began = performance.now();
  const child = spawn(WORKERD, ["serve", "--experimental", "--control-fd=3", "--binary", config], {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  children.push(child);
  const port = await new Promise((resolve, reject) => {
    createInterface(child.stdio[3]).on("line", (line) => {
      const { event, port } = JSON.parse(line);
      if (event === "listen") resolve(port);
    });
    child.on("exit", () => reject(new Error("workerd ended")));
  });
  return { child, began, url: `http://127.0.0.1:${port}/` };
}

/** Returns the processor time of a process's threads in nanoseconds, as counted by Linux. */
function processor({ pid }) {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const [ran] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ");
    return sum + Number(ran);
  }, 0);
}

async function ask(url) {
  const response = await fetch(url);
  const text = await response.text();
  if (text !== "ok") throw new Error(`${response.status}: ${text}`);
}

const stop = (child) =>
  new Promise((resolve) => {
    child.on("exit", resolve);
    child.kill("SIGKILL");
  });

async function flush(requests) {
  const url = await serve();
  const names = ["recording", "queued", "plain"];
  const workers = [];
  for (const name of names) workers.push({ ...(await start(await bundle(name, url, EVENTS))), took: 0 });
  const TURNS = 20;
  for (let turn = -TURNS / 4; turn < TURNS; turn++) {
    for (const worker of workers) {
      const before = processor(worker.child);
      for (let nth = 0; nth < requests / TURNS; nth++) await ask(worker.url);
      // Warm up, so that compilation isn't measured.
      if (turn >= 0) worker.took += processor(worker.child) - before;
    }
  }
  const [recording, queued, plain] = workers.map(({ took }) => took / 1e6 / requests);
  return [recording - queued, recording - plain];
}

async function startUp(rounds) {
  const url = "http://127.0.0.1:9";
  const configs = {};
  for (const name of ["plain", "loaded", "made", "recording"]) configs[name] = await bundle(name, url, 1);
  const differences = [];
  for (let round = 0; round < rounds; round++) {
    const took = {};
    for (const [name, config] of Object.entries(configs)) {
      const { child, began, url: worker } = await start(config);
      await ask(worker);
      took[name] = [performance.now() - began, processor(child) / 1e6];
      await stop(child);
    }
    const { plain, loaded, made, recording } = took;
    differences.push([
      loaded[0] - plain[0],
      made[0] - plain[0],
      made[1] - plain[1],
      recording[1] - plain[1],
    ]);
  }
  return [0, 1, 2, 3].map((which) => {
    const sorted = differences.map((difference) => difference[which]).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  });
}

try {
  const figures = what === "flush" ? await flush(Number(count)) : await startUp(Number(count));
  console.log(figures.join(" "));
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
