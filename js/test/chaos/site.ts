/** Opens pages with recorders in a real browser. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import type { BrowserContext } from "playwright-core";
import { launchWith } from "../chromium.ts";

/** Starts the browser with this profile. Background tabs are not throttled. */
export function browse(profile: string): Promise<BrowserContext> {
  return launchWith(profile, {
    args: ["--disable-background-timer-throttling", "--disable-renderer-backgrounding"],
  });
}

/** A site with one page. */
export class Site {
  readonly #script: Promise<{ outputFiles: readonly { contents: Uint8Array }[] }>;
  readonly #server = createServer(async (request, response) => {
    switch (request.url) {
      case "/page/page.js":
        response.setHeader("content-type", "text/javascript");
        response.end((await this.#script).outputFiles[0]?.contents);
        break;
      default:
        response.setHeader("content-type", "text/html");
        response.end('<!doctype html><script type="module" src="/page/page.js"></script>');
    }
  });

  constructor(script: URL) {
    this.#script = esbuild.build({
      entryPoints: [fileURLToPath(script)],
      bundle: true,
      format: "esm",
      write: false,
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
