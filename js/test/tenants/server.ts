/** A `countersign serve --tenants` in a folder of its own. */

import assert from "node:assert/strict";
import { type ChildProcess, execFile } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { inTurn } from "../../packages/shared/dist/promises.js";
import { listening } from "../conformance/listening.ts";
import { PROGRAM } from "../conformance/program.ts";
import { eventually } from "../eventually.ts";
import { freePort } from "../free-port.ts";

/** The origin of the root log. */
export const ROOT = "log.example/audit";

/** A tenant, as `countersign tenant add` prints it. */
export interface Tenant {
  readonly origin: string;
  /** Path of its log, below the server's address. */
  readonly path: string;
  /** Token that reads its log. */
  readonly token: string;
  /** Path of its trust file. */
  readonly trustFile: string;
  readonly trust: string;
}

export class TenantServer {
  readonly url: string;
  readonly #args: readonly string[];
  readonly #folder = mkdtempSync(join(tmpdir(), "countersign-tenants-"));
  readonly #tokens = new Map<string, Promise<string>>();
  /** Many programs at once would only slow each other down. */
  readonly #next = inTurn();
  #child: ChildProcess | undefined;
  #recordings = 0;

  private constructor(port: number, args: readonly string[]) {
    this.url = `http://127.0.0.1:${port}`;
    this.#args = args;
  }

  /** Starts a server that these keys may write to. `args` are further arguments of `countersign serve`. */
  static async start({ emitters = [], args = [] }: { emitters?: string[]; args?: string[] }): Promise<TenantServer> {
    const server = new TenantServer(await freePort(), args);
    await server.start();
    const own = await server.#run("keygen", "app.example", "--output", server.#path("app.key"));
    appendFileSync(
      server.#path("countersign-log/trust.txt"),
      [own, ...emitters].map((vkey) => `emitter ${vkey}\n`).join(""),
    );
    await server.restart();
    return server;
  }

  /** The root log's public key. */
  get vkey(): string {
    return /^log (\S+)$/m.exec(readFileSync(this.#path("countersign-log/trust.txt"), "utf8"))?.[1] ?? "";
  }

  /** Creates a tenant, unless it exists, and returns its log's origin. */
  async add(name: string): Promise<string> {
    const args = ["tenant", "add", name, "--no-token", "--output", this.#path("unused.txt")];
    const printed = await this.#next(() => this.#run(...args));
    return /^origin (\S+)$/m.exec(printed)?.[1] ?? assert.fail(printed);
  }

  /** Creates a tenant with a token and a trust file. */
  async addWithToken(name: string): Promise<Tenant> {
    const trustFile = this.#path(`${name}.txt`);
    const printed = await this.#run("tenant", "add", name, "--output", trustFile);
    const { origin, token } = Object.fromEntries(printed.split("\n").map((line) => line.split(" "))) as Tenant;
    return { origin, path: `/t/${idOf(origin)}`, token, trustFile, trust: readFileSync(trustFile, "utf8") };
  }

  /** Creates a token and returns it. */
  async token(name: string, ...args: readonly string[]): Promise<string> {
    const printed = await this.#next(() => this.#run("token", "add", name, ...args));
    return printed.split(/\s+/).at(-1) ?? "";
  }

  /** Records events into a chain of their own. Resolves when the tenant's log has proven to contain them. */
  async record({ path, trustFile }: Tenant, events: readonly object[]): Promise<void> {
    this.#recordings += 1;
    const file = this.#path(`events-${this.#recordings}.ndjson`);
    writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    const to = ["--to", this.url + path, "--trust", trustFile];
    await this.#run("record", "--key", this.#path("app.key"), ...to, file);
  }

  /** Returns the export of the tenant log with this origin, once the server has published a tick since its start. */
  async exported(origin: string): Promise<string> {
    const id = idOf(origin);
    const token = this.#tokens.get(id) ?? this.token(`reader-${id}`, "--log", id);
    this.#tokens.set(id, token);
    const headers = { authorization: `Bearer ${await token}` };
    const response = await eventually(
      "the tenant's log can be exported",
      () => fetch(`${this.url}/t/${id}/export`, { headers }),
      ({ status }) => status !== 503,
    );
    assert.equal(response.status, 200);
    return response.text();
  }

  /** Verifies an export of the tenant log with this origin, with the server's trust file. Rejects with the output. */
  async verify(text: string, origin: string): Promise<void> {
    const file = this.#path("export.ndjson");
    writeFileSync(file, text);
    await this.#run("verify", file, "--trust", this.#path("countersign-log/trust.txt"), "--origin", origin);
  }

  async start(): Promise<void> {
    // Without records of reads, so that the numbers of entries are those of the tests.
    const args = ["--tenants", "--record-reads", "none", "--dir", this.#path("countersign-log"), "--origin", ROOT];
    const { child } = await listening(PROGRAM ?? "countersign", [
      ...args,
      "--listen",
      new URL(this.url).host,
      ...this.#args,
    ]);
    this.#child = child;
  }

  /** Ends the process, as a crash would. */
  async kill(): Promise<void> {
    const child = this.#child ?? assert.fail("the server is not running");
    this.#child = undefined;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Copies the server's folder. */
  async copy(): Promise<void> {
    await this.kill();
    cpSync(this.#path("countersign-log"), this.#path("copy"), { recursive: true });
    await this.start();
  }

  /** Returns to the copy, as if a snapshot of the disk were restored. */
  async forget(): Promise<void> {
    await this.kill();
    // The server recognizes a copied folder by this file's identity, so the file itself must stay.
    const signed = "signed.txt";
    for (const name of readdirSync(this.#path("countersign-log")).filter((name) => name !== signed)) {
      rmSync(this.#path(`countersign-log/${name}`), { recursive: true });
    }
    writeFileSync(this.#path(`countersign-log/${signed}`), readFileSync(this.#path(`copy/${signed}`)));
    cpSync(this.#path("copy"), this.#path("countersign-log"), {
      recursive: true,
      filter: (from) => !from.endsWith(signed),
    });
    await this.start();
  }

  async close(): Promise<void> {
    if (this.#child !== undefined) {
      await this.kill();
    }
    rmSync(this.#folder, { recursive: true });
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  /** Runs the program in the folder, and returns its output. */
  async #run(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, NO_COLOR: "1" };
    const options = { cwd: this.#folder, encoding: "utf8", env } as const;
    const { stdout } = await promisify(execFile)(PROGRAM ?? "countersign", args, options);
    return stdout.trim();
  }
}

function idOf(origin: string): string {
  return origin.slice(-32);
}
