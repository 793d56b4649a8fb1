import type { EventIndex } from "@countersign/ui/index/types.js";
import type { NamePart } from "./question.ts";

/** Maximum number of names that a field suggests. */
const MAX_SUGGESTIONS = 12;
/** Longer input has no suggestions, in characters. */
const MAX_INPUT_LENGTH = 200;

/** Fields of the query language whose values are names. */
const FIELDS: Readonly<Record<NamePart, readonly string[]>> = {
  // People for whom agents acted may have done nothing themselves: the answer then says what was done for them.
  who: ["actor", "actor.name", "actor.email", "for", "on_behalf_of.name"],
  behalf: ["for", "on_behalf_of.name"],
  actions: ["action"],
  target: ["target", "target.name"],
};

/** Returns names in the events that contain what is typed into a field, as values of the whole field. */
export async function suggestedNames(
  index: Pick<EventIndex, "suggest">,
  part: NamePart,
  typed: string,
): Promise<readonly string[]> {
  const comma = part === "actions" ? typed.lastIndexOf(",") + 1 : 0;
  const [before, text] = [
    typed.slice(0, comma),
    typed
      .slice(comma)
      .trim()
      .replaceAll(/["*\\]/g, ""),
  ];
  if (text.length > MAX_INPUT_LENGTH) return [];
  const answers = await Promise.all(
    FIELDS[part].map((field) => {
      const query = `${field}:"${text}`;
      return index.suggest(query, query.length);
    }),
  );
  const names = answers
    .flat()
    .filter(({ kind, label }) => kind === "value" && !label.endsWith("…"))
    .map(({ label }) => (before === "" ? label : `${before} ${label}`));
  return [...new Set(names)].slice(0, MAX_SUGGESTIONS);
}
