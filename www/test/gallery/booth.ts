/** A tab of the gallery that shows states and checks them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";

/** The built gallery. */
export const FOLDER = process.env.GALLERY ?? fileURLToPath(new URL("../../dist/gallery/", import.meta.url));

/** Number of events of the state `many` in tests. */
const MANY = 20_000;

type Theme = "light" | "dark";

const WIDE = { width: 1200, height: 900 };
const NARROW = { width: 320, height: 800 };
/** A4 at 96 dpi. */
const PAPER = { width: 794, height: 1123 };

/** A file of the gallery in a tab. */
export class Booth {
  readonly #page: Page;
  readonly #file: string;
  #complaints: string[] = [];

  private constructor(page: Page, file: string) {
    this.#page = page;
    this.#file = file;
    page.on("pageerror", (error) => this.#complaints.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.#complaints.push(message.text());
    });
  }

  static async of(page: Page, file: string): Promise<Booth> {
    await page.goto(`${pathToFileURL(join(FOLDER, file)).href}.html?events=${MANY}`);
    return new Booth(page, file);
  }

  /** Checks a state in both themes, one of them wide and one narrow, because colors don't affect widths. */
  async state(name: string): Promise<void> {
    await this.#dress("light", WIDE);
    await this.#show(name);
    await this.#check("light, wide");
    await this.#dress("dark", NARROW);
    await this.#check("dark, narrow");
    assert.deepEqual(this.#complaints, []);
  }

  /** Checks one part of a state. Other states show the rest in the other themes. */
  async part(name: string, part: string): Promise<void> {
    await this.fits(name);
    assert.deepEqual(await violations(this.#page, { part }), []);
  }

  /** Checks only the words of a state. Other states show the rest. */
  async fits(name: string): Promise<void> {
    await this.#dress("dark", NARROW);
    await this.#show(name);
    assert.deepEqual(await this.#wider(), [], "wider than the window");
    assert.deepEqual(this.#complaints, []);
  }

  /** Checks a state as printed. */
  async printed(name: string): Promise<void> {
    await this.#page.emulateMedia({ colorScheme: "light", media: "screen" });
    await this.#show(name);
    await this.#page.emulateMedia({ colorScheme: "light", media: "print" });
    await this.#page.setViewportSize(PAPER);
    await this.#page.locator(".paper").waitFor();
    assert.deepEqual(await this.#wider(), [], "wider than the paper");
    await this.#page.emulateMedia({ media: "screen" });
    assert.deepEqual(this.#complaints, []);
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
    // Elements that depend on the size of their container follow one frame later.
    await this.#page.evaluate(
      () => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))),
    );
  }

  async #check(look: string): Promise<void> {
    assert.deepEqual(await this.#wider(), [], `wider than the window: ${look}`);
    assert.deepEqual(await violations(this.#page), [], look);
  }

  /** Returns elements beyond the sides of the window, where the page can be scrolled. */
  async #wider(): Promise<readonly string[]> {
    return this.#page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth > clientWidth ? [`${scrollWidth} of ${clientWidth}`] : [];
    });
  }
}
