/** Collects the events of an element. */

import type { Page } from "playwright-core";
import type { Site, Tab } from "./site.ts";

/** An event: its name without the prefix, and of an error its code, message, and hint. */
export type Collected = readonly (string | null)[];

/** A page whose element's events are collected. */
export interface CollectingTab extends Tab {
  events(): Promise<readonly Collected[]>;
}

/** Opens an element with these attributes after `prepare`. */
export async function collecting(
  site: Site,
  attributes: Readonly<Record<string, string>>,
  prepare: (page: Page) => Promise<void> = async () => {},
): Promise<CollectingTab> {
  const tab = await site.visit("/");
  await prepare(tab.page);
  await tab.page.evaluate((attributes) => {
    const events: unknown[] = [];
    Object.assign(globalThis, { events });
    for (const name of ["report", "alarm", "error"]) {
      document.addEventListener(`countersign-${name}`, (event) => {
        const { code, message, hint } = (event as CustomEvent).detail;
        events.push(name === "error" ? [name, code, message, hint] : [name]);
      });
    }
    const viewer = document.createElement("countersign-viewer");
    for (const [name, value] of Object.entries(attributes)) {
      viewer.setAttribute(name, value);
    }
    document.querySelector("main")?.append(viewer);
  }, attributes);
  const events = () => tab.page.evaluate(() => (globalThis as unknown as { events: Collected[] }).events);
  return { ...tab, events };
}
