/** A site that serves the built element under the strictest possible policy. */

import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { extname } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { launch } from "../chromium.ts";

const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "require-trusted-types-for 'script'",
  "trusted-types lit-html countersign-worker",
].join("; ");

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
};

const STYLE = `
  :root { color-scheme: light dark; }
  body { margin: 0; padding: 1rem; background: light-dark(#f6f5f2, #16181b); }
`;

/** Responds to an address of a test. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** The site, with a browser. */
export class Site {
  readonly answers = new Map<string, Answer | string | Uint8Array>();
  /** Addresses that pages requested, besides the element's own files. */
  readonly asked: string[] = [];
  #browser: Browser;
  #server = createServer((request, response) => this.#answer(request, response));

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(browser?: Browser): Promise<Site> {
    const site = new Site(browser ?? (await launch()));
    await new Promise<void>((resolve) => site.#server.listen(0, "127.0.0.1", resolve));
    return site;
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get origin(): string {
    const { port } = this.#server.address() as { port: number };
    return `http://127.0.0.1:${port}`;
  }

  /** Opens a page with the element. */
  open(element: string, { hash = "", ...options }: BrowserContextOptions & { hash?: string } = {}): Promise<Tab> {
    return this.visit(`/?element=${encodeURIComponent(element)}${hash}`, options);
  }

  /** Opens a page of this site. */
  async visit(path: string, options: BrowserContextOptions = {}): Promise<Tab> {
    const context = await this.#browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") {
        complaints.push(message.text());
      }
    });
    await page.goto(`${this.origin}${path}`);
    return { page, complaints, close: () => context.close() };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://site");
    const type = pathname === "/" ? "text/html; charset=utf-8" : TYPES[extname(pathname)];
    response.setHeader("content-type", type ?? "application/octet-stream");
    response.setHeader("content-security-policy", POLICY);
    if (pathname === "/") {
      response.end(`<!doctype html><html lang="en"><title>Log</title><link rel="stylesheet" href="/page.css">
        <script type="module" src="/countersign-viewer/viewer.js"></script><main><h1>Log</h1>${searchParams.get("element") ?? ""}</main>`);
      return;
    }
    if (pathname === "/favicon.ico") {
      response.writeHead(204).end();
      return;
    }
    if (pathname === "/page.css") {
      response.end(STYLE);
      return;
    }
    const [, file] = /^\/countersign-viewer\/([\w.-]+)$/.exec(pathname) ?? [];
    if (file !== undefined) {
      response.end(readFileSync(new URL(`../../packages/viewer/dist/${file}`, import.meta.url)));
      return;
    }
    this.asked.push(pathname);
    const answer = this.answers.get(pathname);
    if (typeof answer === "function") {
      answer(request, response);
    } else {
      response.statusCode = answer === undefined ? 404 : 200;
      response.end(answer);
    }
  }
}

/** A page with the element. */
export interface Tab {
  readonly page: Page;
  /** Messages of the browser's console. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}
