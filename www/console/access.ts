/**
 * The reader's token and trust. They are given by the reader, stored in this tab at most, and never taken
 * from the log.
 */

import type { TextFile, TrustChoice } from "../src/input/trust.ts";

/** The reader's input. */
export interface StoredInput {
  readonly token: string;
  readonly trust: TrustChoice;
}

const KEY = "countersign.console/v1";

/** Returns what is stored in this tab; undefined if nothing is. */
export function stored(): StoredInput | undefined {
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

/**
 * Stores the input until the tab is closed, if the browser allows it. Keys that were confirmed by hand are
 * not stored.
 */
export function keep({ token, trust: { file } }: StoredInput): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ token, name: file?.name, text: file?.text }));
  } catch {
    // The reader has to enter it again next time.
  }
}

export function forget(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // The browser stores nothing then.
  }
}
