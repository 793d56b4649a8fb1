import { ordersOf, searchableWords } from "./name-words.ts";
import { NAME_PARTS, type NamePart, type Question, type SearchedName, type TimeBasis } from "./question.ts";

/** A name in a query, and how it is searched. */
export type Term = Pick<SearchedName, "name" | "match">;

/** A question that a query asks, as far as it can be said in a sentence. */
export interface QuestionTerms {
  /** Any of these may match; empty without a condition. */
  readonly who: readonly Term[];
  readonly behalf: readonly Term[];
  readonly actions: readonly Term[];
  readonly targets: readonly Term[];
  /** First and last day, both included, in UTC; empty without a bound. */
  readonly from: string;
  readonly until: string;
  readonly basis: TimeBasis | undefined;
}

/** Matches a condition with its field, its operator, and its values, and what follows it. */
export const CONDITION =
  /^([a-z-]+)(:|==)((?:"(?:[^"\\]|\\.)*"|[^\s",()])+(?:,(?:"(?:[^"\\]|\\.)*"|[^\s",()])+)*)(?:\s+|$)/;
const VALUE = /(?:"(?:[^"\\]|\\.)*"|[^,"])+/g;
/** Matches stars, which stand for any text, and what is between them. */
const PIECE = /\*+|"(?:[^"\\]|\\.)*"|[^*"]+/g;
/** Matches text without quotes that is compared as it is, at the beginning of a value and elsewhere. */
const FIRST = /^[\p{L}\p{N}_@][\p{L}\p{N}._@+-]*$/u;
const LATER = /^[\p{L}\p{N}._@+-]+$/u;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const UP_TO_DAY = /^\*\.\.(\d{4}-\d{2}-\d{2})$/;

/**
 * Returns the question that a query asks; undefined if it has a condition that the sentence couldn't say, so that no
 * sentence says less than the query does.
 */
export function parseQuestion(query: string): QuestionTerms | undefined {
  const found = new Map<string, Condition>();
  let rest = query.trim();
  while (rest !== "") {
    const [all, field = "", operator, text = ""] = CONDITION.exec(rest) ?? [];
    if (all === undefined || found.has(field)) return undefined;
    found.set(field, { isExact: operator === "==", text });
    rest = rest.slice(all.length);
  }
  const taken = (field: string) => {
    const condition = found.get(field);
    found.delete(field);
    return condition;
  };
  const [who, behalf, actions, targets] = ["actor", "for", "action", "target"].map((field) =>
    termsOf(taken(field)),
  );
  const isRecorded = found.has("recorded-since") || found.has("recorded");
  const [since, last] = isRecorded
    ? [taken("recorded-since"), taken("recorded")]
    : [taken("since"), taken("time")];
  if (since?.isExact || last?.isExact) return undefined;
  const from = since === undefined ? "" : DAY.test(since.text) ? since.text : undefined;
  const until = last === undefined ? "" : UP_TO_DAY.exec(last.text)?.[1];
  const isSaid =
    who && behalf && actions && targets && from !== undefined && until !== undefined && found.size === 0;
  if (!isSaid || query.trim() === "") return undefined;
  const hasTime = from !== "" || until !== "";
  const basis = hasTime ? (isRecorded ? "recorded" : "happened") : undefined;
  return { who, behalf, actions, targets, from, until, basis };
}

/** A condition on a field. */
interface Condition {
  readonly isExact: boolean;
  readonly text: string;
}

/** Returns the names of a condition; undefined if one isn't compared as a text. */
function termsOf(condition: Condition | undefined): readonly Term[] | undefined {
  if (condition === undefined) return [];
  const values = condition.text.match(VALUE) ?? [];
  // Anything between the values would be left unsaid.
  if (values.join(",") !== condition.text) return undefined;
  const terms = joinWords(values.map(termOf));
  if (!terms.every((term) => term !== undefined)) return undefined;
  if (condition.isExact) return terms.length === 1 && terms[0]?.match === "whole" ? terms : undefined;
  // Names that contain a text include the text itself.
  const parts = new Set(terms.filter(({ match }) => match === "part").map(({ name }) => name));
  return terms.filter(({ name, match }) => match !== "whole" || !parts.has(name));
}

/** A term with the texts between its stars, if it has stars around each. */
type ReadTerm = Term & { readonly texts?: readonly string[] };

/** Joins the patterns that are the orders of the words of one name. */
function joinWords(terms: readonly (ReadTerm | undefined)[]): readonly (Term | undefined)[] {
  const joined: (Term | undefined)[] = [];
  for (let nth = 0; nth < terms.length; ) {
    const term = terms[nth];
    const texts = term?.texts ?? [];
    const name = texts.join(" ");
    const orders = ordersOf(searchableWords(name) ?? []).map((words) => words.join("\0"));
    const found = terms.slice(nth, nth + orders.length).map((one) => one?.texts?.join("\0"));
    const isWords = texts.length > 1 && orders.every((order, place) => order === found[place]);
    joined.push(isWords ? { name, match: "words" } : term && { name: term.name, match: term.match });
    nth += isWords ? orders.length : 1;
  }
  return joined;
}

function termOf(value: string): ReadTerm | undefined {
  const pieces = value.match(PIECE) ?? [];
  const texts = pieces.map((piece, nth) => {
    if (piece.startsWith("*")) return "*";
    if (piece.startsWith('"')) return piece.slice(1, -1).replace(/\\(.)/g, "$1");
    return (nth === 0 ? FIRST : LATER).test(piece) && !piece.includes("..") ? piece : undefined;
  });
  // Two texts without a star between them, or an empty one, aren't names.
  const isName = texts.every(
    (text, nth) =>
      text !== undefined && text !== "" && (isStar(pieces[nth]) || nth === 0 || isStar(pieces[nth - 1])),
  );
  if (!isName || pieces.join("") !== value || !pieces.some((piece) => !isStar(piece))) return undefined;
  const [first, middle = ""] = texts;
  if (pieces.length === 1) return { name: first ?? "", match: "whole" };
  const isPart = pieces.length === 3 && isStar(pieces[0]) && isStar(pieces[2]);
  if (isPart) return { name: middle, match: "part" };
  const isAround =
    texts.length % 2 === 1 && pieces.every((piece, nth) => (piece === "*") === (nth % 2 === 0));
  const between = isAround ? { texts: texts.filter((_, nth) => nth % 2 === 1) as string[] } : {};
  return { name: texts.join(""), match: "pattern", ...between };
}

function isStar(piece: string | undefined): boolean {
  return piece?.startsWith("*") === true;
}

/** Returns the terms as the names of a question, and the rest of it. */
export function questionFrom({ who, behalf, actions, targets, from, until, basis }: QuestionTerms): {
  readonly names: readonly SearchedName[];
  readonly question: Question;
} {
  const terms = { who, behalf, actions, target: targets };
  const text = (part: NamePart) => terms[part].map(({ name }) => name).join(", ");
  const question = {
    who: text("who"),
    behalf: text("behalf"),
    actions: text("actions"),
    target: text("target"),
    from,
    until,
    basis: basis ?? "happened",
  } as const;
  return { names: NAME_PARTS.flatMap((part) => terms[part].map((term) => ({ part, ...term }))), question };
}
