/** What strangers say, which goes to logs and consoles, where some characters do things. */

/**
 * Characters that are not text: controls, what turns its direction, and breaks between lines. Not a literal: an engine looks
 * such properties up when it loads a recorder, which hardly ever repeats anything, and that takes a quarter of a millisecond.
 */
const UNPRINTED = "[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]+";

/** At most so much is repeated. */
const REPEATED = 300;

/** A text as it may be repeated; nothing where it is no text. */
export function repeatable(said: unknown): string | undefined {
  return typeof said === "string"
    ? said.slice(0, REPEATED).replace(new RegExp(UNPRINTED, "gu"), " ").toWellFormed()
    : undefined;
}

/** What a text says as JSON; nothing where it is none. */
export function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
