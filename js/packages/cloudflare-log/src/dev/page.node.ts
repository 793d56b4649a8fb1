/** The page of a log for development: `<countersign-viewer>`, and what it loads. */

import { readFile } from "node:fs/promises";
import { basename } from "node:path";

/** The page's files, by their addresses. */
const FILES: ReadonlyMap<string, URL> = new Map(
  [
    new URL("./page/page.js", import.meta.url),
    new URL("./page/viewer.js", import.meta.url),
    new URL("./page/verify-worker.js", import.meta.url),
    new URL("./page/index-worker.js", import.meta.url),
    new URL("./page/slice-worker.js", import.meta.url),
    new URL("./page/index.wasm", import.meta.url),
    new URL("./page/slicer.wasm", import.meta.url),
    new URL("./page/de.json", import.meta.url),
  ].map((file) => [`/viewer/${basename(file.pathname)}`, file]),
);

/** The verifier, which the package has already, in place of two variants. */
const VERIFIER = new URL("../wasm/verifier_bg.wasm", import.meta.url);
const VERIFIERS = new Set(["/viewer/verifier.wasm", "/viewer/verifier-plain.wasm"]);

const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  wasm: "application/wasm",
};

const SAFE = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache",
};
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The page at `/`. */
export interface DevPage {
  /** Returns the response for the page or one of its files; undefined for any other address. */
  respond(request: Request): Promise<Response | undefined>;
}

/** The options of the page. */
export interface PageOptions {
  /** An HTML file to serve in its place; null for none. */
  readonly file: string | null;
  /** True if tenants have logs of their own, each with its page at `/t/ID/`. */
  readonly tenants: boolean;
  /** Returns the text of the trust file for a tenant's log, or for the only log; undefined if there is no such log. */
  readonly trust: (tenant: string | undefined) => Promise<string | undefined>;
}

/** Matches the address of a tenant's page. */
const TENANT_PAGE = /^\/t\/[0-9a-f]{32}\/$/;

/** Loads the page. */
export async function loadPage({ file, tenants, trust }: PageOptions): Promise<DevPage> {
  const own = file ?? new URL("./page/index.html", import.meta.url);
  const text = await readFile(own, "utf8");
  const html = tenants && file === null ? text.replace("<html ", "<html data-tenants ") : text;
  const page = () =>
    new Response(html, {
      headers: {
        ...SAFE,
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": file === null ? POLICY : "frame-ancestors 'none'",
      },
    });
  return {
    async respond({ method, url }) {
      const { pathname, searchParams } = new URL(url);
      if (method !== "GET" && method !== "HEAD") {
        return undefined;
      }
      if (pathname === "/" || (tenants && TENANT_PAGE.test(pathname))) {
        return page();
      }
      if (pathname === "/viewer/trust.txt") {
        const lines = await trust(searchParams.get("tenant") ?? undefined);
        const headers = { ...SAFE, "content-type": "text/plain; charset=utf-8" };
        return new Response(lines ?? "", { headers, status: lines === undefined ? 404 : 200 });
      }
      const found = VERIFIERS.has(pathname) ? VERIFIER : FILES.get(pathname);
      if (found === undefined) {
        return undefined;
      }
      const type = TYPES[pathname.split(".").at(-1) ?? ""] ?? "application/octet-stream";
      return new Response(await readFile(found), { headers: { ...SAFE, "content-type": type } });
    },
  };
}
