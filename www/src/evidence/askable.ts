import type { NamePart } from "./question.ts";

/** End of a name that the index has cut. */
const CUT = "…";

/** True if a field of a question can contain this name, and means nothing else by it. */
export function isAskable(part: NamePart, name: string): boolean {
  return !name.endsWith(CUT) && !name.includes("*") && !(part === "actions" && name.includes(","));
}
