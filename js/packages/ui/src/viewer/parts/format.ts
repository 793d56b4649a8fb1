/** How times and texts are written. */

/** In which zone times are shown. The offset always stands beside them. */
export type Zone = "utc" | "local";

/** Nothing is dated before or after these moments; a bar of the chart may begin or end beyond them. */
export const EARLIEST = Date.parse("0001-01-01T00:00:00.000Z");
export const LATEST = Date.parse("9999-12-31T23:59:59.999Z");

/** A moment with its offset: `2026-11-20 06:01:02.345Z`, or `2026-11-20 07:01:02.345+01:00`. */
export function moment(time: number | string, zone: Zone = "utc"): string {
  const date = new Date(typeof time === "string" ? time : Math.min(Math.max(time, EARLIEST), LATEST));
  const text = typeof time === "string" ? time : date.toISOString();
  if (zone === "utc" || Number.isNaN(date.getTime())) {
    return text.replace("T", " ");
  }
  // Before there were time zones, clocks differed by seconds too.
  const minutes = Math.round(-date.getTimezoneOffset());
  const local = new Date(date.getTime() + minutes * 60_000).toISOString();
  return `${local.slice(0, -1).replace("T", " ")}${offset(minutes)}`;
}

/** `+01:00`. */
export function offset(minutes: number, minus = "-"): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const ahead = Math.abs(minutes);
  return `${minutes < 0 ? minus : "+"}${two(ahead / 60)}:${two(ahead % 60)}`;
}

/** The beginning of a value that is too long to be shown whole. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  // Not between the halves of a surrogate pair.
  const end = /[\ud800-\udbff]/.test(text.charAt(length - 1)) ? length - 1 : length;
  return `${text.slice(0, end)}…`;
}

/**
 * Characters that are not seen, or that change how others are seen: marks too where they pile up higher than in any
 * language's writing. Not what makes an emoji of a digit.
 */
export const UNSEEN =
  /(?!\ufe0f\u20e3)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?<=\p{M}{6})\p{M}/gu;
/** What a joiner may follow: emoji, and letters of scripts that are written with joiners. */
const JOINED =
  /(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f|(?![\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}])[\p{L}\p{M}])$/u;

/** What a variation selector may follow: emoji and signs, and letters of scripts that have variants. */
const VARIED = /(?:\p{Extended_Pictographic}|\p{S}|(?![\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}])\p{L})$/u;

/** A text is split so often and no more: what follows is left out. */
const MOST_PARTS = 2_000;

/** A part of a text, and whether it is not to be read as it is. */
export interface Part {
  readonly text: string;
  readonly isMarked: boolean;
}

/** A stretch of a text that is a part of its own, and what stands in its place. */
type Stretch = readonly [begin: number, end: number, text: string];

/** Parts a text at these stretches; an ellipsis is the last where there are more than anyone reads. */
export function parted(text: string, stretches: Iterable<Stretch>): Part[] {
  const parts: Part[] = [];
  let rest = 0;
  for (const [begin, end, marked] of stretches) {
    if (parts.length >= MOST_PARTS) {
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

/** Parts of a text: as they are, or the names of characters that cannot be seen. */
export function visible(text: string): Part[] {
  return parted(text, unseen(text));
}

function* unseen(text: string): Generator<Stretch> {
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

/** `U+202E`. */
export function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function isNeeded(character: string, before: string): boolean {
  if (character === "\t" || character === "\n") {
    return true;
  }
  if (/\p{Variation_Selector}/u.test(character)) {
    return VARIED.test(before);
  }
  return (character === "\u200c" || character === "\u200d") && JOINED.test(before);
}
