/**
 * Collects the licenses of everything in the WebAssembly modules and bundles: crates resolved by cargo, and npm
 * packages.
 */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";

const root = new URL("../", import.meta.url);
const cargo = (...args) => execFileSync("cargo", args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 });
const TARGET = "wasm32-unknown-unknown";

/** Returns the folder with a crate's source. */
function sourceOf(name, version) {
  const registries = `${process.env.CARGO_HOME ?? `${homedir()}/.cargo`}/registry/src`;
  const folders = readdirSync(registries).map((registry) => `${registries}/${registry}/${name}-${version}`);
  return folders.find((folder) => existsSync(folder)) ?? `${registries}/*/${name}-${version}`;
}

/** Returns the third-party crates that a package of this workspace is built from for a target. */
function crates(...which) {
  const edges = ["-e", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}|{l}|"];
  const lines = cargo("tree", "--locked", ...which, ...edges);
  // Crates of the workspace have their path after the version, so they don't match.
  const found = new Map();
  for (const [, name, version, license] of lines.matchAll(/^(\S+) v([^\s|]+)\|(.*?)\|/gm)) {
    found.set(`${name} ${version}`, { name, version, license, folder: sourceOf(name, version) });
  }
  return found;
}

/** Returns the crates in WebAssembly modules. */
function inArtifacts(names) {
  const artifacts = readFileSync(new URL("../wasm-pack.toml", root), "utf8").split(/^\[artifacts\./m);
  const used = new Map();
  for (const name of names) {
    const artifact = artifacts.find((section) => section.startsWith(`${name}]`)) ?? "";
    const [, list] = /^features = \[(.*)\]$/m.exec(artifact) ?? [];
    if (list === undefined) {
      throw new Error(`wasm-pack.toml has no artifact ${name}`);
    }
    const features = ["--no-default-features", "--features", list.replaceAll(/["\s]/g, "")];
    for (const [key, crate] of crates("-p", "countersign-wasm", "--target", TARGET, ...features)) {
      used.set(key, crate);
    }
  }
  if (used.size === 0) {
    throw new Error(`cargo reports no crates in ${names.join(" and ")}`);
  }
  return [...used.values()];
}

/** Returns the third-party npm packages in a bundle, determined from the bundle's input modules. */
function packages(inputs) {
  const found = new Map();
  for (const path of inputs) {
    const [, within] = /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
    if (within !== undefined) {
      const folder = new URL(`${within}/`, root).pathname;
      const { name, version, license } = JSON.parse(readFileSync(`${folder}package.json`, "utf8"));
      found.set(`${name} ${version}`, { name, version, license, folder });
    }
  }
  return [...found.values()].filter(({ name }) => name !== "countersign");
}

/** Returns the license of the Rust standard library, which is in each module. */
function rust() {
  const sysroot = execFileSync("rustc", ["--print", "sysroot"], { cwd: root, encoding: "utf8" }).trim();
  const version = execFileSync("rustc", ["--version"], { cwd: root, encoding: "utf8" }).split(" ")[1];
  const folder = `${sysroot}/share/doc/rust/licenses`;
  return { name: "The Rust standard library", version, license: "MIT OR Apache-2.0", folder, only: ["MIT.txt"] };
}

function textsOf({ name, folder, only }) {
  const isLicense = (file) => /^(licen[cs]e|copying|copyright|notice|unlicense)/i.test(file);
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => only?.includes(file) ?? isLicense(file)) : [];
  const texts = files.map((file) => readFileSync(`${folder}/${file}`, "utf8").trim().replaceAll("\r\n", "\n"));
  if (texts.length === 0) {
    throw new Error(`${name} has no license in ${folder}`);
  }
  return texts;
}

/** Returns the license texts of WebAssembly modules and of a bundle's inputs. */
export function licenses({ artifacts, hasProgram = false, inputs = [], of = "package" }) {
  const head = `This ${of} is MIT OR Apache-2.0. Its WebAssembly and scripts also contain:`;
  const own = [...inArtifacts(artifacts), ...packages(inputs)].map((one) => [`${one.name} ${one.version}`, one]);
  const program = hasProgram
    ? crates("-p", "countersign-cli", "--no-default-features", "--target", "wasm32-wasip1")
    : [];
  return textFor(head, new Map([...program, ...own]).values());
}

/** Returns the license texts of the program built for a target. */
export function licensesOfProgram(target) {
  const head = "This program is MIT OR Apache-2.0. It also contains:";
  return textFor(head, crates("-p", "countersign-cli", "--target", target).values());
}

/** Returns each license once, with everything that it applies to. */
function textFor(head, used) {
  const under = new Map();
  const all = [rust(), ...used].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const one of all) {
    for (const text of textsOf(one)) {
      under.set(text, [...(under.get(text) ?? []), one]);
    }
  }
  const list = all.map(({ name, version, license }) => `${name} ${version}: ${license}`);
  const line = "-".repeat(80);
  const parts = [...under].map(
    ([text, of]) => `${of.map(({ name, version }) => `${name} ${version}`).join("\n")}\n\n${text}`,
  );
  return `${[`${head}\n\n${list.join("\n")}`, ...parts].join(`\n\n${line}\n\n`)}\n`;
}
