/** Tests that each entry is found, loaded, and typed by the rules of each runtime and tool. */

import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { bundle, CONDITIONS } from "./bundling.ts";
import { Installed, NAMES, type PackageName } from "./installed.ts";
import { build, inBrowser, inWorkerd } from "./runtimes.ts";

const run = promisify(execFile);
const tool = (name: string) => fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url));

const installed = new Installed();
after(() => installed.remove());

type Targets = string | { readonly [condition: string]: string };
interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, Targets>>;
  readonly sideEffects: readonly string[] | boolean;
}
const manifests = new Map(
  NAMES.map((name): [PackageName, Manifest] => [
    name,
    JSON.parse(readFileSync(installed.path("node_modules", name, "package.json"), "utf8")),
  ]),
);

/** The runtimes that can load an entry; all by default. */
const ONLY: Record<string, readonly string[]> = {
  "countersign/node": ["node"],
  "@countersign/cloudflare-log": ["workerd"],
};
/** Entries imported for their side effects: a worker script, and scripts that define an element. */
const SCRIPTS = ["countersign/verify/worker", "@countersign/viewer", "@countersign/viewer/react"];

const modules = [...manifests].flatMap(([name, { exports }]) =>
  Object.keys(exports)
    .filter((entry) => !/\.(json|wasm)$/.test(entry))
    .map((entry) => name + entry.slice(1)),
);
const entries = (where: string) =>
  modules.filter((entry) => !SCRIPTS.includes(entry) && (ONLY[entry]?.includes(where) ?? true));

/** Returns a module that lists the exports of each entry. */
const listing = (where: string) => {
  const imports = entries(where).map((entry, nth) => `import * as e${nth} from "${entry}";`);
  const names = entries(where).map((entry, nth) => `${JSON.stringify(entry)}: Object.keys(e${nth}).sort()`);
  return `${imports.join("\n")}\nexport const names = { ${names.join(", ")} };\n`;
};

let first: Record<string, string[]> | undefined;
/** Asserts that exports are the same everywhere. */
function same(names: Record<string, string[]>, where: string): void {
  assert.deepEqual(Object.keys(names), entries(where));
  first ??= names;
  for (const [entry, found] of Object.entries(names)) {
    assert.ok(found.length > 0, `${entry} exports nothing`);
    assert.deepEqual(found, first[entry] ?? found, entry);
  }
}

for (const [name, manifest] of manifests) {
  test(`${name}: publint reports nothing`, async () => {
    const { messages } = await publint({ pkgDir: installed.path("node_modules", name), pack: false, strict: true });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, manifest)),
      [],
    );
  });

  test(`${name}: every module resolution finds the types`, async () => {
    const args = [installed.tarball(name).path, "--profile", "esm-only", "--format", "json"];
    // Written to a file, because the process exits without flushing a pipe.
    const report = installed.path(`types-${name.replaceAll("/", "-")}.json`);
    const file = openSync(report, "w");
    spawnSync(tool("attw"), args, { stdio: ["ignore", file, "ignore"] });
    closeSync(file);
    const { analysis } = JSON.parse(readFileSync(report, "utf8")) as {
      analysis: { problems: { entrypoint?: string; resolutionKind?: string }[] };
    };
    const ofModules = ({ entrypoint = "", resolutionKind = "" }) =>
      !entrypoint.endsWith(".wasm") && !["node10", "node16-cjs"].includes(resolutionKind);
    assert.deepEqual(analysis.problems.filter(ofModules), []);
  });

  test(`${name}: has the same version as the others`, () => {
    assert.equal(manifest.version, manifests.get("countersign")?.version);
  });
}

for (const [runtime, program, ...args] of [
  ["Node", process.execPath],
  ["Deno", tool("deno"), "run", "--allow-read", "--allow-env"],
  ["Bun", tool("bun"), "run"],
] as const) {
  test(`every entry loads in ${runtime}`, async () => {
    const file = installed.path("test", `entries-${runtime}.mjs`);
    writeFileSync(file, `${listing("node")}console.log(JSON.stringify(names));\n`);
    const { stdout } = await run(program, [...args, file], { cwd: installed.folder });
    same(JSON.parse(stdout), "node");
  });
}

test("every entry loads in workerd without compatibility flags", async () => {
  const worker = `${listing("workerd")}export default { fetch: () => Response.json(names) };\n`;
  const runtime = await inWorkerd(installed, worker);
  try {
    const response = await runtime.dispatchFetch("http://worker.test/");
    same((await response.json()) as Record<string, string[]>, "workerd");
  } finally {
    await runtime.dispose();
  }
});

test("every entry loads in a page built by Vite", async () => {
  const page = await build(installed, "entries", `${listing("browser")}globalThis.names = names;\n`);
  await inBrowser(page, "script-src 'self' 'wasm-unsafe-eval'", async (tab) => {
    await tab.waitForFunction("globalThis.names");
    same((await tab.evaluate("globalThis.names")) as Record<string, string[]>, "browser");
  });
});

for (const [where, conditions] of Object.entries(CONDITIONS)) {
  for (const entry of entries(where)) {
    test(`${entry} resolves under the condition ${where}`, async () => {
      const module = `import * as entry from "${entry}"; console.log(entry);`;
      // Rejects top-level await, which would delay every importing module.
      const made = await bundle(installed, module, conditions, { supported: { "top-level-await": false } });
      const builtIns = made.imports.filter((path) => path.startsWith("node:"));
      if (where !== "node") {
        assert.deepEqual(builtIns, []);
      }
      if (builtIns.length > 0) {
        assert.ok(made.files.some((file) => file.endsWith(".node.js")));
      }
    });
  }
}

test("only modules named *.node.ts import Node.js's modules", () => {
  for (const name of NAMES) {
    for (const path of installed.tarball(name).files.filter((path) => /(?<!\.node)\.js$/.test(path))) {
      const text = readFileSync(installed.path("node_modules", name, path), "utf8");
      assert.doesNotMatch(text, /(from|import)\s*\(?\s*"node:|\brequire\(/, path);
    }
  }
});

test("unused imports of an entry leave nothing in a bundle", async () => {
  for (const entry of entries("browser")) {
    const { code } = await bundle(installed, `import "${entry}";`, CONDITIONS.browser);
    assert.equal(code.trim(), "", entry);
  }
  for (const script of SCRIPTS) {
    const { code } = await bundle(installed, `import "${script}";`, CONDITIONS.browser);
    assert.ok(code.length > 1000, `${script} is run by importing it`);
  }
  // A pattern may refer to files before they are bundled.
  for (const [name, { sideEffects }] of manifests) {
    for (const path of Array.isArray(sideEffects) ? sideEffects : []) {
      assert.ok(path.includes("*") || installed.tarball(name).files.includes(join(path)), path);
    }
  }
});
