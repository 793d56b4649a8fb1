/** Runs `countersign serve` in a folder of its own. */

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listening } from "./listening.ts";
import type { Kind, Started } from "./log.ts";
import { PROGRAM } from "./program.ts";
import { type Setup, writeSetup } from "./setup.ts";

export const serve: Kind = {
  name: "countersign serve",
  skip: PROGRAM === undefined ? "countersign is missing; run cargo build" : false,
  limits: { bytes: 16 << 20, lines: 16_384 },
  restarts: true,
  start: async (setup) => {
    const served = new ServedLog();
    await served.begin(setup);
    return served;
  },
};

class ServedLog implements Started {
  readonly #folder = mkdtempSync(join(tmpdir(), "countersign-serve-"));
  #child: ChildProcess | undefined;
  url = "";

  async begin(setup: Setup): Promise<void> {
    writeSetup(setup, this.#folder);
    const cors = setup.cors.flatMap((origin) => ["--cors", origin]);
    const quota = Object.entries(setup.quota ?? {}).flatMap(([name, value]) => [`--quota-${name}`, `${value}`]);
    const newKey = setup.newKey === undefined ? [] : ["--new-key", setup.newKey];
    const args = ["--dir", this.#folder, "--listen", "127.0.0.1:0", "--no-page", ...cors, ...quota, ...newKey];
    const { child, url } = await listening(PROGRAM ?? "", args);
    this.#child = child;
    this.url = url;
  }

  async restart(setup: Setup, killed: boolean): Promise<void> {
    await this.#stop(killed);
    await this.begin(setup);
  }

  async close(): Promise<void> {
    await this.#stop();
    rmSync(this.#folder, { recursive: true });
  }

  async #stop(killed = false): Promise<void> {
    const child = this.#child;
    // It did not start, and has ended.
    if (child === undefined) {
      return;
    }
    this.#child = undefined;
    child.kill(killed ? "SIGKILL" : "SIGTERM");
    const [status] = await once(child, "exit");
    assert.equal(status, killed ? null : 0);
  }
}
