/**
 * Tests the packed packages. The recorder records real events in every runtime, with the same bytes, and they all
 * verify.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { realEvents } from "../real-events.ts";
import { Installed, NAMES, type PackageName } from "./installed.ts";
import { buildPage, inBrowser, inWorkerd } from "./runtimes.ts";
import { KEY, TRUST } from "./scenario.mjs";

const run = promisify(execFile);
const tool = (name: string) => fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url));

const sources = realEvents();
const skip = typeof sources === "string" ? sources : false;
const installed = new Installed();
after(() => installed.remove());

/** Returns the file that an import in the project resolves to. */
const resolveImport = (specifier: string) => createRequire(installed.path("x.js")).resolve(specifier);

let first: Record<string, string> | undefined;
/** Asserts that exports equal those of the previous runtime. */
function same(exports: Record<string, string>): void {
  assert.deepEqual(Object.keys(exports), Object.keys(sources));
  first ??= exports;
  for (const [name, text] of Object.entries(exports)) {
    assert.ok(text === first[name], `${name} differs`);
  }
}

/** Returns the text of a file in a tarball. */
const packed = (name: PackageName, path: string) => readFileSync(installed.path("node_modules", name, path), "utf8");

/** The WebAssembly modules of each package, and some of the sources of its contents. */
const CONTENTS: Record<PackageName, { wasm: readonly string[]; from: readonly string[] }> = {
  countersign: {
    wasm: [
      "dist/dev/log.wasm",
      "dist/dev/page/index.wasm",
      "dist/dev/page/slicer.wasm",
      "dist/wasm/gate_bg.wasm",
      "dist/wasm/program.wasm",
      "dist/wasm/recorder_bg.wasm",
      "dist/wasm/verifier_bg.wasm",
    ],
    from: ["clap", "curve25519-dalek", "hashbrown", "lit", "lit-html", "sha2"],
  },
  "@countersign/viewer": {
    wasm: [
      "dist/analyzer.wasm",
      "dist/index.wasm",
      "dist/slicer.wasm",
      "dist/verifier-plain.wasm",
      "dist/verifier.wasm",
    ],
    from: ["curve25519-dalek", "lit", "lit-html"],
  },
  "@countersign/cloudflare-log": { wasm: ["dist/wasm/log_bg.wasm"], from: ["curve25519-dalek", "sha2"] },
};

