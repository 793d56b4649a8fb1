/** Tests the packed package with bundlers and runtimes, each in a project outside of this tree. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { EdgeRuntime } from "edge-runtime";
import * as esbuild from "esbuild";
import { Miniflare } from "miniflare";
import { rollup } from "rollup";
import webpack from "webpack";
import { Installed } from "./installed.ts";
import { inBrowser } from "./runtimes.ts";

const run = promisify(execFile);
const tool = (name: string) => fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url));
const bun = tool("bun");

const installed = new Installed("countersign", "@countersign/viewer");
after(() => installed.remove());

const WORKS = "verified";
const entry = installed.path("test", "main.js");
writeFileSync(entry, 'import { once } from "./setups/once.mjs";\nonce().then((said) => console.log(said));\n');
const pageEntry = installed.path("test", "page.js");
writeFileSync(
  pageEntry,
  'import { once } from "./setups/once.mjs";\nonce().then((said) => { document.body.dataset.said = said; });\n',
);

/** Returns a program's output on both streams. */
async function saidBy(program: string, ...args: string[]): Promise<{ out: string; errors: string }> {
  const { stdout, stderr } = await run(program, args, { cwd: installed.folder });
  return { out: stdout.trim(), errors: stderr.trim() };
}

/** Asserts that a program works without any warnings. */
async function works(program: string, ...args: string[]): Promise<void> {
  assert.deepEqual(await saidBy(program, ...args), { out: WORKS, errors: "" });
}

/** Bundles a file with esbuild. */
const bundled = (outfile: string, options: esbuild.BuildOptions) =>
  esbuild.build({
    entryPoints: [entry],
    absWorkingDir: installed.folder,
    bundle: true,
    outfile: installed.path(outfile),
    logLevel: "silent",
    ...options,
  });

/** Runs a page with one script in Chromium. */
async function worksInPage(folder: string): Promise<void> {
  writeFileSync(
    installed.path(folder, "index.html"),
    '<!doctype html><meta charset="utf-8" /><title>countersign</title><script type="module" src="./page.js"></script>\n',
  );
  await inBrowser(installed.path(folder), "script-src 'self' 'wasm-unsafe-eval'", async (tab) => {
    // Not `waitForFunction`, whose evaluation the policy forbids.
    const body = tab.locator("body[data-said]");
    await body.waitFor({ state: "attached" });
    assert.equal(await body.getAttribute("data-said"), WORKS);
  });
}

/** Returns the oldest supported Node.js; undefined on machines without one. */
function oldestNode(): string | undefined {
  const { resolve } = createRequire(new URL("oldest-node/package.json", import.meta.url));
  try {
    const { platform, arch } = process;
    return join(resolve(`node-${platform}-${arch}/package.json`), "../bin/node");
  } catch {
    return undefined;
  }
}

test("oldest Node.js", { skip: oldestNode() === undefined && "there is none for this machine" }, async () => {
  const node = oldestNode() ?? "";
  const { engines } = JSON.parse(readFileSync(installed.path("node_modules/countersign/package.json"), "utf8"));
  const { out: version } = await saidBy(node, "--version");
  assert.equal(engines.node, `>=${version.slice(1).split(".")[0]}`);
  // Its WebCrypto considers Ed25519 experimental.
  await works(node, "--disable-warning=ExperimentalWarning", entry);
  const files = installed.path("test", "files.mjs");
  writeFileSync(
    files,
    `import { createRecorder } from "countersign";
    import { fileOutbox, fileTransport } from "countersign/node";
    import { KEY } from "./scenario.mjs";
    const options = { key: KEY, origin: "log.example/audit", to: fileTransport("log.ndjson"), outbox: fileOutbox("outbox") };
    const audit = createRecorder(options);
    const handle = audit.record({ action: "job.delete", actor: { id: "u_1" } });
    await handle.stored();
    await audit.close();
    console.log((await handle.delivered()).seq);\n`,
  );
  assert.deepEqual(await saidBy(node, files), { out: "1", errors: "" });
});

