/** The core's sentences in another language. */

import type { Counting } from "./figures.js";

/**
 * A language's sentences by the core's own, which are worded freely and have no codes. Both may have slots: `{#number}`,
 * `{@time}`, `{"name}` for what the core puts in quotes, and `{,names}` for names with commas between them.
 */
export type Sentences = Readonly<Record<string, string>>;

/** The core's sentence in the language; undefined where it has none for it. */
export type FromCore = (sentence: string) => string | undefined;

const SLOT = /\{([#@",])([a-z]+)\}/g;
const VALUES: Readonly<Record<string, string>> = { "#": "([0-9]+)", "@": "([0-9TZ:.-]+)", '"': '(".*")', ",": "(.+)" };

/** Knows the core's sentences by those that are given. */
export function fromCore(sentences: Sentences, count: Counting): FromCore {
  const isPlain = (sentence: string) => sentence.search(SLOT) === -1;
  const slotted = Object.entries(sentences)
    .filter(([core]) => !isPlain(core))
    .map(([core, says]) => sentence(core, says));
  return (text) => {
    if (Object.hasOwn(sentences, text)) return sentences[text];
    for (const { reads, slots, says } of slotted) {
      const [, ...values] = reads.exec(text) ?? [];
      if (values.length === 0) continue;
      const filling = new Map(slots.map((slot, place) => [slot, values[place] ?? ""]));
      return says.replace(SLOT, (slot, kind: string) => {
        const value = filling.get(slot) ?? slot;
        return kind === "#" ? count(Number(value)) : value;
      });
    }
    return undefined;
  };
}

function sentence(core: string, says: string) {
  const slots = [...core.matchAll(SLOT)].map(([slot]) => slot);
  const source = core
    .split(SLOT)
    // Of each slot the kind and the name come between what is around it.
    .map((part, place) => (place % 3 === 0 ? literal(part) : place % 3 === 1 ? VALUES[part] : ""))
    .join("");
  return { reads: new RegExp(`^${source}$`, "su"), slots, says };
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
