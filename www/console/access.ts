/**
 * The reader's token and trust. The reader enters them. They never come from the log, and are stored in this tab at
 * most: in `sessionStorage`, under the path of this page.
 *
 * Only scripts of this page's origin can read them there, and the page's policy allows no script but its own. The token and
 * the trust survive a reload, and a navigation to another page of the origin in this tab. So they are stored by default only if
 * the page was loaded securely: on a page that others on the network can replace, a later one could read them.
 */

import { keyParts, type SessionKey, type TextFile, type TrustChoice } from "../src/input/trust.ts";

/** The reader's input. */
export interface StoredInput {
  readonly token: string;
  readonly trust: TrustChoice;
  /** False if it is only handed over from the page of the root log. */
  readonly isKept: boolean;
}

/** Prefix of the names under which anything is stored. */
const PREFIX = "countersign.console/";
const KEY = `${PREFIX}v2`;

/** Milliseconds after which stored input is discarded: a browser may restore a tab that was closed long ago. */
const MAX_AGE_MS = 12 * 60 * 60 * 1000;

/** Maximum number of keys that were confirmed by hand. */
const MAX_KEYS = 100;

/** Name under which the page of a root log stores the input for that of a tenant log, until it is opened. */
const HANDED_OVER = `${PREFIX}next/v2`;

/** Returns the name under which this page's input is stored. Pages of other logs have their own. */
function key(): string {
  return `${KEY}${location.pathname}`;
}

/** True if input is stored unless the reader turns that off. */
export function isKeptByDefault(): boolean {
  return isSecureContext;
}

/** Returns what was handed over to this page, or is stored in this tab; undefined if neither is. */
export function stored(now = Date.now()): StoredInput | undefined {
  return handedOver(now) ?? read(key(), now);
}

function read(key: string, now: number): StoredInput | undefined {
  try {
    const fields = JSON.parse(sessionStorage.getItem(key) ?? "") as Record<string, unknown>;
    const { token, name, text, keys, isKept, at } = fields;
    if (typeof token !== "string" || typeof at !== "number" || !(Math.abs(now - at) < MAX_AGE_MS))
      return undefined;
    const file: TextFile | undefined =
      typeof name === "string" && typeof text === "string" ? { name, text } : undefined;
    return { token, trust: { file, keys: keysOf(keys) }, isKept: isKept !== false };
  } catch {
    return undefined;
  }
}

/** Returns the keys that are well-formed. */
function keysOf(keys: unknown): readonly SessionKey[] {
  return Array.isArray(keys) ? keys.slice(0, MAX_KEYS).filter(isKey) : [];
}

function isKey(key: unknown): key is SessionKey {
  const { kind, vkey } = (typeof key === "object" ? (key as Partial<SessionKey>) : undefined) ?? {};
  const isKind = kind === "emitter" || kind === "issuer" || kind === "log";
  return isKind && typeof vkey === "string" && keyParts(vkey) !== undefined;
}

function fieldsOf({ token, trust: { file, keys } }: Pick<StoredInput, "token" | "trust">) {
  return { token, name: file?.name, text: file?.text, keys, at: Date.now() };
}

/** Hands the input over to the page of a tenant log, which is opened next in this tab. */
export function handOver(pathname: string, input: StoredInput): void {
  const fields = { path: pathname, ...fieldsOf(input), isKept: input.isKept };
  try {
    sessionStorage.setItem(HANDED_OVER, JSON.stringify(fields));
  } catch {
    // The reader has to enter it there.
  }
}

/** Returns what was handed over to this page, and removes it. Another page discards it. */
function handedOver(now: number): StoredInput | undefined {
  const input = read(HANDED_OVER, now);
  if (input === undefined) return undefined;
  try {
    const { path } = JSON.parse(sessionStorage.getItem(HANDED_OVER) ?? "") as { path?: unknown };
    sessionStorage.removeItem(HANDED_OVER);
    return path === location.pathname ? input : undefined;
  } catch {
    return undefined;
  }
}

/** Stores the input until the tab is closed. Returns false if the browser doesn't allow it. */
export function keep(input: Pick<StoredInput, "token" | "trust">): boolean {
  try {
    sessionStorage.setItem(key(), JSON.stringify(fieldsOf(input)));
    return true;
  } catch {
    forget();
    return false;
  }
}

/** Forgets the input of this page. */
export function forget(): void {
  try {
    sessionStorage.removeItem(key());
  } catch {
    // The browser stores nothing then.
  }
}

/** Forgets the input of all pages of this origin in this tab. */
export function forgetAll(): void {
  try {
    for (const name of Object.keys(sessionStorage))
      if (name.startsWith(PREFIX)) sessionStorage.removeItem(name);
  } catch {
    // The browser stores nothing then.
  }
}
