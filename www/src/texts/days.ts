import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, type TemplateResult } from "lit";

/** Formats the days from one time to another, in UTC: `2–9 November 2026`. */
export function daysIn(lang: string): (from: string, to: string) => string {
  const format = new Intl.DateTimeFormat(lang, {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
  return (from, to) => {
    const [begin, end] = [new Date(from), new Date(to)];
    // A clock can be wrong in either direction.
    return begin <= end ? format.formatRange(begin, end) : format.formatRange(end, begin);
  };
}

/** Formats untrusted names for use in a sentence: `a, b and 3 more`, where `others` is the last of them. */
export function listed(lang: string, names: readonly string[], more: number, others: string): TemplateResult {
  const shown = names.map((name) => html`<strong>${value(name, 80)}</strong>`);
  const rest = more > 0 ? [html`${others}`] : [];
  const all = [...shown, ...rest];
  const places = all.map((_, place) => String(place));
  const parts = new Intl.ListFormat(lang, { style: "long", type: "conjunction" }).formatToParts(places);
  return html`${parts.map(({ type, value: text }) => (type === "element" ? all[Number(text)] : text))}`;
}
