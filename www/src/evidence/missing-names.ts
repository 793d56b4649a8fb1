import type { EventIndex } from "@countersign/ui/index/types.js";
import { type Alternatives, readAlternatives } from "./alternatives.ts";
import { type SearchedName, unknownNames } from "./question.ts";
import { parseQuestion, questionFrom } from "./question-terms.ts";

/** The names in a query that no event has, and what the events have instead. */
export interface MissingNames {
  readonly names: readonly SearchedName[];
  readonly unknown: readonly SearchedName[];
  readonly alternatives: Alternatives;
}

/**
 * Returns the names in a query that no event has; undefined if there are none, or if the query isn't a question. Replaces
 * the current query of the index.
 */
export async function readMissingNames(
  query: string,
  index: Pick<EventIndex, "ask" | "count" | "suggest">,
): Promise<MissingNames | undefined> {
  const terms = parseQuestion(query);
  if (terms === undefined) return undefined;
  const { names, question } = questionFrom(terms);
  const unknown = await unknownNames(names, index);
  if (unknown.length === 0) return undefined;
  return { names, unknown, alternatives: await readAlternatives(question, names, unknown, index) };
}
