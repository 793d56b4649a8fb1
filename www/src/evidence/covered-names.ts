import type { EventIndex } from "@countersign/ui/index/types.js";
import { type ListedName, type ReadFacts, readFacts } from "./answer-facts.ts";
import {
  conditionOf,
  type NamePart,
  type Question,
  queryOf,
  type SearchedName,
  searchedNames,
} from "./question.ts";

/** Names in the events that a typed part of a name finds, regardless of other conditions. */
export interface CoveredNames {
  readonly part: NamePart;
  /** The typed names that weren't searched as whole names. */
  readonly typed: readonly SearchedName[];
  readonly names: readonly ListedName[];
  /** Number of events read for the names, if there are more. */
  readonly ofFirst: number | undefined;
}

/** Numbers of events that a search found and searched. */
export interface SearchCounts {
  readonly events: number;
  readonly of: number;
  /** Returns false once another search has replaced this one. */
  readonly isUnchanged: () => boolean;
}

/**
 * Returns the names that the typed parts of names in a field find; undefined if there are none, and the reason if the
 * search failed. `search` replaces the current search.
 */
export async function coveredNames(
  part: NamePart,
  names: readonly SearchedName[],
  index: Pick<EventIndex, "rows">,
  search: (query: string) => Promise<SearchCounts | string>,
): Promise<CoveredNames | string | undefined> {
  const typed = typedParts(part, names);
  if (typed.length === 0) return undefined;
  const found = await search(conditionOf(part, typed));
  if (typeof found === "string") return found;
  const facts = await readFacts(index, { listed: 0, isCurrent: found.isUnchanged });
  return facts && coveredIn(facts, part, names);
}

/** Returns the names in events that were found by a field of the question alone; undefined if there are none. */
export function coveredIn(
  facts: ReadFacts,
  part: NamePart,
  names: readonly SearchedName[],
): CoveredNames | undefined {
  const typed = typedParts(part, names);
  if (typed.length === 0 || facts[part].length === 0) return undefined;
  return { part, typed, names: facts[part], ofFirst: facts.isAll ? undefined : facts.read };
}

/**
 * Counts the further events that a question would find if names only needed to contain what was typed; undefined if the
 * index can't tell without reading events.
 */
export async function countWider(
  question: Question,
  names: readonly SearchedName[],
  found: number,
  index: Pick<EventIndex, "count">,
): Promise<number | undefined> {
  if (!names.some(({ match }) => match === "whole")) return 0;
  const all = await index.count(queryOf(question, await searchedNames(question, index, true)));
  return all === undefined ? undefined : Math.max(0, all - found);
}

function typedParts(part: NamePart, names: readonly SearchedName[]): readonly SearchedName[] {
  return names.filter((name) => name.part === part && name.match !== "whole");
}
