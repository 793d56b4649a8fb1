import type { Column, EventIndex } from "@countersign/ui/index/types.js";
import { searchableWords, sharedWords, stemOf, wordsOf } from "./name-words.ts";
import {
  conditionOf,
  type Match,
  NAME_PARTS,
  type NamePart,
  type Question,
  queryOf,
  quote,
  type SearchedName,
} from "./question.ts";
import { similarity, withoutDomain } from "./similarity.ts";
import { suggestedNames } from "./suggestions.ts";

/** Maximum number of similar names for a typed one. */
const MAX_SIMILAR = 3;
/** Names with at least this similarity to the typed one are listed first, from 0 to 1. */
const MIN_SIMILARITY = 0.5;
/** Pieces of a typed name that other names may share: number, and minimum length in characters. */
const MAX_PIECES = 4;
const MIN_PIECE_LENGTH = 3;

/** Maximum number of events whose text is searched for names, because it must be read. */
const MAX_SEARCHED = 100_000;

const COLUMNS: Readonly<Record<NamePart, Column>> = {
  who: "actor",
  behalf: "for",
  actions: "action",
  target: "target",
};

/** A name in the events, with the number of events that have it. */
export interface NameCount {
  /** Identifier to search for. */
  readonly id: string;
  readonly label: string;
  readonly events: number;
}

/** Names that a field of the question could contain instead. */
export interface AlternativeNames {
  readonly part: NamePart;
  /** Names similar to those typed. */
  readonly similar: readonly NameCount[];
  /** The most frequent other names. */
  readonly frequent: readonly NameCount[];
  /** Number of names besides these. */
  readonly more: number;
}

/** A name that another field of the question would find. */
export interface MisplacedName {
  readonly name: string;
  readonly from: NamePart;
  readonly to: NamePart;
  readonly events: number;
}

/** A name that no event has in the fields that a question searches, but that other fields have. */
export interface OtherOccurrence {
  readonly name: string;
  /** Query for the events that contain it. */
  readonly query: string;
  readonly events: number;
}

/** A name that events have, although none of them answers the question. */
export interface PresentName {
  readonly name: SearchedName;
  /** Number of events that have it, on any day. */
  readonly events: number;
  /** Number of these by other actors than the one asked about; undefined if it isn't known, or if none was. */
  readonly byOthers: number | undefined;
  /** Number of events that have it on the days of the question; undefined if not counted, or without days. */
  readonly onDays: number | undefined;
}

/** Questions near one for which nothing was found. */
export interface Alternatives {
  /** Number of events on the days of the question; if `isOfActor`, only those of its actor. */
  readonly events: number;
  /** True if the names are only from events of the actor that was asked about. */
  readonly isOfActor: boolean;
  /** Actions asked about that events have. */
  readonly present: readonly PresentName[];
  readonly names: readonly AlternativeNames[];
  readonly misplaced: readonly MisplacedName[];
  readonly elsewhere: readonly OtherOccurrence[];
}

type NameIndex = Pick<EventIndex, "ask" | "count" | "suggest">;

/**
 * Returns names that the events have on the days of a question for which nothing was found. Replaces the current query of
 * the index.
 */
export async function readAlternatives(
  question: Question,
  names: readonly SearchedName[],
  unknown: readonly SearchedName[],
  index: NameIndex,
): Promise<Alternatives> {
  const actor = names.filter((name) => name.part === "who" && !unknown.includes(name));
  const [ofActor, ofDays] = [actor, []].map((kept) => queryOf(question, kept));
  const found = await search(ofActor ?? "", index);
  const isOfActor = actor.length > 0 && found.events > 0;
  const query = (isOfActor ? ofActor : ofDays) ?? "";
  const { events, facets } = query === ofActor ? found : await search(query, index);
  const typed = NAME_PARTS.filter((part) => names.some((name) => name.part === part));
  const lists = typed.filter((part) => part !== "who" || !isOfActor);
  return {
    events,
    isOfActor,
    present: await countPresent(question, names, unknown, index),
    names: await Promise.all(
      (events === 0 ? [] : lists).map(async (part) => {
        const { values, more } = facets[COLUMNS[part]];
        const all = values.map(({ value, name, count }) => ({
          id: value,
          label: name === undefined || name === value ? value : `${name} (${value})`,
          events: count,
        }));
        const similar = await similarNames(
          unknown.filter((name) => name.part === part),
          all,
          query,
          index,
        );
        const frequent = all.filter(({ id }) => !similar.some((name) => name.id === id));
        return { part, similar, frequent, more };
      }),
    ),
    misplaced: (await Promise.all(unknown.map((name) => misplacedName(name, index)))).flat(),
    elsewhere: found.of > MAX_SEARCHED ? [] : await otherOccurrences(unknown, index),
  };
}

