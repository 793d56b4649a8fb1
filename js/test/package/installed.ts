/** The package as users get it: packed, and installed in a folder of its own. */

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

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));
const HERE = fileURLToPath(new URL(".", import.meta.url));
const npm = process.platform === "win32" ? "npm.cmd" : "npm";

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

/** A project that has installed the tarball, with the files of this folder in it. */
export class Installed {
  readonly folder = mkdtempSync(join(tmpdir(), "countersign-package-"));
  /** What is in the tarball. */
  readonly files: string[];
  readonly tarball: string;

  constructor() {
    const quiet = { encoding: "utf8" as const, stdio: ["ignore", "pipe", "ignore"] as ["ignore", "pipe", "ignore"] };
    const packed = execFileSync(npm, ["pack", "--json", "--ignore-scripts", "--pack-destination", this.folder], {
      ...quiet,
      cwd: PACKAGE,
    });
    const [{ filename, files }] = Object.values(JSON.parse(packed)) as [
      { filename: string; files: { path: string }[] },
    ];
    this.files = files.map(({ path }) => path);
    this.tarball = this.path(filename);
    writeFileSync(join(this.folder, "package.json"), '{"private":true,"type":"module"}');
    const install = ["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", `./${filename}`];
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

  /** Has packages too that are installed here. */
  borrow(...names: string[]): void {
    for (const name of names) {
      const path = this.path("node_modules", name);
      mkdirSync(dirname(path), { recursive: true });
      if (!existsSync(path)) {
        symlinkSync(join(PACKAGE, "node_modules", name), path, "junction");
      }
    }
  }

  /** Has copies of packages that are installed here, with all that they depend on: not every tool follows a link. */
  copy(into: string, ...names: string[]): void {
    for (const name of names) {
      const from = join(PACKAGE, "node_modules", name);
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
