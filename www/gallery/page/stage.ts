import { emit } from "../../src/emit.ts";
import type { Page } from "../../src/page.ts";
import { example } from "../exports.ts";
import { until } from "../until.ts";

/** What a browser keeps, for one state alone. */
class Storage {
  readonly #kept = new Map<string, string>();

  getItem(key: string): string | null {
    return this.#kept.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#kept.set(key, value);
  }

  removeItem(key: string): void {
    this.#kept.delete(key);
  }
}

/** Takes away what the state before showed, and what it kept. */
export function clear(): void {
  document.querySelector("countersign-page")?.remove();
  Object.defineProperty(window, "localStorage", { configurable: true, value: new Storage() });
  window.localStorage.setItem("countersign.language", "en");
}

/** The page, empty. */
export async function put(): Promise<Page> {
  const page = document.createElement("countersign-page") as Page;
  document.body.append(page);
  await page.updateComplete;
  return page;
}

/** The page with a vector's files, once it is done; without the trust file on demand. */
export async function given(name: string, trusts = true): Promise<Page> {
  const page = await put();
  const { file, trust, pins } = await example(name);
  if (trusts && trust !== undefined) tell(page, "choose-trust", [new File([trust], "trust.txt")]);
  if (pins.length > 0)
    tell(
      page,
      "choose-pins",
      pins.map((pin, place) => new File([pin], `pin-${place + 1}.txt`)),
    );
  await chosen(page, trusts && trust !== undefined, pins.length);
  tell(page, "choose-files", [file]);
  await done();
  return page;
}

/** Waits for what was chosen beside the export. */
export function chosen(page: Page, trusts: boolean, pins: number): Promise<true> {
  return until(() => page.querySelectorAll(".chosen-list.chosen-list > li").length >= Number(trusts) + pins);
}

/** Tells the page of a wish, as its own parts do. */
export function tell<T>(page: Page, name: string, detail: T): void {
  emit(page.querySelector(".page"), name, detail);
}

/** Waits for the verdict, the file's hash and the first rows. */
export async function done(): Promise<void> {
  await met(".verdict");
  await met("#sha256");
  const viewer = document.querySelector("countersign-viewer");
  if (viewer === null) return;
  await until(() => viewer.shadowRoot?.querySelector(".notice > p[role=status]"));
  await until(() => !viewer.shadowRoot?.querySelector("cs-rows .row.unread"));
}

/** An element of the page, or of its viewer, once it is there. */
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
