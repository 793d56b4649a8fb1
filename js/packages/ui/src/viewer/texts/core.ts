/** Translation of the core's sentences. */

import { field } from "@countersign/shared/own.js";
import type { Phrase, Phrases } from "@countersign/shared/report.js";
import type { Counting } from "./figures.js";
import { fillSlots } from "./slots.js";

/** Sentences of a language, by the core's codes. Slots are as in other texts. */
export type Sentences = Readonly<Record<string, string>>;

/** Translates a sentence of the core; undefined if it isn't among the phrases, or its code has no translation. */
export type FromCore = (english: string, phrases: Phrases | undefined) => string | undefined;

/** Creates a translator from sentences by code. */
export function fromCore(sentences: Sentences, count: Counting): FromCore {
  return (english, phrases) => {
    const { code = "", values } = (field(phrases, english) as Phrase | undefined) ?? {};
    const says = field(sentences, code) as string | undefined;
    return says === undefined ? undefined : fillSlots(says, (name) => field(values, name), count);
  };
}
