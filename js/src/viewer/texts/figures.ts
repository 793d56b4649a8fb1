/** Numbers in words, by the browser's own knowledge of languages. */

import type { Counting } from "./texts.js";

/** `12,345`, in a language's way. */
export function grouped(lang: string): Counting {
  const format = new Intl.NumberFormat(lang);
  return (value) => format.format(value);
}

/** `1 event`, `12,345 events`. */
export function counting(lang: string, one: string, many: string): Counting {
  const count = grouped(lang);
  const rules = new Intl.PluralRules(lang);
  return (value) => `${count(value)} ${rules.select(value) === "one" ? one : many}`;
}

/** `1.5 MB`, in steps of 1000. */
export function sized(lang: string, bytes: Counting): Counting {
  const format = new Intl.NumberFormat(lang, { maximumSignificantDigits: 3 });
  const units = ["kB", "MB", "GB", "TB"];
  return (value) => {
    if (value < 1000) {
      return bytes(Math.round(value));
    }
    let unit = 0;
    let shown = value / 1000;
    while (shown >= 1000 && unit < units.length - 1) {
      shown /= 1000;
      unit += 1;
    }
    return `${format.format(shown)} ${units[unit]}`;
  };
}

/** `12 s`, `3 min 20 s`, `2 h 5 min`; `moment` is what takes less than a second. */
export function lasting(moment: string): Counting {
  return (seconds) => {
    if (seconds < 1) {
      return moment;
    }
    const whole = Math.round(seconds);
    if (whole < 60) {
      return `${whole} s`;
    }
    const minutes = Math.floor(whole / 60);
    if (minutes < 60) {
      return whole % 60 > 0 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
    }
    const hours = Math.floor(minutes / 60);
    return minutes % 60 > 0 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  };
}
