import assert from "node:assert/strict";
import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { listening } from "../../../js/test/conformance/listening.ts";

/** The built console. */
export const CONSOLE =
  process.env.CONSOLE_PAGE ?? fileURLToPath(new URL("../../dist/console.html", import.meta.url));

const PROGRAM =
  process.env.COUNTERSIGN ?? fileURLToPath(new URL("../../../target/debug/countersign", import.meta.url));

/** Reason why these tests can't run, if so. */
export const skip = existsSync(PROGRAM) ? false : "there is no program: cargo build -p countersign-cli";

/** A `countersign serve` with the console, in a folder of its own, and an emitter that may write to it. */
export class RealLog {
  readonly #folder = mkdtempSync(join(tmpdir(), "countersign-console-"));
  #child: ChildProcess | undefined;
  #runs = 0;
  url = "";
  token = "";
  /** Trust file of a reader who trusts the log and its emitter. */
  trust = "";

  /** Further arguments of the server. */
  readonly #more: readonly string[];

  constructor(more: readonly string[]) {
    this.#more = more;
  }

  static async start(...more: readonly string[]): Promise<RealLog> {
    const log = new RealLog(more);
    mkdirSync(log.path("log"), { mode: 0o700 });
    const own = log.run("keygen", "log.example/audit", "--out", log.path("log/log.key"));
    const emitter = log.run("keygen", "log.example/app", "--out", log.path("emitter.key"));
    log.trust = `log ${own}\nemitter ${emitter}\n`;
    writeFileSync(log.path("log/trust.txt"), log.trust);
    log.token = log.run("token", "add", "reader", "--dir", log.path("log"));
    await log.begin("127.0.0.1:0");
    return log;
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Writes a file into its folder, and returns its path. */
  write(name: string, text: string): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  run(...args: readonly string[]): string {
    return execFileSync(PROGRAM, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  }

  /** Has an issuer grant the emitter's key in the log, and makes readers trust the issuer alone. */
  async grant(): Promise<void> {
    const issuer = this.run("keygen", "example.com", "--out", this.path("issuer.key"));
    const emitter = this.run("keygen", "example.com/app", "--out", this.path("granted.key"));
    this.trust = `${this.trust.split("\n")[0]}\nissuer ${issuer}\n`;
    const { host } = new URL(this.url);
    await this.stop();
    writeFileSync(this.path("log/trust.txt"), this.trust);
    writeFileSync(this.path("reader.txt"), this.trust);
    await this.begin(host);
    const to = ["--to", this.url, "--trust", this.path("reader.txt")];
    this.run("grant", emitter, "--key", this.path("issuer.key"), ...to);
    renameSync(this.path("granted.key"), this.path("emitter.key"));
  }

  /** Records events into a chain of their own. Resolves when the log has proven to contain them. */
  record(events: readonly object[]): void {
    this.#runs += 1;
    const file = this.path(`events-${this.#runs}.ndjson`);
    writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    writeFileSync(this.path("reader.txt"), this.trust);
    const to = ["--to", this.url, "--trust", this.path("reader.txt")];
    this.run("record", "--key", this.path("emitter.key"), ...to, file);
  }

  /** Replaces the log by another one with the same keys and readers, whose history is gone. */
  async replace(): Promise<void> {
    const { host } = new URL(this.url);
    await this.stop();
    renameSync(this.path("log"), this.path("before"));
    mkdirSync(this.path("log"), { mode: 0o700 });
    for (const name of ["log.key", "trust.txt", "readers.txt"])
      renameSync(this.path(`before/${name}`), this.path(`log/${name}`));
    await this.begin(host);
  }

  async begin(listen: string): Promise<void> {
    const args = ["--dir", this.path("log"), "--listen", listen, "--page", CONSOLE, ...this.#more];
    const { child, url } = await listening(PROGRAM, args);
    this.#child = child;
    this.url = url;
  }

  async stop(): Promise<void> {
    const child = this.#child ?? assert.fail("it does not run");
    this.#child = undefined;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async close(): Promise<void> {
    if (this.#child !== undefined) await this.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Events like those of a dashboard. */
export function events(count: number, action = "job.update"): readonly object[] {
  return Array.from({ length: count }, (_, number) => ({
    action,
    actor: { type: "user", id: `u_${number % 5}`, name: ["Ada", "Ben", "Cem", "Dia", "Eve"][number % 5] },
    target: { type: "cron_job", id: String(40 + (number % 7)) },
    outcome: number % 9 === 4 ? "failure" : "success",
    ...(number % 3 === 0 ? { tenant: "acme" } : {}),
  }));
}
