/**
 * The state of the console in the fragment of its address: `#group=events&tab=search&query=actor:u_1`. It never
 * contains a token.
 */

/** The groups of sections. */
export const GROUPS = {
  events: ["search", "live", "ask"],
  detection: ["findings", "sessions", "inventory", "exposure"],
  trust: ["coverage", "keys", "witnesses", "evidence"],
  operation: ["storage"],
} as const;

export type Group = keyof typeof GROUPS;

/** Sections of a log's console. */
export const TABS = ["overview", ...Object.values(GROUPS).flat()] as const;

/** Sections of a root log's console. */
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

/** The events to load unless the reader chooses others, limited because a log may be very large. */
export const DEFAULT_EXTENT: Conditions = { ...NO_CONDITIONS, limit: "1000" };

/** Value of `limit` for the whole log. */
const ALL = "all";

/** Names in fragments of earlier versions, which named no section for the search. */
const SEARCH_NAMES = /^(?:query|from|to|limit|s\.\w+)$/;

/** Returns the group of a section; undefined for the overview and for sections of a root log's console. */
export function groupOf(tab: Tab): Group | undefined {
  return (Object.keys(GROUPS) as Group[]).find((group) => sectionsOf(group).includes(tab));
}

/** Returns the sections of a group. */
export function sectionsOf(group: Group): readonly [Tab, ...Tab[]] {
  return GROUPS[group];
}

/** Returns the section that a fragment names, of those that the console has. A group stands for its first section. */
export function readTab(hash: string, tabs: readonly [Tab, ...Tab[]] = TABS): Tab {
  const params = members(hash);
  const [named, group] = [params.get("tab"), params.get("group")];
  const [first] = group !== null && Object.hasOwn(GROUPS, group) ? sectionsOf(group as Group) : [];
  const search = [...params.keys()].some((name) => SEARCH_NAMES.test(name)) ? "search" : undefined;
  return tabs.find((known) => known === (named ?? first ?? search)) ?? tabs[0];
}

/** Returns the events to load that a fragment names; undefined if it names none. */
export function readExtent(hash: string): Conditions | undefined {
  const params = members(hash);
  const [from, to, limit] = ["from", "to", "limit"].map((name) => (params.get(name) ?? "").trim());
  return from || to || limit
    ? { ...NO_CONDITIONS, from: from ?? "", to: to ?? "", limit: limit === ALL ? "" : (limit ?? "") }
    : undefined;
}

/** Returns the query for the whole log that a fragment names; empty for none. */
export function readQuery(hash: string): string {
  return (members(hash).get("query") ?? "").trim();
}

/** State of the console that a fragment contains besides that of its section. */
interface AddressState {
  readonly tab: Tab;
  /** The events to load. */
  readonly extent: Conditions;
  /** The query for the whole log; empty for none. */
  readonly query: string;
}

/** Returns the fragment with this state. Other names in it stay. */
export function writeFragment(hash: string, { tab, extent, query }: AddressState): string {
  const params = members(hash);
  for (const name of ["group", "tab", ...CONDITIONS]) params.delete(name);
  const group = groupOf(tab);
  const isDefault = sameConditions(extent, DEFAULT_EXTENT);
  const state: readonly (readonly [string, string | undefined])[] = [
    ["group", group],
    ["tab", tab],
    ["query", tab === "search" ? query : undefined],
    ["from", extent.from],
    ["to", extent.to],
    [
      "limit",
      isDefault
        ? undefined
        : extent.limit === "" && extent.from === "" && extent.to === ""
          ? ALL
          : extent.limit,
    ],
  ];
  const written = new URLSearchParams(
    state.flatMap(([name, value]) => (value === undefined || value === "" ? [] : [[name, value]])),
  );
  for (const [name, value] of params) written.append(name, value);
  return `#${written}`;
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
