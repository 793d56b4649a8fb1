/** The rows and the drawer in Chromium, under the strictest policy that a page can have. */

import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import type { Browser, Page as Tab } from "playwright-core";
import type { Page } from "./page/page.ts";

const ADDRESS = "http://127.0.0.1:9/";
const POLICY =
  "default-src 'none'; script-src 'nonce-page'; require-trusted-types-for 'script'; trusted-types lit-html; base-uri 'none'";
const HTML =
  '<!doctype html><html lang="en"><title>Rows</title><body><script nonce="page" type="module" src="/page.js"></script>';

const { outputFiles } = await esbuild.build({
  entryPoints: [fileURLToPath(new URL("page/page.ts", import.meta.url))],
  bundle: true,
  format: "esm",
  write: false,
});
const script = outputFiles[0]?.text ?? "";

/** A tab, with its errors. */
export interface Opened {
  readonly tab: Tab;
  /** Errors and violations of the policy. */
  readonly wrong: string[];
  /** Calls a function of the page. */
  call<Name extends keyof Page>(name: Name, ...given: Parameters<Page[Name]>): Promise<Awaited<ReturnType<Page[Name]>>>;
}

/** Setup of a tab. */
export interface Screen {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: "light" | "dark";
  readonly direction?: "rtl";
  readonly timezoneId?: string;
}

/** Opens the page. */
export async function open(
  browser: Browser,
  { width = 1200, height = 800, theme = "light", direction, timezoneId = "Europe/Berlin" }: Screen = {},
): Promise<Opened> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: "reduce",
    timezoneId,
    acceptDownloads: true,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const tab = await context.newPage();
  const wrong: string[] = [];
  tab.on("pageerror", (error) => wrong.push(String(error)));
  tab.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      wrong.push(message.text());
    }
  });
  await tab.route("**/*", (route) =>
    new URL(route.request().url()).pathname === "/page.js"
      ? route.fulfill({ contentType: "text/javascript", body: script })
      : route.fulfill({
          contentType: "text/html; charset=utf-8",
          headers: { "content-security-policy": POLICY },
          body: direction === undefined ? HTML : HTML.replace("<html", `<html dir="${direction}"`),
        }),
  );
  await tab.goto(ADDRESS);
  await tab.waitForFunction("globalThis.viewerPage");
  return {
    tab,
    wrong,
    call: (name, ...given) =>
      tab.evaluate(
        ([name, given]) => {
          const { viewerPage } = globalThis as unknown as {
            viewerPage: Record<string, (...given: unknown[]) => unknown>;
          };
          return viewerPage[name as string]?.(...(given as unknown[]));
        },
        [name, given] as const,
      ) as never,
  };
}
