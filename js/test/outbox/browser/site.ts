/** Opens pages with outboxes in a real browser. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import type { BrowserContext, Page as Tab } from "playwright-core";
import { launchWith } from "../../chromium.ts";
import type { Outcome, Page } from "./page.ts";

const { outputFiles } = await esbuild.build({
  entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
  bundle: true,
  format: "esm",
  write: false,
});
const script = outputFiles[0]?.contents ?? assert.fail();

/** Pages of one origin with one profile. */
export class Site {
  readonly profile = mkdtempSync(join(tmpdir(), "countersign-profile-"));
  readonly #server = createServer((request, response) => {
    const isScript = request.url?.endsWith(".js");
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>');
  });
  #context: BrowserContext | undefined;
  #origin = "";

  async start(): Promise<this> {
    if (this.#origin === "") {
      await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
      this.#origin = `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
    }
    this.#context = await launchWith(this.profile, {
      // Enabled, because tests use it.
      without: ["--disable-back-forward-cache"],
      args: ["--host-resolver-rules=MAP insecure.test 127.0.0.1"],
    });
    return this;
  }

  get origin(): string {
    return this.#origin;
  }

  get context(): BrowserContext {
    return this.#context ?? assert.fail("not started");
  }

  /** Opens a new tab. */
  async tab(address = this.#origin): Promise<Tab> {
    const tab = await this.context.newPage();
    await tab.goto(address);
    await tab.waitForFunction("globalThis.call");
    return tab;
  }

  async stop(): Promise<void> {
    await this.#context?.close();
    this.#server.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}

/** Calls a function of a page. */
export async function ask<Name extends keyof Page>(
  tab: Tab,
  name: Name,
  ...args: Parameters<Page[Name]>
): Promise<Awaited<ReturnType<Page[Name]>>> {
  const { value, error } = await outcome(tab, name, ...args);
  assert.equal(error, undefined);
  return value as Awaited<ReturnType<Page[Name]>>;
}

/** Calls a function of a page that may fail. */
export function outcome<Name extends keyof Page>(
  tab: Tab,
  name: Name,
  ...args: Parameters<Page[Name]>
): Promise<Outcome> {
  return tab.evaluate(
    ([name, args]) => (globalThis as unknown as { call: (...args: unknown[]) => Promise<Outcome> }).call(name, args),
    [name, args] as const,
  );
}
