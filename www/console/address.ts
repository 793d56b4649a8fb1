/**
 * The state of the console in the fragment of its address: `#tab=search&query=actor:u_1`. It never contains a
 * token.
 */

export const TABS = [
  "search",
  "live",
  "ask",
  "findings",
  "sessions",
  "inventory",
  "exposure",
  "coverage",
  "keys",
  "witnesses",
  "storage",
] as const;

/** Tabs of a root log's console. */
export const ROOT_TABS = ["tenants", "across", "storage"] as const;

export type Tab = (typeof TABS)[number] | (typeof ROOT_TABS)[number];

/** Conditions of an export, as `GET /export` names and orders them. */
export const CONDITIONS = ["query", "from", "to", "limit"] as const;

export type Condition = (typeof CONDITIONS)[number];

/** Values of the conditions; empty for none. */
export type Conditions = Readonly<Record<Condition, string>>;

export const NO_CONDITIONS: Conditions = Object.fromEntries(
  CONDITIONS.map((name) => [name, ""]),
) as Conditions;

/** Maximum length of a condition. */
const MAX_LENGTH = 8000;

/** Returns the tab that a fragment names, of those that the console has. */
export function readTab(hash: string, tabs: readonly [Tab, ...Tab[]] = TABS): Tab {
  const tab = members(hash).get("tab");
  return tabs.find((known) => known === tab) ?? tabs[0];
}

/** Returns the conditions that a fragment names; undefined if it names none. */
export function readConditions(hash: string): Conditions | undefined {
  const params = members(hash);
  if (!CONDITIONS.some((name) => params.has(name))) return undefined;
  return Object.fromEntries(CONDITIONS.map((name) => [name, (params.get(name) ?? "").trim()])) as Conditions;
}

/** Returns the fragment with these conditions; the rest of it stays. */
export function writeConditions(hash: string, conditions: Conditions): string {
  const params = members(hash);
  params.set("tab", "search");
  for (const name of CONDITIONS) {
    if (conditions[name] === "") params.delete(name);
    else params.set(name, conditions[name]);
  }
  return `#${params}`;
}

/**
 * Returns the address of an export, next to the page. `boundary` is the size of a pin, at which the export is
 * cut.
 */
export function exportAddress(conditions: Conditions, boundary: number | undefined): string {
  const params = new URLSearchParams();
  for (const name of CONDITIONS) {
    const text = conditions[name].trim();
    if (text !== "") params.set(name, text);
  }
  if (boundary !== undefined && params.size > 0) params.set("boundary", String(boundary));
  return params.size > 0 ? `export?${params}` : "export";
}

/** True if both are the same conditions. */
export function sameConditions(one: Conditions, other: Conditions | undefined): boolean {
  return other !== undefined && CONDITIONS.every((name) => one[name] === other[name]);
}

/** Returns the number of conditions. */
export function counted(conditions: Conditions): number {
  return CONDITIONS.filter((name) => conditions[name].trim() !== "").length;
}

/** True if a header can contain the text: one word of visible ASCII. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]{1,16384}$/.test(text);
}

function members(hash: string): URLSearchParams {
  return new URLSearchParams(hash.length > MAX_LENGTH ? "" : hash.replace(/^#/, ""));
}
