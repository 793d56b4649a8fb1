/** Formatting of times and texts. */

/** Time zone of displayed times. The offset is always shown with them. */
export type Zone = "utc" | "local";

/** Earliest and latest time of an event. A bar of the chart may begin or end beyond them. */
export const EARLIEST = Date.parse("0001-01-01T00:00:00.000Z");
export const LATEST = Date.parse("9999-12-31T23:59:59.999Z");

/** Formats a time with its offset: `2026-11-20 06:01:02.345Z`, or `2026-11-20 07:01:02.345+01:00`. */
export function moment(time: number | string, zone: Zone = "utc"): string {
  const date = new Date(typeof time === "string" ? time : Math.min(Math.max(time, EARLIEST), LATEST));
  const text = typeof time === "string" ? time : date.toISOString();
  if (zone === "utc" || Number.isNaN(date.getTime())) {
    return text.replace("T", " ");
  }
  // Before time zones were introduced, offsets included seconds.
  const minutes = Math.round(-date.getTimezoneOffset());
  const local = new Date(date.getTime() + minutes * 60_000).toISOString();
  return `${local.slice(0, -1).replace("T", " ")}${offset(minutes)}`;
}

/** Formats an offset, such as `+01:00`. */
export function offset(minutes: number, minus = "-"): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const ahead = Math.abs(minutes);
  return `${minutes < 0 ? minus : "+"}${two(ahead / 60)}:${two(ahead % 60)}`;
}

/** Returns a string cut to `length` characters, with an ellipsis if it was longer. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  // Doesn't split a surrogate pair.
  const end = /[\ud800-\udbff]/.test(text.charAt(length - 1)) ? length - 1 : length;
  return `${text.slice(0, end)}…`;
}

/**
 * Invisible characters, characters that change the display of others, and piles of marks higher than in any language.
 * Keycap emoji are excluded.
 */
export const UNSEEN =
  /(?!\ufe0f\u20e3)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?<=\p{M}{6})\p{M}/gu;
/** Characters that may precede a joiner: emoji, and letters of scripts that use joiners. */
const BEFORE_JOINER =
  /(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f|(?![\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}])[\p{L}\p{M}])$/u;

/** Characters that may precede a variation selector: emoji, symbols, and letters of scripts with variants. */
const BEFORE_SELECTOR =
  /(?:\p{Extended_Pictographic}|\p{S}|(?![\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}])\p{L})$/u;

/** Maximum number of parts of a string; the rest is omitted. */
const MAX_PARTS = 2_000;

/** A part of a string. `isMarked` is true if it stands for something that can't be shown as it is. */
export interface Part {
  readonly text: string;
  readonly isMarked: boolean;
}

/** A range of a string, with the marked text that replaces it. */
type MarkedRange = readonly [begin: number, end: number, text: string];

/** Splits a string at these ranges. Ends with an ellipsis if there are too many parts. */
export function splitAt(text: string, ranges: Iterable<MarkedRange>): Part[] {
  const parts: Part[] = [];
  let rest = 0;
  for (const [begin, end, marked] of ranges) {
    if (parts.length >= MAX_PARTS) {
      return [...parts, { text: "…", isMarked: true }];
    }
    if (begin > rest) {
      parts.push({ text: text.slice(rest, begin), isMarked: false });
    }
    parts.push({ text: marked, isMarked: true });
    rest = end;
  }
  return rest < text.length ? [...parts, { text: text.slice(rest), isMarked: false }] : parts;
}

/** Splits a string at invisible characters, which are replaced by their names. */
export function visible(text: string): Part[] {
  return splitAt(text, unseen(text));
}

function* unseen(text: string): Generator<MarkedRange> {
  let end = 0;
  for (const { 0: character, index } of text.matchAll(UNSEEN)) {
    if (index < end || isNeeded(character, text.slice(Math.max(0, index - 2), index))) {
      continue;
    }
    end = index;
    while (text.startsWith(character, end)) {
      end += character.length;
    }
    const times = (end - index) / character.length;
    yield [index, end, `${codePoint(character)}${times > 1 ? ` ×${times}` : ""}`];
  }
}

/** Returns the name of a character, such as `U+202E`. */
export function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function isNeeded(character: string, before: string): boolean {
  if (character === "\t" || character === "\n") {
    return true;
  }
  if (/\p{Variation_Selector}/u.test(character)) {
    return BEFORE_SELECTOR.test(before);
  }
  return (character === "\u200c" || character === "\u200d") && BEFORE_JOINER.test(before);
}

/** Returns a share in whole percent; below 100 as long as there is anything to do. */
export function percentOf(share: number): number {
  return Math.min(99, Math.floor(share * 100));
}

const LATIN = /^[\p{ASCII}\p{Script=Latin}\p{M}…]*$/u;

/** Returns an untrusted text for use in a sentence: invisible characters are named, and its direction is isolated. */
export function inSentence(text: string, maxLength = 80): string {
  const seen = visible(clip(text, maxLength))
    .map(({ text }) => text)
    .join("");
  return LATIN.test(seen) ? seen : `\u2068${seen}\u2069`;
}
