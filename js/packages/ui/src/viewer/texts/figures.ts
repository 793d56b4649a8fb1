/** Numbers with units, formatted by the browser. */

/** Formats a count, such as `1 event` or `12,345 events`. */
export type Counting = (count: number) => string;

/** Returns a formatter for grouped numbers, such as `12,345`. */
export function grouped(lang: string): Counting {
  const format = new Intl.NumberFormat(lang);
  return (value) => format.format(value);
}

/** Returns a formatter for counts, such as `1 event` or `12,345 events`. */
export function counting(lang: string, one: string, many: string): Counting {
  const count = grouped(lang);
  const rules = new Intl.PluralRules(lang);
  return (value) => `${count(value)} ${rules.select(value) === "one" ? one : many}`;
}

const UNITS = ["kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** Returns a formatter for sizes, such as `1.5 MB`, in steps of 1000. */
export function sized(lang: string): Counting {
  const formats = UNITS.map(
    (unit) => new Intl.NumberFormat(lang, { style: "unit", unit, unitDisplay: "short", maximumSignificantDigits: 3 }),
  );
  const bytes = new Intl.NumberFormat(lang, {
    style: "unit",
    unit: "byte",
    unitDisplay: "long",
    maximumFractionDigits: 0,
  });
  return (value) => {
    let step = 0;
    while (step < UNITS.length && value >= 1000 ** (step + 1)) {
      step += 1;
    }
    return (formats[step - 1] ?? bytes).format(value / 1000 ** step);
  };
}

/**
 * Returns a formatter for durations, such as `12 s`, `3 min 20 s`, or `2 h 5 min`; `moment` stands for less than a
 * second.
 */
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