for (const name of NAMES) {
  const { files } = installed.tarball(name);
  const { wasm, from } = CONTENTS[name];

  test(`${name}: the tarball contains the licenses of its contents`, () => {
    for (const license of ["LICENSE-APACHE", "LICENSE-MIT"]) {
      assert.ok(files.includes(license));
    }
    const licenses = packed(name, "dist/LICENSES.txt");
    for (const part of ["The Rust standard library", "wasm-bindgen", ...from]) {
      const [line, version] = new RegExp(`^${part} ([\\d.]+): [\\w .()-]+$`, "m").exec(licenses) ?? [];
      assert.ok(line, part);
      assert.ok(licenses.includes(`\n${part} ${version}\n`), `${part} has no text`);
    }
    // Crates named in a module must have their license listed.
    for (const path of wasm) {
      for (const [, crate = ""] of packed(name, path).matchAll(/registry\/src\/[^/]+\/([\w-]+-\d[\w.+-]*)\//g)) {
        assert.ok(licenses.includes(`\n${crate.replace(/-(?=\d)/, " ")}`), crate);
      }
    }
  });

  /** Returns the files with this ending that are reachable from the package's entries. */
  const reachedFrom = (entries: readonly string[], ending: ".js" | ".d.ts"): ReadonlySet<string> => {
    const reached = new Set<string>();
    const reach = (path: string) => {
      // The page of `countersign dev` applies no rules, so the viewer never starts this worker there.
      if (reached.has(path) || !path.endsWith(ending) || path === "dist/dev/page/analyze-worker.js") {
        return;
      }
      reached.add(path);
      assert.ok(files.includes(path), `${path} is missing`);
      for (const [, imported, named = ""] of packed(name, path).matchAll(
        /\b(?:from|import)\s*\(?\s*["'](\.[^"']+)["']|\bnew URL\("(\.[^"]+)",\s*import\.meta\.url\)/g,
      )) {
        reach(join(dirname(path), (imported ?? named).replace(/\.js$/, ending)));
      }
    };
    for (const path of entries) {
      reach(join(path));
    }
    return reached;
  };
  const targets = (entry: unknown): string[] =>
    typeof entry === "string" ? [entry] : Object.values(entry ?? {}).flatMap(targets);

  test(`${name}: the tarball's declarations are exactly those reachable from its entries`, () => {
    const entries = Object.values(JSON.parse(packed(name, "package.json")).exports) as { types?: string }[];
    const reached = reachedFrom(
      entries.flatMap(({ types }) => types ?? []),
      ".d.ts",
    );
    assert.deepEqual(files.filter((path) => path.endsWith(".d.ts")).sort(), [...reached].sort());
  });

  test(`${name}: the tarball has no unreachable scripts`, () => {
    const { bin, exports, imports } = JSON.parse(packed(name, "package.json"));
    const reached = reachedFrom(targets({ bin, exports, imports }), ".js");
    // Modules with only types compile to empty scripts.
    const isEmpty = (path: string) => /^export \{\};\n(?:\/\/#.*)?\n?$/m.test(packed(name, path));
    assert.deepEqual(
      files.filter((path) => path.endsWith(".js") && !reached.has(path) && !isEmpty(path)),
      [],
    );
  });

  test(`${name}: scripts have source maps with sources, and no map lacks its script`, () => {
    const maps = files.filter((path) => path.endsWith(".map"));
    for (const path of maps) {
      const script = path.slice(0, -".map".length);
      assert.ok(files.includes(script), path);
      assert.match(
        packed(name, script),
        new RegExp(`//# sourceMappingURL=${basename(path).replaceAll(".", "\\.")}\\s*$`),
      );
      const { sources, sourcesContent } = JSON.parse(packed(name, path));
      assert.equal(sourcesContent?.length, sources.length, path);
    }
    const without = files.filter((path) => path.endsWith(".js") && !maps.includes(`${path}.map`));
    assert.deepEqual(
      without.filter((path) => !/^dist\/(inlined|wasm|dev\/page)\//.test(path)),
      [],
    );
  });

  test(`${name}: the tarball contains exactly the build output`, () => {
    assert.deepEqual(
      files.filter((path) => !/^dist\/|^(package\.json|README\.md|LICENSE.*)$/.test(path)),
      [],
    );
    assert.deepEqual(files.filter((path) => path.endsWith(".wasm")).sort(), wasm);
    const { repository } = JSON.parse(packed(name, "package.json"));
    assert.equal(repository.type, "git");
    assert.ok(
      existsSync(new URL(`../../../${repository.directory}/package.json`, import.meta.url)),
      repository.directory,
    );
  });
}

/** Names predefined in CommonJS modules, which no declaration may use. */
const TAKEN =
  /^(?:export )?(?:default )?(?:async )?(?:const|let|var|class|function\*?) (?:module|exports|require|__filename|__dirname)\b/m;

test("conversion to CommonJS, as in Jest, has no name conflicts", () => {
  const scripts = installed.tarball("countersign").files.filter((path) => path.endsWith(".js"));
  assert.deepEqual(
    scripts.filter((path) => TAKEN.test(packed("countersign", path))),
    [],
  );
  assert.match("export const module = 1;", TAKEN);
});

test("no viewer, log, or slicer is installed outside of the temporary log that `countersign dev` runs", () => {
  const { files } = installed.tarball("countersign");
  assert.deepEqual(
    files.filter((path) => /^dist\/(viewer|element|index|slice|analyze|log|wasm\/(log|slicer|analyzer))\b/.test(path)),
    [],
  );
  for (const name of ["gate", "recorder", "verifier"]) {
    assert.ok(existsSync(resolveImport(`countersign/${name}.wasm`)));
  }
});

test("an unbuilt package can't be packed", async () => {
  const check = new URL("../../build/packable.mjs", import.meta.url);
  const home = new URL("../../packages/", import.meta.url);
  await run(process.execPath, [fileURLToPath(check)], { cwd: fileURLToPath(new URL("countersign", home)) });
  // Runs scripts regardless of npm's configuration.
  const pack = ["pack", "--dry-run", "--ignore-scripts=false"];
  cpSync(check, installed.path("unbuilt/build/packable.mjs"));
  const unbuilt = (name: string) => installed.path("unbuilt/packages", name);
  for (const name of ["countersign", "viewer", "cloudflare-log"]) {
    cpSync(new URL(`${name}/package.json`, home), join(unbuilt(name), "package.json"));
    await assert.rejects(
      run("npm", pack, { cwd: unbuilt(name) }),
      /missing or outdated.*(countersign|viewer|log\.workerd)\.js/,
    );
  }
  const cwd = unbuilt("countersign");
  cpSync(new URL("countersign/dist", home), join(cwd, "dist"), { recursive: true });
  writeFileSync(join(cwd, "dist/inlined/recorder.js"), 'export default "AGFzbQ==";\n');
  await assert.rejects(run("npm", pack, { cwd }), /missing or outdated: dist\/inlined\/recorder\.js/);
});

const OLDEST_TYPES = fileURLToPath(new URL("oldest-node/node_modules/@types", import.meta.url));
for (const resolution of ["nodenext", "bundler"]) {
  const module = resolution === "bundler" ? "esnext" : resolution;
  const options = `--noEmit --strict --exactOptionalPropertyTypes --target es2023 --jsx react-jsx`;
  const compile = async (types: string, files: readonly string[], lib = "es2023,dom", ...more: readonly string[]) => {
    const how = ["--lib", lib, "--module", module, "--moduleResolution", resolution, "--types", types];
    const args = [...options.split(" "), ...how, ...more];
    const { stdout } = await run(tool("tsc"), [...args, ...files], { cwd: installed.folder }).catch((e) => e);
    assert.equal(stdout, "");
  };

  test(`types resolve with ${resolution}`, () => compile("", ["test/consumer.ts", "test/types.ts"]));

  test(`types resolve with ${resolution} beside other packages`, () => {
    installed.borrow("hono", "@types/node", "undici-types");
    return compile("node", ["test/types-beside.ts"]);
  });

  test(`types resolve with ${resolution} without the DOM library`, () => {
    installed.borrow("@types/node", "undici-types");
    return compile("node", ["test/types-without-dom.ts"], "es2023");
  });

  const skip = !existsSync(OLDEST_TYPES) && "they are not installed";
  test(`types resolve with ${resolution} beside those of the oldest Node.js`, { skip }, () =>
    compile("node", ["test/types-without-dom.ts"], "es2023", "--typeRoots", OLDEST_TYPES),
  );

  test(`the element's types resolve with ${resolution} in React's JSX`, () => {
    installed.borrow("react", "@types/react", "csstype");
    return compile("", ["test/types-react.tsx"], "es2023,dom,dom.iterable");
  });
}

test("countersign/slim works with its own WebAssembly", async () => {
  const { recording } = await import(pathToFileURL(resolveImport("countersign/slim")).href);
  const { createRecorder } = recording(() =>
    WebAssembly.compile(readFileSync(resolveImport("countersign/recorder.wasm"))),
  );
  const chunks: Uint8Array[] = [];
  const recorder = await createRecorder({
    key: KEY,
    origin: "log.example",
    to: (chunk: Uint8Array) => chunks.push(chunk),
  }).ready();
  await recorder.close();
  assert.equal(chunks.length, 1);
});

for (const [runtime, program, ...args] of [
  ["Node", process.execPath],
  ["Deno", tool("deno"), "run", "--allow-read", "--allow-write", "--allow-env"],
  ["Bun", tool("bun"), "run"],
] as const) {
  test(`the installed package works in ${runtime}`, { skip }, async () => {
    const [into, out] = [installed.path(`${runtime}-in.json`), installed.path(`${runtime}-out.json`)];
    writeFileSync(into, JSON.stringify(sources));
    await run(program, [...args, installed.path("test/main.mjs"), into, out], { cwd: installed.folder });
    same(JSON.parse(readFileSync(out, "utf8")));
  });
}

test("the installed package works in workerd without compatibility flags", { skip }, async () => {
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

test("the installed package works in a page built by Vite", { skip }, async () => {
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

test("the program verifies the export", {
  skip: skip || (program ? false : "countersign is missing; run cargo build"),
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
