/** Text for a person who decides about it: nothing in it is invisible, or changes the order of the rest. */

/**
 * Characters that aren't shown, or that move others: controls and formats, directional ones included; unassigned and
 * private ones; spaces and separators other than the plain space; and characters that the Unicode properties don't
 * mark although their glyph is blank:
 *
 * - U+2800 Braille Pattern Blank, U+303F Ideographic Half Fill Space, U+FFFC Object Replacement Character
 * - U+13441 and U+13442 Egyptian Hieroglyph Full and Half Blank, U+13440 Egyptian Hieroglyph Mirror Horizontally
 * - U+16FE4 Khitan Small Script Filler, U+1D159 Musical Symbol Null Notehead
 * - U+2D7F Tifinagh Consonant Joiner, U+1107F Brahmi Number Joiner
 */
const HIDDEN =
  /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]|(?! )\p{Zs}|[\u2800\u2d7f\u303f\ufffc\u{1107f}\u{13440}-\u{13442}\u{16fe4}\u{1d159}]/gu;

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
