/** Slots of a text: `{name}` for a string, `{#name}` for a number that is grouped. */

import type { Counting } from "./figures.js";

const SLOT = /\{(#?)(\w+)\}/g;

/** Returns the names of a text's slots, each once. */
export function slotNames(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(SLOT)].map(([, , name = ""]) => name));
}

/** Fills the slots of a text. Slots in the values are not filled. */
export function fillSlots(text: string, valueIn: (name: string) => unknown, count: Counting): string {
  return text.replace(SLOT, (slot, kind: string, name: string) => {
    const value = valueIn(name) ?? slot;
    return kind === "#" ? count(Number(value)) : String(value);
  });
}
