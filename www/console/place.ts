/** Where in the console one is, in the fragment of its address: `#tab=search&actor=u_1`. It never holds a token. */

export const TABS = ["search", "live", "coverage", "keys", "witnesses", "storage"] as const;

export type Tab = (typeof TABS)[number];

/** What an export can be asked for, as `GET /export` calls it and in the order of its description. */
export const CONDITIONS = [
  "from",
  "to",
  "chain",
  "since",
  "until",
  "actor",
  "action",
  "target",
  "outcome",
  "tenant",
  "q",
  "limit",
] as const;

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
  return Object.fromEntries(
    CONDITIONS.map((name) => {
      const text = (said.get(name) ?? "").trim();
      return [name, isTime(name) ? fieldOf(text) : text];
    }),
  ) as Conditions;
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
    if (text !== "") asked.set(name, isTime(name) ? instant(text) : text);
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
  return /^[\x21-\x7e]{1,4096}$/.test(text);
}

function members(hash: string): URLSearchParams {
  return new URLSearchParams(hash.length > LONGEST ? "" : hash.replace(/^#/, ""));
}

function isTime(name: Condition): boolean {
  return name === "since" || name === "until";
}

/** A time as a browser's field shows it: what it would not show is not asked for either. */
function fieldOf(text: string): string {
  return /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)Z?$/.exec(text)?.[1] ?? "";
}

/** `2026-11-20T06:01` as `2026-11-20T06:01:00.000Z`: a browser's field leaves out what is nothing. */
function instant(field: string): string {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(field) && !field.endsWith("Z")
    ? `${field}${":00.000".slice(field.length - 16)}Z`
    : field;
}
