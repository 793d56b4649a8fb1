/** A log for an example, made and read as examples/README.md says. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COUNTERSIGN } from "../run/tools.ts";
import { Running } from "./running.ts";

/** An event of an export, and where it stands. */
export interface Recorded {
  readonly chain: string;
  readonly seq: number;
  readonly event: { readonly action: string; readonly [member: string]: unknown };
}

/** What an export says, and what the program says of it. */
export interface Exported {
  readonly events: readonly Recorded[];
  /** How many chains were closed. */
  readonly closed: number;
  readonly verdict: string;
}

/** Runs the program. */
export function countersign(...args: string[]): string {
  return execFileSync(COUNTERSIGN, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

/** `countersign serve`, in a folder of its own. */
export class Log {
  readonly folder: string;
  readonly url: string;
  readonly #cors: readonly string[];
  #running: Running;
  /** How often it has read its trust file anew. */
  #read = 0;

  private constructor(folder: string, url: string, cors: readonly string[], running: Running) {
    this.folder = folder;
    this.url = url;
    this.#cors = cors;
    this.#running = running;
  }

  /** Starts one. Pages of `cors` may write to it. */
  static async start(cors: readonly string[] = []): Promise<Log> {
    const folder = mkdtempSync(join(tmpdir(), "countersign-example-"));
    const running = serve(folder, "127.0.0.1:0", cors);
    return new Log(folder, await running.address(), cors, running);
  }

  /** Stops it, until what is given is called. */
  async pause(): Promise<() => Promise<void>> {
    await this.#running.stop();
    return async () => {
      this.#running = serve(this.folder, new URL(this.url).host, this.#cors);
      this.#read = 0;
      await this.#running.address();
    };
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  get trustFile(): string {
    return this.path("countersign-log/trust.txt");
  }

  get vkey(): string {
    return /^log (.+)$/m.exec(readFileSync(this.trustFile, "utf8"))?.[1] ?? assert.fail("the log has no key");
  }

  /** Makes a key that may write to the log or say who may, and gives its secret when the log knows of it. */
  async admit(what: "emitter" | "issuer", name: string): Promise<string> {
    const file = this.path(`${what}.key`);
    appendFileSync(this.trustFile, `${what} ${countersign("keygen", name, "--out", file)}\n`);
    this.#read += 1;
    await this.#running.prints(/trust\.txt was read again/, this.#read);
    return readFileSync(file, "utf8").trim();
  }

  /** Makes a reader's token. */
  token(name: string): string {
    return countersign("token", "add", name, "--dir", this.path("countersign-log"));
  }

  /** Exports the log, has the program verify that, and reads it. */
  exported(): Exported {
    return exportOf(this.url, this.token("auditor"), readFileSync(this.trustFile, "utf8"), this.folder);
  }

  async close(): Promise<void> {
    await this.#running.stop();
    rmSync(this.folder, { recursive: true });
  }
}

function serve(cwd: string, listen: string, cors: readonly string[]): Running {
  const args = ["serve", "--origin", "log.example/audit", "--listen", listen];
  const allowed = cors.flatMap((origin) => ["--cors", origin]);
  return new Running([COUNTERSIGN, ...args, ...allowed], { cwd, env: { NO_COLOR: "1" } });
}

/** Exports a log, and has the program verify that. */
export function exportOf(url: string, token: string, trust: string, folder: string): Exported {
  const file = (name: string) => join(folder, name);
  writeFileSync(file("reader.token"), token, { mode: 0o600 });
  writeFileSync(file("reader.trust"), trust);
  rmSync(file("export.ndjson"), { force: true });
  countersign("export", "--dir", url, "--token-file", file("reader.token"), "-o", file("export.ndjson"));
  const report = JSON.parse(
    countersign("verify", file("export.ndjson"), "--trust", file("reader.trust"), "--json"),
  ) as { verdict: string };
  const lines = readFileSync(file("export.ndjson"), "utf8").trim().split("\n");
  const entries = lines.map((line) => JSON.parse(line) as { link?: string; event?: Recorded["event"] });
  const events = entries.flatMap(({ link = "", event }) => {
    const [, , chain = "", seq] = link.split(" ");
    return event === undefined ? [] : [{ chain, seq: Number(seq), event }];
  });
  const closed = entries.filter(({ link }) => link?.split(" ")[1] === "close").length;
  return { events, closed, verdict: report.verdict };
}
