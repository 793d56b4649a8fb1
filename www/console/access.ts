/**
 * The reader's token and trust. The reader enters them. They are stored in this tab at most, and never come
 * from the log.
 */

import { isTenant } from "@countersign/ui/viewer/session/pin.js";
import type { TextFile, TrustChoice } from "../src/input/trust.ts";

/** The reader's input. */
export interface StoredInput {
  readonly token: string;
  readonly trust: TrustChoice;
  /** False if it is only handed over from the page of the root log. */
  readonly isKept: boolean;
}

const KEY = "countersign.console/v1";

/** Returns the name under which this page's input is stored. Pages of other tenant logs have their own. */
function key(): string {
  const path = location.pathname.replace(/\/$/, "");
  return isTenant(path) ? `${KEY}${path}` : KEY;
}

/** Name under which the page of a root log stores the input for that of a tenant log, until it is opened. */
const HANDED_OVER = `${KEY}/next`;

/** Returns what was handed over to this page, or is stored in this tab; undefined if neither is. */
export function stored(): StoredInput | undefined {
  return handedOver() ?? read(key());
}

function read(key: string): StoredInput | undefined {
  try {
    const fields = JSON.parse(sessionStorage.getItem(key) ?? "") as Record<string, unknown>;
    const { token, name, text, isKept } = fields;
    if (typeof token !== "string") return undefined;
    const file: TextFile | undefined =
      typeof name === "string" && typeof text === "string" ? { name, text } : undefined;
    return { token, trust: { file, keys: [] }, isKept: isKept !== false };
  } catch {
    return undefined;
  }
}

/** Hands the input over to the page of a tenant log, which is opened next in this tab. */
export function handOver(pathname: string, { token, trust: { file }, isKept }: StoredInput): void {
  const input = { path: pathname, token, name: file?.name, text: file?.text, isKept };
  try {
    sessionStorage.setItem(HANDED_OVER, JSON.stringify(input));
  } catch {
    // The reader has to enter it there.
  }
}

/** Returns what was handed over to this page, and removes it. Another page discards it. */
function handedOver(): StoredInput | undefined {
  const input = read(HANDED_OVER);
  if (input === undefined) return undefined;
  try {
    const { path } = JSON.parse(sessionStorage.getItem(HANDED_OVER) ?? "") as { path?: unknown };
    sessionStorage.removeItem(HANDED_OVER);
    return path === location.pathname ? input : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Stores the input until the tab is closed, if the browser allows it. Keys that were confirmed by hand are
 * not stored.
 */
export function keep({ token, trust: { file } }: Pick<StoredInput, "token" | "trust">): void {
  try {
    sessionStorage.setItem(key(), JSON.stringify({ token, name: file?.name, text: file?.text }));
  } catch {
    // The reader has to enter it again next time.
  }
}

export function forget(): void {
  try {
    sessionStorage.removeItem(key());
  } catch {
    // The browser stores nothing then.
  }
}