test("a classic script, as built by Metro", async () => {
  // `import.meta` is a syntax error there. esbuild removes it with a warning.
  const { warnings } = await bundled("metro.cjs", { conditions: ["react-native"], format: "iife", target: "es2022" });
  assert.deepEqual(warnings, []);
  await works(process.execPath, installed.path("metro.cjs"));
});

test("CommonJS with require", async () => {
  const file = installed.path("test", "required.cjs");
  writeFileSync(
    file,
    `const { createRecorder, memory } = require("countersign");
    const { auditHttp } = require("countersign/node");
    const { verify } = require("countersign/verify");
    const { KEY, TRUST } = require("./scenario.mjs");
    (async () => {
      const to = memory();
      const audit = createRecorder({ key: KEY, origin: "log.example/audit", to });
      audit.record({ action: "job.delete" });
      await audit.close();
      const { report } = await verify(to.bytes(), { trust: TRUST });
      console.log(typeof auditHttp, report.verdict);
    })();\n`,
  );
  assert.deepEqual(await saidBy(process.execPath, file), { out: `function ${WORKS}`, errors: "" });
});

test("esbuild for Node.js as an ES module", async () => {
  await bundled("esbuild.mjs", { platform: "node", format: "esm" });
  await works(process.execPath, installed.path("esbuild.mjs"));
});

test("esbuild for Node.js as CommonJS", async () => {
  await bundled("esbuild.cjs", { platform: "node", format: "cjs" });
  await works(process.execPath, installed.path("esbuild.cjs"));
});

for (const format of ["esm", "iife"] as const) {
  test(`esbuild for a page as ${format}`, async () => {
    await bundled(`esbuild-${format}/page.js`, { entryPoints: [pageEntry], format });
    await worksInPage(`esbuild-${format}`);
  });
}

for (const [target, program] of [
  ["node", process.execPath],
  ["bun", bun],
] as const) {
  test(`bun build for ${target}`, async () => {
    const outfile = installed.path(`${target}.mjs`);
    await saidBy(bun, "build", entry, `--target=${target}`, `--outfile=${outfile}`);
    await works(program, outfile);
  });
}

test("bun build for a page", async () => {
  await saidBy(bun, "build", pageEntry, "--target=browser", `--outfile=${installed.path("bun-page/page.js")}`);
  await worksInPage("bun-page");
});

test("webpack for Node.js", async () => {
  await packed({ entry, target: "node", output: { path: installed.path("webpack"), filename: "main.cjs" } });
  await works(process.execPath, installed.path("webpack/main.cjs"));
});

test("webpack for a page", async () => {
  const output = { path: installed.path("webpack-page"), filename: "page.js", publicPath: "/" };
  await packed({ entry: pageEntry, target: "web", output });
  await worksInPage("webpack-page");
});

async function packed(configuration: webpack.Configuration): Promise<void> {
  const compiler = webpack({
    mode: "production",
    context: installed.folder,
    performance: false,
    ...configuration,
  });
  const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) =>
    compiler?.run((error, stats) => (error ? reject(error) : resolve(stats))),
  );
  assert.deepEqual([stats?.compilation.errors, stats?.compilation.warnings], [[], []]);
  await new Promise((resolve) => compiler?.close(resolve));
}

test("Rollup for Node.js", async () => {
  await rolled(entry, "rollup", "main.mjs", ["node"]);
  await works(process.execPath, installed.path("rollup/main.mjs"));
});

test("Rollup for a page", async () => {
  await rolled(pageEntry, "rollup-page", "page.js", ["browser"]);
  await worksInPage("rollup-page");
});

