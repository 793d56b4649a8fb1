import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../tests/oidc", import.meta.url));

/** Reason why there is no issuer, if so. Required with `CI` set. */
export const noIssuer =
  existsSync(`${FOLDER}/node_modules/oidc-provider`) || process.env.CI !== undefined
    ? false
    : "there is no issuer: npm ci in tests/oidc";

/** An OpenID Connect issuer (oidc-provider) as a process, which signs in everyone at once. */
export class Issuer {
  /** Client ID of the pages. */
  static readonly CLIENT = "https://log.example";
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  url = "";

  private constructor(child: ChildProcess, lines: Interface) {
    this.#child = child;
    this.#lines = lines[Symbol.asyncIterator]();
  }

  static async start(): Promise<Issuer> {
    const child = spawn(process.execPath, ["issuer.mjs"], {
      cwd: FOLDER,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const issuer = new Issuer(child, createInterface({ input: child.stdout ?? assert.fail() }));
    issuer.url = String((await issuer.#answer()).issuer);
    return issuer;
  }

  async tell(what: object): Promise<Record<string, unknown>> {
    this.#child.stdin?.write(`${JSON.stringify(what)}\n`);
    return await this.#answer();
  }

  async #answer(): Promise<Record<string, unknown>> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      assert.ok(!done, "the issuer ended");
      if (!value.startsWith("@")) continue;
      const answer = JSON.parse(value.slice(1)) as Record<string, unknown>;
      assert.equal(answer.error, undefined);
      return answer;
    }
  }

  async close(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}
