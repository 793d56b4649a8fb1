/** A tab of the gallery: shows states, looks for what is wrong with them, and takes their pictures. */

import assert from "node:assert/strict";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import axe from "axe-core";
import type { Page } from "playwright-core";

/** The built gallery. */
export const FOLDER = process.env.GALLERY ?? fileURLToPath(new URL("../../dist/gallery/", import.meta.url));

/** Where pictures go. Who names a folder gets all of them. */
const PICTURES = process.env.PICTURES;

/** How many events the state of many has here. */
const MANY = 20_000;

type Theme = "light" | "dark";

const WIDE = { width: 1200, height: 900 };
const NARROW = { width: 320, height: 800 };
/** A4, at 96 dots an inch. */
const PAPER = { width: 794, height: 1123 };

/** A file of the gallery in a tab. */
export class Booth {
  readonly #page: Page;
  readonly #file: string;
  readonly #folder: string;
  #complaints: string[] = [];

  private constructor(page: Page, file: string, folder: string) {
    this.#page = page;
    this.#file = file;
    this.#folder = folder;
    page.on("pageerror", (error) => this.#complaints.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.#complaints.push(message.text());
    });
  }

  static async of(page: Page, file: string): Promise<Booth> {
    const folder = PICTURES ?? (await mkdtemp(join(tmpdir(), "countersign-gallery-")));
    await mkdir(folder, { recursive: true });
    await page.goto(`${pathToFileURL(join(FOLDER, file)).href}.html?events=${MANY}`);
    // The document stays for all states.
    await bringAxe(page);
    return new Booth(page, file, folder);
  }

  /** Shows a state, in both themes and widths. */
  async state(name: string): Promise<void> {
    await this.#dress("light", WIDE);
    await this.#show(name);
    const looks = [
      { theme: "light", size: WIDE, isChecked: true },
      { theme: "dark", size: WIDE, isChecked: false },
      { theme: "light", size: NARROW, isChecked: false },
      { theme: "dark", size: NARROW, isChecked: true },
    ] as const;
    for (const { theme, size, isChecked } of looks) {
      await this.#dress(theme, size);
      const where = `${theme}, ${size.width} pixels wide`;
      assert.deepEqual(await this.#wider(), [], `wider than the window: ${where}`);
      if (isChecked) assert.deepEqual(await violations(this.#page), [], where);
      if (isChecked || PICTURES !== undefined) {
        // What is modal covers the window, and no more.
        const fullPage = (await this.#page.locator("dialog:modal").count()) === 0;
        await this.#page.screenshot({ path: this.#path(name, theme, size), fullPage });
      }
    }
    assert.deepEqual(this.#complaints, []);
  }

  /** Shows a state for one part of it, which in other states is shown in the other looks. */
  async part(name: string, part: string): Promise<void> {
    await this.#dress("dark", NARROW);
    await this.#show(name);
    assert.deepEqual(await this.#wider(), [], "wider than the window");
    assert.deepEqual(await violations(this.#page, part), []);
    await this.#page
      .locator(part)
      .first()
      .screenshot({ path: this.#path(name, "dark", NARROW) });
    await this.#dress("light", WIDE);
    if (PICTURES !== undefined)
      await this.#page
        .locator(part)
        .first()
        .screenshot({ path: this.#path(name, "light", WIDE) });
    assert.deepEqual(this.#complaints, []);
  }

  /** Shows a state as it is printed. */
  async printed(name: string): Promise<void> {
    await this.#page.emulateMedia({ colorScheme: "light", media: "screen" });
    await this.#show(name);
    await this.#page.emulateMedia({ colorScheme: "light", media: "print" });
    await this.#page.setViewportSize(PAPER);
    await this.#page.locator(".paper").waitFor();
    assert.deepEqual(await this.#wider(), [], "wider than the paper");
    await this.#page.screenshot({
      path: join(this.#folder, `${this.#file}-${name}-print.png`),
      fullPage: true,
    });
    await this.#page.emulateMedia({ media: "screen" });
    assert.deepEqual(this.#complaints, []);
  }

  #path(name: string, theme: Theme, { width }: { width: number }): string {
    return join(this.#folder, `${this.#file}-${name.replace(/\W/g, "-")}-${theme}-${width}.png`);
  }

  async #show(name: string): Promise<void> {
    this.#complaints = [];
    const address = `${pathToFileURL(join(FOLDER, this.#file)).href}.html?events=20000`;
    if (this.#page.url().startsWith(address))
      await this.#page.evaluate((name) => location.replace(`#${name}`), name);
    else await this.#page.goto(`${address}#${name}`);
    await this.#page.waitForFunction(
      (name) => {
        const { state, failed } = document.documentElement.dataset;
        return state === name || failed !== undefined;
      },
      name,
      { polling: 50 },
    );
    const failed = await this.#page.evaluate(() => document.documentElement.dataset.failed);
    assert.equal(failed, undefined);
  }

  async #dress(colorScheme: Theme, size: { width: number; height: number }): Promise<void> {
    await this.#page.emulateMedia({ colorScheme, media: "screen", reducedMotion: "reduce" });
    await this.#page.setViewportSize(size);
    // What follows the size of what is around it does so a frame later.
    await this.#page.evaluate(
      () => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))),
    );
  }

  /** What reaches beyond the window's sides, where the page can be scrolled there. */
  async #wider(): Promise<readonly string[]> {
    return this.#page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth > clientWidth ? [`${scrollWidth} of ${clientWidth}`] : [];
    });
  }
}

/** Puts axe into a document. */
export async function bringAxe(page: Page): Promise<void> {
  await page.evaluate(axe.source);
}

/** What axe finds, contrast among it. Run in the document itself, it takes a tenth of the time that a tab of its own would. */
export async function violations(page: Page, part?: string): Promise<readonly string[]> {
  return page.evaluate(async (part) => {
    const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
    const within = (part === undefined ? null : find(document, part)) ?? document;
    const { violations } = await axe.run(within, { resultTypes: ["violations"] });
    return violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, target }) => `${target} ${html.slice(0, 160)}`).join(" | ")}`,
    );

    /** It may be in a shadow tree. */
    function find(root: ParentNode, selector: string): Element | null {
      const shadows = [...root.querySelectorAll("*")].flatMap(({ shadowRoot }) => shadowRoot ?? []);
      return shadows.reduce(
        (found: Element | null, shadow) => found ?? find(shadow, selector),
        root.querySelector(selector),
      );
    }
  }, part);
}
