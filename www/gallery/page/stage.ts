import { emit } from "../../src/emit.ts";
import type { Page } from "../../src/page.ts";
import { example } from "../exports.ts";
import { until } from "../until.ts";

/** A browser's storage for one state. */
class Storage {
  readonly #values = new Map<string, string>();

  getItem(key: string): string | null {
    return this.#values.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#values.set(key, value);
  }

  removeItem(key: string): void {
    this.#values.delete(key);
  }
}

/** Removes the previous state and its storage. */
export function clear(): void {
  document.querySelector("countersign-page")?.remove();
  Object.defineProperty(window, "localStorage", { configurable: true, value: new Storage() });
  window.localStorage.setItem("countersign.language", "en");
}

/** Shows an empty page. */
export async function put(): Promise<Page> {
  const page = document.createElement("countersign-page") as Page;
  document.body.append(page);
  await page.updateComplete;
  return page;
}

/** Shows the page with a vector's files, verified; without its trust file if `trusts` is false. */
export async function withVector(name: string, trusts = true): Promise<Page> {
  const page = await put();
  const { file, trust, pins } = await example(name);
  if (trusts && trust !== undefined) emitOnPage(page, "choose-trust", [new File([trust], "trust.txt")]);
  if (pins.length > 0)
    emitOnPage(
      page,
      "choose-pins",
      pins.map((pin, place) => new File([pin], `pin-${place + 1}.txt`)),
    );
  await chosen(page, trusts && trust !== undefined, pins.length);
  emitOnPage(page, "choose-files", [file]);
  await done();
  return page;
}

/** Waits for the files chosen besides the export. */
export function chosen(page: Page, trusts: boolean, pins: number): Promise<true> {
  return until(() => page.querySelectorAll(".chosen-list.chosen-list > li").length >= Number(trusts) + pins);
}

/** Emits an event, as the page's own parts do. */
export function emitOnPage<T>(page: Page, name: string, detail: T): void {
  emit(page.querySelector(".page"), name, detail);
}

/** Waits for the verdict, the file's hash, and the first rows. */
export async function done(): Promise<void> {
  await met(".verdict");
  await met("#sha256");
  const viewer = document.querySelector("countersign-viewer");
  if (viewer === null) return;
  await until(() => viewer.shadowRoot?.querySelector(".notice > p[role=status]"));
  await until(() => !viewer.shadowRoot?.querySelector("cs-rows .row.unread"));
}

/** Waits for an element of the page or its viewer. */
export function met(selector: string): Promise<HTMLElement> {
  return until(
    () =>
      document.querySelector<HTMLElement>(selector) ??
      document.querySelector("countersign-viewer")?.shadowRoot?.querySelector<HTMLElement>(selector),
  );
}

export async function press(selector: string): Promise<void> {
  (await met(selector)).click();
}
