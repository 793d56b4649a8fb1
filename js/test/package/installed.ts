/** The packages as users get them: packed, and installed in a folder. */

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

/** The folders of the packages. */
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
  /** Its files. */
  readonly files: readonly string[];
}

/** Copies a folder, using hard links if possible. */
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

/** A project with the tarballs installed, and the files of this folder. */
export class Installed {
  readonly folder = mkdtempSync(join(tmpdir(), "countersign-package-"));
  readonly #tarballs: ReadonlyMap<PackageName, Tarball>;

  /** Installs all packages, or only these. */
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

  /** Returns a package's tarball. */
  tarball(name: PackageName): Tarball {
    return this.#tarballs.get(name) ?? assert.fail(`${name} is not installed`);
  }

  /** Links packages installed in this workspace. */
  borrow(...names: string[]): void {
    for (const name of names) {
      const path = this.path("node_modules", name);
      mkdirSync(dirname(path), { recursive: true });
      if (!existsSync(path)) {
        symlinkSync(join(WORKSPACE, "node_modules", name), path, "junction");
      }
    }
  }

  /** Copies packages installed in this workspace with their dependencies, for tools that don't follow links. */
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

  /** Links everything installed in another folder. */
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
