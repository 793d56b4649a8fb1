/** Where in the console one is, in the fragment of its address: `#tab=search&query=actor:u_1`. It never holds a token. */

export const TABS = [
  "search",
  "live",
  "findings",
  "sessions",
  "inventory",
  "exposure",
  "coverage",
  "keys",
  "witnesses",
  "storage",
] as const;

export type Tab = (typeof TABS)[number];

/** What an export can be asked for, as `GET /export` calls it and in the order of its description. */
export const CONDITIONS = ["query", "from", "to", "limit"] as const;

export type Condition = (typeof CONDITIONS)[number];

/** What is asked for; what is empty is not. */
export type Conditions = Readonly<Record<Condition, string>>;

export const NO_CONDITIONS: Conditions = Object.fromEntries(
  CONDITIONS.map((name) => [name, ""]),
) as Conditions;

/** More than a person's search has. */
const LONGEST = 8000;

/** Which tab a fragment names. */
export function readTab(hash: string): Tab {
  const tab = members(hash).get("tab");
  return TABS.find((known) => known === tab) ?? "search";
}

/** The conditions that a fragment names; undefined where it names none. */
export function readConditions(hash: string): Conditions | undefined {
  const said = members(hash);
  if (!CONDITIONS.some((name) => said.has(name))) return undefined;
  return Object.fromEntries(CONDITIONS.map((name) => [name, (said.get(name) ?? "").trim()])) as Conditions;
}

/** The fragment with these conditions; what else it says stays. */
export function writeConditions(hash: string, conditions: Conditions): string {
  const said = members(hash);
  said.set("tab", "search");
  for (const name of CONDITIONS) {
    if (conditions[name] === "") said.delete(name);
    else said.set(name, conditions[name]);
  }
  return `#${said}`;
}

/** The address of an export, beside the page. The boundary is the size of a pin, which it is to be cut at. */
export function exportAddress(conditions: Conditions, boundary: number | undefined): string {
  const asked = new URLSearchParams();
  for (const name of CONDITIONS) {
    const text = conditions[name].trim();
    if (text !== "") asked.set(name, text);
  }
  if (boundary !== undefined && asked.size > 0) asked.set("boundary", String(boundary));
  return asked.size > 0 ? `export?${asked}` : "export";
}

/** Whether both ask for the same. */
export function sameConditions(one: Conditions, other: Conditions | undefined): boolean {
  return other !== undefined && CONDITIONS.every((name) => one[name] === other[name]);
}

/** How many conditions there are. */
export function counted(conditions: Conditions): number {
  return CONDITIONS.filter((name) => conditions[name].trim() !== "").length;
}

/** Whether a header can carry it: one word of visible ASCII. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]{1,16384}$/.test(text);
}

function members(hash: string): URLSearchParams {
  return new URLSearchParams(hash.length > LONGEST ? "" : hash.replace(/^#/, ""));
}
