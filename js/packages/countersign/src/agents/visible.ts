/** Text for a person who decides about it: nothing in it is invisible, or changes the order of the rest. */

/**
 * Characters that aren't shown, or that move others: controls and formats, directional ones included; unassigned and
 * private ones; spaces and separators other than the plain space; fillers and variation selectors.
 */
const HIDDEN = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]|(?! )\p{Zs}|[\u115f\u1160\u2800\u3164\uffa0]/gu;

/** Returns text in which hidden characters are escaped, as in JSON. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (hidden) =>
    Array.from({ length: hidden.length }, (_, at) => `\\u${hidden.charCodeAt(at).toString(16).padStart(4, "0")}`).join(
      "",
    ),
  );
}

/**
 * Returns a plain value as JSON text with each value on a line of its own, so that text from right to left doesn't move
 * other values.
 */
export function visibleJson(plain: unknown): string {
  const lines = JSON.stringify(plain, undefined, 2)?.split("\n") ?? [];
  return lines.map(visible).join("\n");
}
