/** Errors in a viewer's sources, with their sentences as data, so that they can be shown in other languages. */

import { CountersignError, type ErrorCode } from "@countersign/shared/error.js";
import english from "../texts/en.json" with { type: "json" };
import { fillSlots } from "../texts/slots.js";

/** Code of a sentence. */
type Sentence = keyof typeof english.failures;

/** Details of an error in a source. */
interface SourceErrorDetails {
  readonly hint: Sentence;
  /** Values of the slots in the message and the hint. */
  readonly values?: Readonly<Record<string, string | number>>;
  readonly cause?: unknown;
}

/** Returns an error with sentences of `en.json`. */
export function sourceError(
  code: ErrorCode,
  message: Sentence,
  { hint, values = {}, cause }: SourceErrorDetails,
): CountersignError {
  const filled = (sentence: Sentence) => fillSlots(english.failures[sentence], (name) => values[name], String);
  const [says, todo] = [filled(message), filled(hint)];
  return new CountersignError(code, says, {
    hint: todo,
    phrases: { [says]: { code: message, values }, [todo]: { code: hint, values } },
    cause,
  });
}
