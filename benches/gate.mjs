// Measures the cost of a gate with the 30 rules and the watchlist of crates/analyze/tests/gate, on Node.js
// or in workerd.
//
//     node gate.mjs node DECISIONS
//     node gate.mjs workerd DECISIONS
//
// Prints the microseconds per decision, and the milliseconds from creating the gate until it was ready. For
// workerd, measured over HTTP, these are medians of several starts.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const js = new URL("../js/", import.meta.url);
const table = new URL("../crates/analyze/tests/gate/", import.meta.url);
const [, , where, count] = process.argv;
const decisions = Number(count);
/** The number of times that workerd is started. */
const STARTS = 15;

const read = (name) => readFileSync(new URL(name, table), "utf8");
const given = {
  pack: JSON.parse(read("pack.json")),
  list: read("watchlist.txt"),
  key: read("watchlist.vkey").trim(),
  // Typical requests, which no rule denies. The SDK rejects an actor that is a string.
  events: read("decisions.ndjson")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ decision, event, now }) => decision === null && now.includes("T11:") && event.includes('"action":"http.request"') && event.length < 1000)
    .map(({ event }) => JSON.parse(event))
    .filter(({ actor }) => typeof actor !== "string"),
};

/** Creates a gate and decides with it. Self-contained, because its source becomes a Worker's. */
async function work(gate, { pack, list, key, events }, decisions) {
  // A time at which the watchlist is valid.
  Date.now = () => Date.UTC(2026, 10, 20, 11);
  const edge = gate({
    pack,
    fail: "closed",
    watchlist: list && { url: "https://watch.example/", key, fetch: async () => new Response(list) },
  });
  await edge.ready();
  let refused = 0;
  for (let nth = 0; nth < decisions; nth += 1) {
    const decision = edge.decide(events[nth % events.length]);
    refused += decision.decision === "allow" ? 0 : 1;
  }
  return refused;
}

/** Returns the milliseconds that a function took: processor time, unless another clock is given. */
async function timed(something, clock = ofThis) {
  const began = clock();
  const refused = await something();
  if (refused !== 0) {
    throw new Error(`${refused} were refused`);
  }
  return clock() - began;
}

const passed = () => performance.now();
const median = (figures) => [...figures].sort((one, other) => one - other)[figures.length >> 1];
const ofThis = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

async function onNode() {
  const { gate } = await import(new URL("packages/countersign/dist/gate.js", js));
  const ready = await timed(() => work(gate, { ...given, list: undefined }, 0), passed);
  await timed(() => work(gate, given, 20_000));
  return [(await timed(() => work(gate, given, decisions))) * (1000 / decisions), ready];
}

async function inWorkerd() {
  const require = createRequire(new URL("package.json", js));
  const { Miniflare } = require("miniflare");
  const { outputFiles } = await require("esbuild").build({
    stdin: {
      contents: `
        import { gate } from "countersign/gate";
        import given from "given";
        ${work}
        export default {
          async fetch(request) {
            const decisions = Number(new URL(request.url).searchParams.get("decisions") ?? "-1");
            const { list, ...rest } = given;
            return new Response(
              String(decisions < 0 ? 0 : await work(gate, decisions === 0 ? rest : given, decisions)),
            );
          },
        };`,
      resolveDir: fileURLToPath(js),
    },
    plugins: [
      {
        name: "given",
        setup(build) {
          build.onResolve({ filter: /^given$/ }, () => ({ path: "given", namespace: "given" }));
          build.onLoad({ filter: /.*/, namespace: "given" }, () => ({ contents: JSON.stringify(given), loader: "json" }));
        },
      },
    ],
    bundle: true,
    minify: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
    outdir: "/",
    write: false,
  });
  const start = async () => {
    const worker = new Miniflare({
      modulesRoot: "/",
      modules: outputFiles.map(({ path, contents }) => ({
        type: path.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
        path,
        contents: path.endsWith(".wasm") ? contents : new TextDecoder().decode(contents),
      })).sort(({ type }) => (type === "ESModule" ? -1 : 1)),
      compatibilityDate: "2026-01-01",
    });
    const ask = async (query) => Number(await (await worker.dispatchFetch(`http://worker.test/${query}`)).text());
    await ask("");
    return { worker, ask };
  };
  // A Worker's clock stands still, so measure from outside.
  const loads = [];
  for (let nth = 0; nth < STARTS; nth += 1) {
    const { worker, ask } = await start();
    const empty = [];
    for (let request = 0; request < 9; request += 1) {
      empty.push(await timed(() => ask(""), passed));
    }
    loads.push((await timed(() => ask("?decisions=0"), passed)) - median(empty));
    await worker.dispose();
  }
  const { worker, ask } = await start();
  try {
    await timed(() => ask("?decisions=20000"), passed);
    const empty = await timed(() => ask(""), passed);
    const all = await timed(() => ask(`?decisions=${decisions}`), passed);
    return [(all - empty) * (1000 / decisions), median(loads)];
  } finally {
    await worker.dispose();
  }
}

const figures = await (where === "workerd" ? inWorkerd() : onNode());
console.log(figures.join(" "));
