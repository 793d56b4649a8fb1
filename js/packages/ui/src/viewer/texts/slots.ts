/** The slots of a text: `{name}` for a text, `{#name}` for a number that the language groups. */

import type { Counting } from "./figures.js";

const SLOT = /\{(#?)(\w+)\}/g;

/** Returns the names of a text's slots, in their order. */
export function slotNames(text: string): readonly string[] {
  return [...text.matchAll(SLOT)].map(([, , name = ""]) => name);
}

/** Fills the slots of a text; what fills one is looked at no further. */
export function fillSlots(text: string, valueIn: (name: string) => unknown, count: Counting): string {
  return text.replace(SLOT, (slot, kind: string, name: string) => {
    const value = valueIn(name) ?? slot;
    return kind === "#" ? count(Number(value)) : String(value);
  });
}