/** Counts the actions of a question that events have. Without other names, other notes say how many. */
export async function countPresent(
  question: Question,
  names: readonly SearchedName[],
  unknown: readonly SearchedName[],
  index: Pick<EventIndex, "count">,
): Promise<readonly PresentName[]> {
  const actions = names.filter((name) => name.part === "actions");
  if (actions.length === names.length) return [];
  const actor = conditionOf("who", names);
  const hasDays = question.from !== "" || question.until !== "";
  const found = await Promise.all(
    actions
      .filter((name) => !unknown.includes(name))
      .map(async (name) => {
        const action = conditionOf("actions", [name]);
        return {
          name,
          events: (await index.count(action)) ?? 0,
          byOthers: actor === "" ? undefined : await index.count(`${action} has:actor -${actor}`),
          onDays: hasDays ? await index.count(queryOf(question, [name])) : undefined,
        };
      }),
  );
  return found.filter(({ events }) => events > 0);
}

/** Returns the names that events contain in fields other than those of a question. Replaces the current query. */
async function otherOccurrences(
  unknown: readonly SearchedName[],
  index: Pick<EventIndex, "ask">,
): Promise<readonly OtherOccurrence[]> {
  const found: OtherOccurrence[] = [];
  for (const name of unknown) {
    // A pattern isn't a text that an event could contain.
    if (name.match === "pattern") continue;
    const others = NAME_PARTS.map((part) => `-${conditionOf(part, [{ ...name, part }])}`);
    const query = [quote(name.name), ...others].join(" ");
    const { events } = await search(query, index);
    if (events > 0) found.push({ name: name.name, query, events });
  }
  return found;
}

async function search(query: string, index: Pick<NameIndex, "ask">) {
  const found = await index.ask(query, { by: "place", descending: false }, () => {});
  if ("code" in found) throw new Error(found.message);
  return found;
}

/** Returns the names most similar to typed ones that no event has: of the frequent ones, and of those that share a piece with them. */
async function similarNames(
  typed: readonly SearchedName[],
  frequent: readonly NameCount[],
  query: string,
  index: NameIndex,
): Promise<readonly NameCount[]> {
  const found = new Map<string, { readonly known: NameCount | undefined; readonly share: number }>();
  for (const { part, name } of typed) {
    const pieces = wordsOf(withoutDomain(name))
      .filter(({ length }) => length >= MIN_PIECE_LENGTH)
      .slice(0, MAX_PIECES);
    const suggested = await Promise.all(
      [...new Set([...pieces, ...pieces.map(stemOf)])].map((piece) => suggestedNames(index, part, piece)),
    );
    for (const id of [...frequent.map(({ id }) => id), ...suggested.flat()]) {
      const known = frequent.find((one) => one.id === id);
      const label = known?.label ?? id;
      // A name that was typed isn't what was meant instead.
      if (typed.some(({ name }) => isEqual(name, id) || isEqual(name, label))) continue;
      const words = sharedWords(name, label);
      const share = Math.max(similarity(name, id), similarity(name, label), words && (1 + words) / 2);
      if (share >= MIN_SIMILARITY) found.set(id, { known, share });
    }
  }
  const nearest = [...found].sort(([, a], [, b]) => b.share - a.share).slice(0, MAX_SIMILAR);
  const [part] = typed.map((name) => name.part);
  const counted = await Promise.all(
    nearest.map(async ([id, { known }]) => {
      if (known !== undefined || part === undefined) return known;
      const events = (await index.count(`${query} ${COLUMNS[part]}==${quote(id)}`)) ?? 0;
      return { id, label: id, events };
    }),
  );
  return counted.filter((name) => name !== undefined && name.events > 0) as readonly NameCount[];
}

function isEqual(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** Returns the other fields of the question that would find a name. */
async function misplacedName(
  name: SearchedName,
  index: Pick<EventIndex, "count">,
): Promise<readonly MisplacedName[]> {
  // Another note says how much others did on behalf of an actor.
  const isOther = (part: NamePart) => part !== name.part && !(name.part === "who" && part === "behalf");
  const count = async (part: NamePart, match: Match) =>
    (await index.count(conditionOf(part, [{ ...name, part, match }]))) ?? 0;
  const hasWords = name.match === "part" && searchableWords(name.name) !== undefined;
  const found = await Promise.all(
    NAME_PARTS.filter(isOther).map(async (to) => ({
      name: name.name,
      from: name.part,
      to,
      events: (await count(to, name.match)) || (hasWords ? await count(to, "words") : 0),
    })),
  );
  return found.filter(({ events }) => events > 0);
}