async function rolled(input: string, dir: string, name: string, exportConditions: string[]): Promise<void> {
  const build = await rollup({
    input,
    external: /^node:/,
    plugins: [nodeResolve({ exportConditions })],
    onwarn: (warning) => assert.fail(warning.message),
  });
  await build.write({ dir: installed.path(dir), format: "es", entryFileNames: name });
  await build.close();
}

test("Vercel's edge runtime", async () => {
  const stdin = {
    contents: `import { once } from "./setups/once.mjs";
      addEventListener("fetch", (event) => event.respondWith(once().then((said) => new Response(said))));`,
    resolveDir: installed.path("test"),
  };
  const { outputFiles } = await esbuild.build({
    stdin,
    bundle: true,
    format: "iife",
    conditions: ["edge-light", "browser"],
    write: false,
  });
  const runtime = new EdgeRuntime({ initialCode: outputFiles[0]?.text ?? "" });
  const response = await runtime.dispatchFetch("https://edge.test/");
  assert.equal(await response.text(), WORKS);
});

for (const [name, conditions] of [
  ["Nitro for Cloudflare, which itself starts WebAssembly that it is not asked for as a module", ["workerd", "unwasm"]],
  ["SvelteKit for Vercel's edge runtime, which compiles no WebAssembly", ["edge-light", "module"]],
] as const) {
  test(name, async () => {
    const contents = ["countersign", "countersign/gate", "countersign/verify"].map(
      (entry) => `export * from "${entry}";`,
    );
    const { outputFiles } = await esbuild.build({
      stdin: { contents: contents.join("\n"), resolveDir: installed.path("test") },
      bundle: true,
      format: "esm",
      conditions: [...conditions],
      outdir: "out",
      assetNames: "[name]",
      loader: { ".wasm": "copy" },
      write: false,
    });
    const [code = ""] = outputFiles.filter(({ path }) => path.endsWith(".js")).map(({ text }) => text);
    const imports = ["gate", "recorder", "verifier"].map((artifact) => code.includes(`"./${artifact}_bg.wasm?module"`));
    assert.deepEqual(imports, [true, true, true]);
    assert.equal(outputFiles.filter(({ path }) => path.endsWith(".wasm")).length, 3);
  });
}

test("wrangler", async () => {
  const folder = installed.path("wrangler");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "worker.js"),
    'import { once } from "../test/setups/once.mjs";\nexport default { fetch: async () => new Response(await once()) };\n',
  );
  writeFileSync(
    join(folder, "wrangler.json"),
    JSON.stringify({ name: "worker", main: "worker.js", compatibility_date: "2026-01-01" }),
  );
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_LOG_PATH: folder, CI: "true" };
  await run(tool("wrangler"), ["deploy", "--dry-run", "--outdir", "out"], { cwd: folder, env });
  const worker = new Miniflare({
    modules: true,
    modulesRules: [{ type: "CompiledWasm", include: ["**/*.wasm"] }],
    scriptPath: join(folder, "out/worker.js"),
    modulesRoot: join(folder, "out"),
    compatibilityDate: "2026-01-01",
  });
  try {
    assert.equal(await (await worker.dispatchFetch("http://worker.test/")).text(), WORKS);
  } finally {
    await worker.dispose();
  }
});

test("countersign/slim reports lost events too", async () => {
  const program = installed.path("test", "host.mjs");
  writeFileSync(
    program,
    `import { readFileSync } from "node:fs";
    import { recording } from "countersign/slim";
    import { KEY } from "./scenario.mjs";
    const wasm = readFileSync(new URL(import.meta.resolve("countersign/recorder.wasm")));
    const { createRecorder } = recording(() => WebAssembly.compile(wasm));
    const delivered = [];
    const to = (chunk) => delivered.push(chunk);
    const audit = createRecorder({ key: KEY, origin: "log.example", to });
    audit.record({ action: "job.delete", actor: { id: "u_1" } });
    process.on("exit", () => console.log(delivered.length));
    if (process.argv[2] === "exits") process.exit();\n`,
  );
  assert.deepEqual(await saidBy(process.execPath, program), { out: "1", errors: "" });
  await assert.rejects(saidBy(process.execPath, program, "exits"), {
    code: 1,
    stdout: "0\n",
    stderr: /countersign: recorder\.lost: 1 event was not delivered before the program exited/,
  });
});

