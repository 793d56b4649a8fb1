/** Languages in which the name of a month may be typed. */
const LANGUAGES = ["en", "de"];
const DAY = /^\d{4}-\d{2}-\d{2}$/;
/** A day with the name of its month: `1 October 2026`, `1. Okt. 2026`, or `October 1st, 2026`. */
const DAY_MONTH_YEAR = /^(\d{1,2})(?:st|nd|rd|th|\.)?\s+(\p{L}{3,})\.?,?\s+(\d{4})$/u;
const MONTH_DAY_YEAR = /^(\p{L}{3,})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})$/u;
/** Numbers whose order isn't known: `31/10/2026`, or `31.10.2026`. */
const NUMBERS = /^(\d{1,2})([/.])\s?(\d{1,2})\2\s?(\d{4})$/;

/** Reason why a typed text isn't a day. With `ambiguous`, it isn't clear which number is the month. */
export type DayProblem = "invalid" | "ambiguous";

/** A typed day, in ISO form; or why it isn't one. */
export type TypedDay = { readonly day: string } | { readonly is: DayProblem };

/**
 * Parses a day as it is typed: in ISO form, with the name of the month, or in numbers if only one order of day and month
 * is possible. With dots, the day comes first.
 */
export function parseDay(text: string): TypedDay {
  const typed = text.trim();
  if (isDay(typed)) return { day: typed };
  const [, day = "", month = "", year = ""] = DAY_MONTH_YEAR.exec(typed) ?? [];
  if (month !== "") return toDay(year, monthOf(month), Number(day));
  const [, firstMonth = "", nextDay = "", lastYear = ""] = MONTH_DAY_YEAR.exec(typed) ?? [];
  if (firstMonth !== "") return toDay(lastYear, monthOf(firstMonth), Number(nextDay));
  const [, first = "", mark, second = "", numberedYear = ""] = NUMBERS.exec(typed) ?? [];
  if (mark === undefined) return { is: "invalid" };
  const dayFirst = toDay(numberedYear, Number(second), Number(first));
  const monthFirst = toDay(numberedYear, Number(first), Number(second));
  if (mark === "." || "is" in monthFirst) return dayFirst;
  return "is" in dayFirst || dayFirst.day === monthFirst.day ? monthFirst : { is: "ambiguous" };
}

/** True if a text is a day of the calendar in ISO form, such as `2026-10-01`. */
export function isDay(text: string): boolean {
  const day = DAY.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  return day !== undefined && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

function toDay(year: string, month: number, day: number): TypedDay {
  const text = [year, ...[month, day].map((number) => String(number).padStart(2, "0"))].join("-");
  return isDay(text) ? { day: text } : { is: "invalid" };
}

/** Returns the number of a month, from 1, by its name or the beginning of it; 0 if there is none, or several. */
function monthOf(name: string): number {
  const typed = name.toLowerCase();
  const found = LANGUAGES.flatMap((lang) => {
    const format = new Intl.DateTimeFormat(lang, { month: "long", timeZone: "UTC" });
    return Array.from({ length: 12 }, (_, month) => month).filter((month) =>
      format.format(Date.UTC(2026, month)).toLowerCase().startsWith(typed),
    );
  });
  const [first = -1, ...others] = new Set(found);
  return others.length === 0 ? first + 1 : 0;
}
