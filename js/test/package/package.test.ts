/** The packed package in every runtime, recording real events: the same bytes everywhere, and all verified. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { realEvents } from "../real-events.ts";
import { Installed } from "./installed.ts";
import { buildPage, inBrowser, inWorkerd } from "./runtimes.ts";
import { KEY, TRUST } from "./scenario.mjs";

const run = promisify(execFile);
const tool = (name: string) => fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url));

const sources = realEvents();
const skip = typeof sources === "string" ? sources : false;
const installed = new Installed();
after(() => installed.remove());

/** The file that an import in the project gives. */
const resolveImport = (specifier: string) => createRequire(installed.path("x.js")).resolve(specifier);

let first: Record<string, string> | undefined;
/** Exports must be those of the runtime before. */
function same(exports: Record<string, string>): void {
  assert.deepEqual(Object.keys(exports), Object.keys(sources));
  first ??= exports;
  for (const [name, text] of Object.entries(exports)) {
    assert.ok(text === first[name], `${name} differs`);
  }
}

test("the tarball holds what is built, and nothing else", () => {
  assert.deepEqual(
    installed.files.filter((path) => !/^dist\/|^(package\.json|README\.md|LICENSE.*)$/.test(path)),
    [],
  );
  for (const name of ["recorder", "recorder-slim", "verifier"]) {
    assert.ok(installed.files.includes(`dist/wasm/${name}_bg.wasm`));
    assert.ok(existsSync(resolveImport(`countersign/${name}.wasm`)));
  }
});

test("a tree that is not built is not packed", async () => {
  const check = new URL("../../build/packable.mjs", import.meta.url);
  await run(process.execPath, [fileURLToPath(check)]);
  const unbuilt = installed.path("unbuilt");
  // The scripts run whatever npm is told elsewhere.
  const pack = ["pack", "--dry-run", "--ignore-scripts=false"];
  cpSync(check, installed.path("unbuilt/build/packable.mjs"));
  cpSync(new URL("../../package.json", import.meta.url), installed.path("unbuilt/package.json"));
  await assert.rejects(run("npm", pack, { cwd: unbuilt }), /not built.*record\.js/);
  cpSync(new URL("../../dist", import.meta.url), installed.path("unbuilt/dist"), { recursive: true });
  writeFileSync(installed.path("unbuilt/dist/inlined/recorder.js"), 'export default "AGFzbQ==";\n');
  await assert.rejects(run("npm", pack, { cwd: unbuilt }), /not as it is now: dist\/inlined\/recorder\.js/);
});

for (const resolution of ["nodenext", "bundler"]) {
  const module = resolution === "bundler" ? "esnext" : resolution;
  const options = `--noEmit --strict --exactOptionalPropertyTypes --target es2023 --jsx react-jsx`;
  const compile = async (types: string, files: readonly string[], lib = "es2023,dom") => {
    const how = ["--lib", lib, "--module", module, "--moduleResolution", resolution, "--types", types];
    const args = [...options.split(" "), ...how];
    const { stdout } = await run(tool("tsc"), [...args, ...files], { cwd: installed.folder }).catch((e) => e);
    assert.equal(stdout, "");
  };

  test(`its types, as module resolution ${resolution} finds them`, () =>
    compile("", ["test/consumer.ts", "test/types.ts"]));

  test(`its types beside other packages', as module resolution ${resolution} finds them`, () => {
    installed.borrow("hono", "@types/node", "undici-types");
    return compile("node", ["test/types-beside.ts"]);
  });

  test(`its types without the DOM library, as module resolution ${resolution} finds them`, () => {
    installed.borrow("@types/node", "undici-types");
    return compile("node", ["test/types-without-dom.ts"], "es2023");
  });

  test(`the element's types in React's JSX, as module resolution ${resolution} finds them`, () => {
    installed.borrow("react", "@types/react", "csstype");
    return compile("", ["test/types-react.tsx"], "es2023,dom,dom.iterable");
  });
}

test("whoever loads the WebAssembly brings it along", async () => {
  for (const [host, artefact] of [
    ["countersign/host", "recorder"],
    ["countersign/slim/host", "recorder-slim"],
  ] as const) {
    const { recording } = await import(pathToFileURL(resolveImport(host)).href);
    const { createRecorder } = recording(() =>
      WebAssembly.compile(readFileSync(resolveImport(`countersign/${artefact}.wasm`))),
    );
    const chunks: Uint8Array[] = [];
    const recorder = await createRecorder({
      key: KEY,
      origin: "log.example",
      to: (chunk: Uint8Array) => chunks.push(chunk),
    });
    await recorder.close();
    assert.equal(chunks.length, 1);
  }
});

for (const [runtime, program, ...args] of [
  ["Node", process.execPath],
  ["Deno", tool("deno"), "run", "--allow-read", "--allow-write", "--allow-env"],
  ["Bun", tool("bun"), "run"],
] as const) {
  test(`in ${runtime}`, { skip }, async () => {
    const [into, out] = [installed.path(`${runtime}-in.json`), installed.path(`${runtime}-out.json`)];
    writeFileSync(into, JSON.stringify(sources));
    await run(program, [...args, installed.path("test/main.mjs"), into, out], { cwd: installed.folder });
    same(JSON.parse(readFileSync(out, "utf8")));
  });
}

test("in workerd, without a compatibility flag", { skip }, async () => {
  const worker = await inWorkerd(installed, 'export { default } from "./worker.mjs";');
  try {
    const response = await worker.dispatchFetch("http://worker.test/", {
      method: "POST",
      body: JSON.stringify(sources),
    });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    same(JSON.parse(text));
  } finally {
    await worker.dispose();
  }
});

test("in a page built by Vite", { skip }, async () => {
  const page = await buildPage(installed.path("test/vite"), installed.path("page"));
  await inBrowser(page, "script-src 'self' 'wasm-unsafe-eval'", async (tab) => {
    await tab.waitForFunction("globalThis.ready");
    const exports = await tab.evaluate(
      (sources) => (globalThis as unknown as { scenario: (s: unknown) => unknown }).scenario(sources),
      sources,
    );
    same(exports as Record<string, string>);
  });
});

const program = [process.env.COUNTERSIGN, "../target/release/countersign", "../target/debug/countersign"]
  .flatMap((path) => path ?? [])
  .map((path) => fileURLToPath(new URL(path, new URL("../../", import.meta.url))))
  .find(existsSync);

test("and the program verifies it", {
  skip: skip || (program ? false : "there is no program: cargo build"),
}, async () => {
  const trust = installed.path("trust.txt");
  writeFileSync(trust, TRUST);
  for (const [name, text] of Object.entries(first ?? assert.fail("no runtime recorded"))) {
    const file = installed.path(`${name}.ndjson`);
    writeFileSync(file, text);
    const { stdout } = await run(program ?? "", ["verify", file, "--trust", trust, "--json"]);
    assert.equal(JSON.parse(stdout).verdict, "verified", name);
  }
});