for (const [engine, removed] of [
  ["WebAssembly", "globalThis.WebAssembly"],
  ["String.prototype.isWellFormed", "String.prototype.isWellFormed"],
] as const) {
  test(`an engine without ${engine} is reported at the first call`, async () => {
    const program = installed.path("test", `without-${engine}.mjs`);
    writeFileSync(
      program,
      `delete ${removed};
      const { createRecorder } = await import("countersign");
      const { createIssuer } = await import("countersign/issuer");
      const { verify } = await import("countersign/verify");
      const { KEY } = await import("./scenario.mjs");
      const issuer = () => createIssuer({ key: KEY, to: "https://log.example", log: "log.example" });
      const vkey = "example.com/recorder/a+7fca09ae+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
      for (const call of [async () => createRecorder({}), () => verify(new Uint8Array()), () => issuer().grant(vkey)]) {
        await call().then(() => console.log("went on"), ({ code, message }) => console.log(code + ": " + message));
      }\n`,
    );
    const { out } = await saidBy(process.execPath, program);
    assert.deepEqual(
      out.split("\n"),
      Array.from({ length: 3 }, () => `engine.unsupported: this JavaScript engine does not support ${engine}`),
    );
  });
}

test("WebAssembly that can't load is reported with a hint", async () => {
  const { recording } = await import(pathToFileURL(createRequire(entry).resolve("countersign/slim")).href);
  const failure = async (cause: unknown) => {
    const { createRecorder } = recording(() => Promise.reject(cause));
    const options = { key: "", to: () => {}, origin: "log.example", onError: () => {} };
    options.key = "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
    return createRecorder(options)
      .ready()
      .catch((error: unknown) => error);
  };
  for (const [cause, hint] of [
    [new Error("ENOENT: no such file or directory, open 'recorder.wasm'"), /^undefined$/],
    [new WebAssembly.CompileError("call to WebAssembly.compile() blocked by CSP"), /Content-Security-Policy/],
    [
      new WebAssembly.CompileError("WebAssembly.compile(): Wasm code generation disallowed by embedder"),
      /import countersign\/recorder\.wasm/,
    ],
    [new WebAssembly.CompileError("expected magic word 00 61 73 6d"), /is unchanged/],
  ] as const) {
    const error = await failure(cause);
    assert.equal(error.code, "wasm.unavailable");
    assert.ok(error.message.includes(cause.message));
    assert.match(String(error.hint), hint);
  }
});

test("matchers in vitest", async () => {
  const folder = installed.path("vitest");
  cpSync(installed.path("test/setups/vitest"), folder, { recursive: true });
  cpSync(installed.path("node_modules/countersign"), join(folder, "node_modules/countersign"), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
  installed.copy(folder, "vitest", "vite");
  const env = { ...process.env, NO_COLOR: "1" };
  const { stdout } = await run(process.execPath, ["node_modules/vitest/vitest.mjs", "run"], { cwd: folder, env });
  assert.match(stdout, /Tests +2 passed \(2\)/);
});

test("the viewer in jsdom reports what is missing without throwing", async () => {
  const page = installed.path("test/setups/dom.mjs");
  const { out, errors } = await saidBy(process.execPath, page, import.meta.resolve("jsdom"));
  const result = JSON.parse(out);
  assert.match(
    result.text,
    /The file could not be checked.*this environment has no Worker.*worker\.unavailable.*in a browser/,
  );
  assert.deepEqual([result.errors, errors], [[], ""]);
});

test("the viewer loads on a server without custom elements", async () => {
  await saidBy(process.execPath, "--input-type=module", "--eval", 'import "@countersign/viewer"');
});
