/** What strangers say, which goes to logs and consoles, where some characters do things. */

/** Characters that are not text: controls, what turns its direction, and breaks between lines. */
const UNPRINTED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/** At most so much is repeated. */
const REPEATED = 300;

/** A text as it may be repeated; nothing where it is no text. */
export function repeatable(said: unknown): string | undefined {
  return typeof said === "string" ? said.slice(0, REPEATED).replace(UNPRINTED, " ").toWellFormed() : undefined;
}
