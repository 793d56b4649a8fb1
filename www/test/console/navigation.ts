/** Steps in the console that several tests take. */

import type { Locator, Page } from "playwright-core";

/** The group that each section is in. A group with one section has no further links. */
const GROUPS: Readonly<Record<string, string>> = {
  Search: "Events",
  Live: "Events",
  Ask: "Events",
  Findings: "Detection",
  Sessions: "Detection",
  Inventory: "Detection",
  Exposure: "Detection",
  Coverage: "Trust",
  Keys: "Trust",
  Witnesses: "Trust",
  Evidence: "Trust",
  Storage: "Operation",
};

/** Goes to a section of a log's console. */
export async function tab(page: Page, name: string): Promise<void> {
  const sections = page.getByRole("navigation", { name: "Sections of the console" });
  const group = GROUPS[name];
  if (group !== undefined) await sections.getByRole("link", { name: group, exact: true }).click();
  if (group !== "Operation") await sections.getByRole("link", { name, exact: true }).click();
  await page.locator(`main[data-tab="${name.toLowerCase()}"]`).waitFor();
}

/** Returns the verdict in the head of the section; any verdict, or this one. */
export function verdictIn(page: Page, is?: string): Locator {
  return page.locator(`.section-head [data-verdict${is === undefined ? "" : `=${is}`}]`);
}

/** Waits for the verdict in the head of the section. */
export async function verdict(page: Page, is?: string): Promise<void> {
  await verdictIn(page, is).waitFor();
}
