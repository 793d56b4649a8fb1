const GROUPED = new Intl.NumberFormat("en-GB");
const SHORT = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 3 });

/** `12,345`. */
export function count(value: number): string {
  return GROUPED.format(value);
}

/** `12,345 links`, `1 link`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `1.5 MB`, in steps of 1000. */
export function bytes(value: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let shown = value;
  while (shown >= 1000 && unit < units.length - 1) {
    shown /= 1000;
    unit += 1;
  }
  if (unit === 0) return counted(value, "byte");
  return `${SHORT.format(shown)} ${units[unit]}`;
}

/** `less than a second`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) return "less than a second";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

/** A moment in UTC, with its `Z`: `2026-11-20 06:01:02.345Z`. */
export function moment(time: number | string): string {
  const text = typeof time === "string" ? time : new Date(time).toISOString();
  return text.replace("T", " ");
}

/** The beginning of a value that is too long to be shown whole. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  // Not between the halves of a surrogate pair.
  const end = /[\ud800-\udbff]/.test(text.charAt(length - 1)) ? length - 1 : length;
  return `${text.slice(0, end)}…`;
}

/** Characters that are not seen, or that change how others are seen. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** What a joiner may follow: emoji, and letters of scripts that are written with joiners. */
const JOINED =
  /(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f|(?![\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}])[\p{L}\p{M}])$/u;

/** Parts of a text: as it is, or the name of a character that cannot be seen. */
export function visible(text: string): { readonly text: string; readonly unseen: boolean }[] {
  const parts: { text: string; unseen: boolean }[] = [];
  let end = 0;
  for (const { 0: character, index } of text.matchAll(UNSEEN)) {
    if (isNeeded(character, text.slice(Math.max(0, index - 2), index))) continue;
    if (index > end) parts.push({ text: text.slice(end, index), unseen: false });
    const point = character.codePointAt(0) ?? 0;
    parts.push({ text: `U+${point.toString(16).toUpperCase().padStart(4, "0")}`, unseen: true });
    end = index + character.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), unseen: false });
  return parts;
}

function isNeeded(character: string, before: string): boolean {
  if (character === "\t" || character === "\n") return true;
  return (character === "\u200c" || character === "\u200d") && JOINED.test(before);
}
