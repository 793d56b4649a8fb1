import type { Judged } from "countersign/verify";
import type { ConsoleTexts } from "../texts/index.ts";
import type { Verified } from "../verified.ts";
import { wordsOf } from "../words.ts";
import type { Card, CardName, StatusInput } from "./card.ts";

/** Returns the card of a check that couldn't be made; undefined if there is a report. */
function blocked(name: CardName, input: StatusInput, t: ConsoleTexts): Card | undefined {
  const { mayRead, shown, isAsking, refusal } = input;
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
    return isAsking
      ? { name, state: "waiting", says: t.overview.waiting, more: [] }
      : unchecked(t.overview.nothingLoaded, "load-again");
  }
  const { session } = shown;
  if (session.verification !== undefined) return undefined;
  return session.isRunning
    ? { name, state: "waiting", says: t.overview.waiting, more: [] }
    : unchecked(t.overview.failed, "load-again");
}

/** Makes the card of a check from a report; without one, says why it wasn't made. */
export function checked(
  name: CardName,
  input: StatusInput,
  t: ConsoleTexts,
  make: (verified: Verified, judged: Judged) => Omit<Card, "name">,
): Card {
  const { shown } = input;
  const { verification } = shown?.session ?? {};
  if (shown !== undefined && verification !== undefined && input.mayRead)
    return { name, ...make(shown, verification) };
  return blocked(name, input, t) ?? { name, state: "waiting", says: t.overview.waiting, more: [] };
}
