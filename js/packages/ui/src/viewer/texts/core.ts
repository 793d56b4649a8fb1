/** The core's sentences in another language. */

import { field } from "@countersign/shared/own.js";
import type { Phrase, Phrases } from "@countersign/shared/report.js";
import type { Counting } from "./figures.js";
import { fillSlots } from "./slots.js";

/** A language's sentences by the core's codes. Slots are those of other texts. */
export type Sentences = Readonly<Record<string, string>>;

/** The core's sentence in the language; undefined if the phrases don't have it, or the language has none for its code. */
export type FromCore = (english: string, phrases: Phrases | undefined) => string | undefined;

/** Knows the core's sentences by their codes. */
export function fromCore(sentences: Sentences, count: Counting): FromCore {
  return (english, phrases) => {
    const { code = "", values } = (field(phrases, english) as Phrase | undefined) ?? {};
    const says = field(sentences, code) as string | undefined;
    return says === undefined ? undefined : fillSlots(says, (name) => field(values, name), count);
  };
}
