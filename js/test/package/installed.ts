/** The packages as users get them: packed, and installed in a folder of its own. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const WORKSPACE = fileURLToPath(new URL("../../", import.meta.url));
const HERE = fileURLToPath(new URL(".", import.meta.url));
const npm = process.platform === "win32" ? "npm.cmd" : "npm";

/** The packages, by where they are in the project. */
const PACKAGES = {
  countersign: "packages/countersign",
  "@countersign/viewer": "packages/viewer",
  "@countersign/cloudflare-log": "packages/cloudflare-log",
} as const;

export type PackageName = keyof typeof PACKAGES;
export const NAMES = Object.keys(PACKAGES) as PackageName[];

/** A package's tarball. */
export interface Tarball {
  readonly path: string;
  /** What is in it. */
  readonly files: readonly string[];
}

/** A folder with the same files, not written anew where that can be. */
function linkTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      linkTree(source, target);
      continue;
    }
    try {
      linkSync(source, target);
    } catch {
      copyFileSync(source, target);
    }
  }
}

/** A project that has installed the tarballs, with the files of this folder in it. */
export class Installed {
  readonly folder = mkdtempSync(join(tmpdir(), "countersign-package-"));
  readonly #tarballs: ReadonlyMap<PackageName, Tarball>;

  /** Of all packages, or of these alone. */
  constructor(...names: PackageName[]) {
    const quiet = { encoding: "utf8" as const, stdio: ["ignore", "pipe", "ignore"] as ["ignore", "pipe", "ignore"] };
    const pack = (name: PackageName): Tarball => {
      const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", this.folder];
      const packed = execFileSync(npm, args, { ...quiet, cwd: join(WORKSPACE, PACKAGES[name]) });
      const [{ filename, files }] = Object.values(JSON.parse(packed)) as [
        { filename: string; files: { path: string }[] },
      ];
      return { path: this.path(filename), files: files.map(({ path }) => path) };
    };
    this.#tarballs = new Map((names.length === 0 ? NAMES : names).map((name) => [name, pack(name)]));
    writeFileSync(join(this.folder, "package.json"), '{"private":true,"type":"module"}');
    const tarballs = [...this.#tarballs.values()].map(({ path }) => path);
    const install = ["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", ...tarballs];
    execFileSync(npm, install, { ...quiet, cwd: this.folder });
    mkdirSync(this.path("test"));
    for (const name of [
      "scenario.mjs",
      "main.mjs",
      "worker.mjs",
      "consumer.ts",
      "types.ts",
      "types-beside.ts",
      "types-react.tsx",
      "types-without-dom.ts",
      "vite",
      "setups",
    ]) {
      cpSync(join(HERE, name), this.path("test", name), { recursive: true });
    }
  }

  /** A package's tarball. */
  tarball(name: PackageName): Tarball {
    return this.#tarballs.get(name) ?? assert.fail(`${name} is not installed`);
  }

  /** Has packages too that are installed here. */
  borrow(...names: string[]): void {
    for (const name of names) {
      const path = this.path("node_modules", name);
      mkdirSync(dirname(path), { recursive: true });
      if (!existsSync(path)) {
        symlinkSync(join(WORKSPACE, "node_modules", name), path, "junction");
      }
    }
  }

  /** Has copies of packages that are installed here, with all that they depend on: not every tool follows a link. */
  copy(into: string, ...names: string[]): void {
    for (const name of names) {
      const from = join(WORKSPACE, "node_modules", name);
      const to = join(into, "node_modules", name);
      if (!existsSync(from) || existsSync(to)) {
        continue;
      }
      linkTree(from, to);
      const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
        readFileSync(join(from, "package.json"), "utf8"),
      );
      this.copy(into, ...Object.keys({ ...dependencies, ...optionalDependencies }));
    }
  }

  /** Has all that is installed in another folder. */
  bring(modules: string): void {
    linkTree(modules, this.path("node_modules"));
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
