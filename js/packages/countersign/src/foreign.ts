/** Sanitizes untrusted text before it is logged or displayed. */

/**
 * Control characters, direction controls, and line breaks. Built on demand: as a literal, its Unicode properties would
 * add a quarter of a millisecond to loading, although it is rarely used.
 */
const UNPRINTED = "[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]+";

/** Maximum length of the result, in characters. */
const MAX_LENGTH = 300;

/** Returns text without characters that affect the display, truncated; undefined if it isn't a string. */
export function repeatable(text: unknown): string | undefined {
  return typeof text === "string"
    ? text.slice(0, MAX_LENGTH).replace(new RegExp(UNPRINTED, "gu"), " ").toWellFormed()
    : undefined;
}

/** Parses JSON; returns undefined if the text isn't valid. */
export function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
