import type { Judged } from "countersign/verify";
import type { ConsoleTexts } from "../texts/index.ts";
import type { Verified } from "../verified.ts";
import { wordsOf } from "../words.ts";
import type { Card, CardName, StatusInput } from "./card.ts";

/** Makes the card of a check from a report; without one, says why it wasn't made. */
export function checked(
  name: CardName,
  { mayRead, shown, isAsking, refusal }: StatusInput,
  t: ConsoleTexts,
  make: (verified: Verified, judged: Judged) => Omit<Card, "name">,
): Card {
  const waiting: Card = { name, state: "waiting", says: t.overview.waiting, more: [] };
  const unchecked = (why: string, action?: Card["action"]): Card => ({
    name,
    state: "unchecked",
    says: t.overview.notChecked(why),
    more: [],
    action,
  });
  // One button for all cards is above them.
  if (!mayRead) return unchecked(t.overview.noToken);
  if (shown === undefined) {
    if (refusal !== undefined) return unchecked(`${t.refusals[wordsOf(refusal)].title}.`, "load-again");
    return isAsking ? waiting : unchecked(t.overview.nothingLoaded, "load-again");
  }
  const { session } = shown;
  if (session.verification !== undefined) return { name, ...make(shown, session.verification) };
  return session.isRunning ? waiting : unchecked(t.overview.failed, "load-again");
}
