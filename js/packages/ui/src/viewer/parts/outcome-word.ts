/** Words for an event's outcome. */

import type { Texts } from "../texts/texts.js";

const KNOWN = ["success", "failure", "denied", "unknown"] as const;

/** Returns an outcome in the reader's language. Outcomes that countersign doesn't define are returned unchanged. */
export function outcomeWord(outcome: string, { view }: Texts): string {
  const known = KNOWN.find((each) => each === outcome);
  return known === undefined ? outcome : view.outcomes[known];
}
