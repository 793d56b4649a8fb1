import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import FLAGS from "../../../xtask/chromium.json" with { type: "json" };
import type { Vector } from "./vectors.ts";

/** The built page. */
export const PAGE = process.env.PAGE ?? fileURLToPath(new URL("../../dist/index.html", import.meta.url));

/** Time in milliseconds that a busy machine may need for a step. */
export const PATIENCE = 120_000;

/** Time in milliseconds after which the form, which a choice folds, is unfolded again. */
const FOLD_MS = 5_000 * Number(process.env.SLOWER ?? 1);

/** Factor by which pages are slowed down, so that tests that don't wait properly fail. */
const SLOWER = Number(process.env.SLOWER ?? 1);

/** A browser with a profile of its own. */
export interface Browser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/**
 * By default the pages remember no logs, because the vectors are many logs of one name. Remembering needs the
 * full browser; a headless shell may not store anything.
 */
export async function launch(
  options: Parameters<typeof chromium.launchPersistentContext>[1] & {
    remembers?: boolean;
    isWhole?: boolean;
  } = {},
): Promise<Browser> {
  const { remembers = false, isWhole = remembers, ...launching } = options;
  const profile = await mkdtemp(join(tmpdir(), "countersign-page-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: program(isWhole),
    headless: true,
    args: FLAGS,
    acceptDownloads: true,
    ...launching,
  });
  context.setDefaultTimeout(PATIENCE);
  if (SLOWER > 1)
    context.on("page", async (page) => {
      const devtools = await context.newCDPSession(page);
      await devtools.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
    });
  if (!remembers) await context.addInitScript(() => localStorage.setItem("countersign.seen/off", "1"));
  return {
    context,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

function program(isWhole: boolean): string {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = folders.flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);
  const path = (isWhole ? undefined : process.env.HEADLESS_SHELL) ?? process.env.CHROMIUM ?? found;
  if (path === undefined) throw new Error("no Chromium: put it on PATH, or its path into CHROMIUM");
  return path;
}

/** Serves only the page, on loopback. `requested` lists every request that arrives. */
export async function serve(): Promise<{ address: string; requested: string[]; close(): Promise<void> }> {
  const requested: string[] = [];
  const server = createServer(async (request, response) => {
    requested.push(request.url ?? "");
    if (request.url !== "/") return response.writeHead(404).end();
    return response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(await readFile(PAGE));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}/`,
    requested,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

/** A file as Playwright accepts it. */
export type Upload = string | { name: string; mimeType: string; buffer: Buffer };

export function upload(name: string, content: string | Uint8Array): Upload {
  return { name, mimeType: "application/octet-stream", buffer: Buffer.from(content) };
}

/** Returns an export that takes long to read: 26 GB of blank lines after the header, compressed. */
export function endless(begin = ""): Upload {
  return lengthy(`{"countersign":"export/v1","origin":"log.example/audit"}\n${begin}`);
}

/** Returns a compressed export with 26 GB of blank lines after these lines, and 1.6 GB between any two of them. */
export function lengthy(...lines: readonly string[]): Upload {
  const blank = gzipSync(Buffer.alloc(64 << 20, "\n"), { level: 9 });
  const between = Array<Buffer>(25).fill(blank);
  const parts = lines.flatMap((text, nth) => [...(nth === 0 ? [] : between), gzipSync(text)]);
  return upload("endless.ndjson.gz", Buffer.concat([...parts, ...Array<Buffer>(400).fill(blank)]));
}

/** Shows a tab of the result. */
export async function open(page: Page, tab: string): Promise<void> {
  await page.getByRole("tab", { name: new RegExp(`^${tab}`) }).click();
}

/** Unfolds the form if a line replaces it. */
export async function unfold(page: Page): Promise<void> {
  const change = page.getByRole("button", { name: "Change", exact: true });
  if ((await change.count()) > 0) await change.click();
}

/** Answers the file dialog that a button opens. */
export async function choose(page: Page, button: string | RegExp, files: Upload | Upload[]): Promise<void> {
  if ((await page.getByRole("button", { name: button }).count()) === 0) await unfold(page);
  if (page.context().browser()?.browserType().name() === "firefox") {
    await chooseWithoutDialog(page, button, files);
    return;
  }
  const dialog = page.waitForEvent("filechooser");
  const opener = page.getByRole("button", { name: button }).first();
  await opener.click({ timeout: FOLD_MS }).catch(async () => {
    // The choice before this one has folded the form meanwhile.
    await unfold(page);
    await opener.click();
  });
  await (await dialog).setFiles(files as string[]);
}

/**
 * Sets the files of the input whose dialog a button would open. Firefox's driver doesn't report every dialog,
 * so none opens: the input is put into the page, where the driver finds it.
 */
async function chooseWithoutDialog(
  page: Page,
  button: string | RegExp,
  files: Upload | Upload[],
): Promise<void> {
  await page.evaluate(() => {
    const { prototype } = HTMLInputElement;
    const click = prototype.click;
    prototype.click = function (this: HTMLInputElement) {
      if (this.type !== "file") {
        click.call(this);
        return;
      }
      prototype.click = click;
      this.hidden = true;
      this.dataset.chosen = "";
      document.body.append(this);
    };
  });
  await page.getByRole("button", { name: button }).first().click();
  const input = page.locator("input[data-chosen]");
  await input.setInputFiles(files as string[]);
  await input.evaluate((element) => element.remove());
}

/** Waits for the verdict and returns its words. */
export async function verdict(page: Page): Promise<string> {
  return ((await page.locator("#verdict-heading").textContent()) ?? "").trim();
}

/** Opens the page with a vector's files. */
export async function verifyVector(page: Page, { export: file, trust, pins }: Vector): Promise<void> {
  if (trust !== undefined) await choose(page, /Choose a(nother)? trust file/, trust);
  if (pins.length > 0) await choose(page, "Add a pin", [...pins]);
  await choose(page, /Choose a(nother)? file/, file);
  await page.locator(".verdict").waitFor();
}

/** Returns the text of a file that a button saves. */
export async function saved(page: Page, button: string): Promise<{ name: string; text: string }> {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: button }).first().click();
  const file = await download;
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), "utf8") };
}
