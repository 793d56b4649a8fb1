import type { EventIndex } from "@countersign/ui/index/types.js";
import { ordersOf, searchableWords } from "./name-words.ts";

/** Time that a question is about: the time that events state, or the time of recording that their signer signed. */
export type TimeBasis = "happened" | "recorded";

/** An auditor's question about events, as typed. */
export interface Question {
  readonly who: string;
  /** The party for whom someone, such as an agent, acted. */
  readonly behalf: string;
  /** Names of actions, separated by commas. */
  readonly actions: string;
  readonly target: string;
  /** First and last day, such as `2026-11-20`, both included, in UTC. */
  readonly from: string;
  readonly until: string;
  readonly basis: TimeBasis;
}

/** A field of a question that contains names. */
export type NamePart = (typeof NAME_PARTS)[number];

/**
 * How a name was searched: `whole` if events have exactly this name; `part` if names only need to contain it; `words` if
 * they only need to contain each of its words; `pattern` if it has stars, which stand for any text.
 */
export type Match = "whole" | "part" | "words" | "pattern";

/** A typed name, and how it was searched. */
export interface SearchedName {
  readonly part: NamePart;
  readonly name: string;
  readonly match: Match;
}

/** Fields of the query language (docs/query.md). */
const FIELDS = { who: "actor", behalf: "for", actions: "action", target: "target" } as const;
/** The fields of a question that contain names. */
export const NAME_PARTS = ["who", "behalf", "actions", "target"] as const;

/** Returns the typed names. */
export function namesOf({ who, behalf, actions, target }: Question): readonly Omit<SearchedName, "match">[] {
  const typed = {
    who: [who.trim()],
    behalf: [behalf.trim()],
    actions: actions.split(",").map((name) => name.trim()),
    target: [target.trim()],
  };
  return NAME_PARTS.flatMap((part) =>
    typed[part].filter((name) => name !== "").map((name) => ({ part, name })),
  );
}

/**
 * Returns how each name of a question is searched: as a whole name if an event has it, otherwise as part of names, or by
 * its words if it has several. With `isWide`, never as a whole name.
 */
export function searchedNames(
  question: Question,
  index: Pick<EventIndex, "count">,
  isWide = false,
): Promise<readonly SearchedName[]> {
  return Promise.all(
    namesOf(question).map(async (typed): Promise<SearchedName> => {
      if (typed.name.includes("*")) return { ...typed, match: "pattern" };
      const count = async (match: Match) => index.count(conditionOf(typed.part, [{ ...typed, match }]));
      const isWhole =
        !isWide && ((await index.count(`${FIELDS[typed.part]}==${quote(typed.name)}`)) ?? 0) > 0;
      if (isWhole) return { ...typed, match: "whole" };
      const words = searchableWords(typed.name);
      // Words with spaces between them are typed as words; others are a name first.
      const isPart = words === undefined || (!/\s/.test(typed.name) && (await count("part")) !== 0);
      const isWords = !isPart && ((await count("words")) ?? 0) > 0;
      return { ...typed, match: isWords ? "words" : "part" };
    }),
  );
}

/** Returns the query for a question (docs/query.md); empty if the question has no condition. */
export function queryOf({ from, until, basis }: Question, names: readonly SearchedName[]): string {
  return joinConditions([
    ...writeParties(names),
    ...timesOf(from, until, basis),
    ...writeActionAndTarget(names),
  ]);
}

/** Returns the query for the names of one field alone; empty if it has none. */
export function conditionOf(part: NamePart, names: readonly SearchedName[]): string {
  const of = names.filter((name) => name.part === part);
  const [one] = of;
  if (one === undefined) return "";
  // Otherwise, the words of a display name would also find longer names.
  if (part !== "actions" && one.match === "whole") return `${FIELDS[part]}==${quote(one.name)}`;
  return `${FIELDS[part]}:${of.map(writtenName).join(",")}`;
}

/** Returns the names that no event has. */
export async function unknownNames(
  names: readonly SearchedName[],
  index: Pick<EventIndex, "count">,
): Promise<readonly SearchedName[]> {
  const counts = await Promise.all(names.map((name) => index.count(conditionOf(name.part, [name]))));
  return names.filter((_, nth) => counts[nth] === 0);
}

function writeParties(names: readonly SearchedName[]): readonly string[] {
  return [conditionOf("who", names), conditionOf("behalf", names)];
}

function writeActionAndTarget(names: readonly SearchedName[]): readonly string[] {
  return [conditionOf("actions", names), conditionOf("target", names)];
}

function timesOf(from: string, until: string, basis: TimeBasis): readonly string[] {
  const [since, time] = basis === "happened" ? ["since", "time"] : ["recorded-since", "recorded"];
  return [...(from === "" ? [] : [`${since}:${from}`]), ...(until === "" ? [] : [`${time}:*..${until}`])];
}

function joinConditions(conditions: readonly string[]): string {
  return conditions.filter((condition) => condition !== "").join(" ");
}

function writtenName({ part, name, match }: SearchedName): string {
  switch (match) {
    case "whole":
      return plainOrQuoted(name);
    case "pattern":
      return name
        .replace(/\*+/g, "*")
        .split("*")
        .map((piece) => (piece === "" ? "" : plainOrQuoted(piece)))
        .join("*");
    case "words":
      return ordersOf(searchableWords(name) ?? [name])
        .map((words) => `*${words.map(plainOrQuoted).join("*")}*`)
        .join(",");
    case "part": {
      const contains = `*${plainOrQuoted(name)}*`;
      // Several words of a display name match in any order, and a network matches the addresses in it.
      const isWord = part === "actions" || /^\p{L}[\p{L}\p{N}_]*$/u.test(name);
      return isWord ? contains : `${quote(name)},${contains}`;
    }
  }
}

/** Quotes a string, so that a query contains it as it is. */
export function quote(text: string): string {
  return `"${text.replace(/["\\*]/g, "\\$&")}"`;
}

/** Quotes a string unless it can't be mistaken for anything else. */
function plainOrQuoted(text: string): string {
  return /^\p{L}[\p{L}\p{N}._-]*$/u.test(text) && !text.includes("..") ? text : quote(text);
}
