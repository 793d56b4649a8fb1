/** Who reads, and what they trust: given by the reader, kept in this tab at most, and never taken from the log. */

import type { TextFile, TrustChoice } from "../src/input/trust.ts";

/** What a reader brings. */
export interface Brought {
  readonly token: string;
  readonly trust: TrustChoice;
}

const KEY = "countersign.console/v1";

/** What was kept in this tab; undefined where nothing was. */
export function kept(): Brought | undefined {
  try {
    const { token, name, text } = JSON.parse(sessionStorage.getItem(KEY) ?? "") as Record<string, unknown>;
    if (typeof token !== "string") return undefined;
    const file: TextFile | undefined =
      typeof name === "string" && typeof text === "string" ? { name, text } : undefined;
    return { token, trust: { file, keys: [] } };
  } catch {
    return undefined;
  }
}

/** Keeps it until the tab is closed, where the browser allows it. Keys that were confirmed by hand are not kept. */
export function keep({ token, trust: { file } }: Brought): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ token, name: file?.name, text: file?.text }));
  } catch {
    // It is given again next time.
  }
}

export function forget(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // There is nothing to forget then.
  }
}
