/** The chart of events over time, stacked by outcome. */

import { html, nothing, svg, type TemplateResult } from "lit";
import type { Histogram, Outcome } from "../../index/types.js";
import type { Zone } from "../parts/format.js";

/**
 * Outcomes from the bottom of a bar to its top. They differ by color, and by pattern for readers who don't see
 * colors.
 */
export const OUTCOMES: readonly Outcome[] = ["failure", "denied", "unknown", "not-stated", "success"];

/** Returns the name of an outcome in texts and styles. */
export function wordOf(outcome: Outcome): Exclude<Outcome, "not-stated"> | "unstated" {
  return outcome === "not-stated" ? "unstated" : outcome;
}

/** Content of a chart. */
export interface Chart {
  readonly histogram: Histogram;
  /** Number of findings that end in each bar. */
  readonly marks: readonly number[];
  /** True while more marks may be added. */
  readonly isSoFar: boolean;
  /** Width in pixels. */
  readonly width: number;
  /** First and last highlighted bar. */
  readonly chosen: readonly [number, number] | undefined;
  readonly lang: string;
  readonly zone: Zone;
}

/** Position of the bars in pixels; the rest is for the axes. */
const HEIGHT = 64;
const TOP = 8;
const BASE = HEIGHT - 18;
const LEFT = 52;
const WIDEST = 64;
/** Height of the axis relative to the highest bar. */
const HEADROOM = 1.12;
/** Minimum distance of labels in pixels: of counts, and of times. */
const LABEL_OF_COUNT = 24;
const LABEL = 80;
const LABEL_WITH_MILLISECONDS = 112;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Steps of the time axis in milliseconds, no finer than the labels below it. */
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 4, 6, 8, 12].map((hours) => hours * HOUR),
  ...[1, 2, 3, 4, 5, 6, 7, 10, 15].map((days) => days * DAY),
];
/** Longer steps, in months. */
const MONTHS = [1, 2, 3, 4, 6, 12, 24, 60, 120, 300, 1_200, 6_000, 12_000];
const MONTH = 30 * DAY;
/** Steps of the count axis; whole numbers only. */
const WHOLE = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** Renders the chart. */
export function chartView({ histogram, marks, isSoFar, width, chosen, lang, zone }: Chart): TemplateResult {
  const { begin, step, bars } = histogram;
  const end = begin + barsIn(histogram) * step;
  const [left, right] = area(histogram, width);
  const x = (time: number) => left + ((time - begin) / (end - begin)) * (right - left);
  const edge = (bar: number) => x(begin + bar * step);
  const sums = bars.success.map((_, bar) => OUTCOMES.reduce((sum, outcome) => sum + (bars[outcome][bar] ?? 0), 0));
  const top = Math.max(1, ...sums) * HEADROOM;
  const y = (count: number) => BASE - (count / top) * (BASE - TOP);
  const below = sums.map(() => 0);
  const wide = Math.max(0.5, Math.min(WIDEST, edge(1) - left) - 1);
  const paths = OUTCOMES.map((outcome) => {
    const path = bars[outcome].map((count, bar) => {
      const from = below[bar] ?? 0;
      below[bar] = from + count;
      return count === 0 ? "" : `M${edge(bar)} ${y(from)}h${wide}V${y(from + count)}h${-wide}z`;
    });
    return svg`<path class="swatch-${wordOf(outcome)}" fill=${filling(outcome)} d=${path.join("")} />`;
  });
  const countStep = WHOLE.find((each) => y(0) - y(each) >= LABEL_OF_COUNT) ?? top;
  const compact = new Intl.NumberFormat(lang, { notation: "compact" });
  const spacing = ((end - begin) / (right - left)) * labelOf(histogram, width);
  const { apart, times } = ticks(begin, end, spacing, zone);
  const written = timing(apart, lang, zone);
  return html`
    <svg class="plot-drawn" width=${width} height=${HEIGHT}>
      ${PATTERNS}${HATCH}
      ${Array.from({ length: Math.floor(top / countStep) + 1 }, (_, nth) => {
        const at = Math.round(y(nth * countStep)) + 0.5;
        return svg`<path class="plot-line" d="M${left - 4} ${at}H${right}" /><text x=${left - 8} y=${at} text-anchor="end" dominant-baseline="central">${compact.format(nth * countStep)}</text>`;
      })}
      ${times.map((time) => {
        const at = Math.round(x(time)) + 0.5;
        return svg`<path class="plot-line" d="M${at} ${BASE}v4" /><text x=${at} y=${BASE + 14} text-anchor="middle">${written(time)}</text>`;
      })}
      ${paths}
      ${isSoFar ? svg`<rect class="plot-unknown" x=${left} y="1" width=${right - left} height="11" fill="url(#cs-bar-unknown-marks)" />` : nothing}
      <path class="plot-marks" d=${marks.map((findings, bar) => (findings > 0 ? `M${edge(bar + 0.5) - 5} 3h10l-5 7.5z` : "")).join("")} />
      ${
        chosen === undefined
          ? nothing
          : svg`<rect class="plot-chosen" x=${edge(chosen[0])} y="0" width=${edge(chosen[1] + 1) - edge(chosen[0])} height=${BASE} />`
      }
      <rect class="plot-area" x=${left} y="0" width=${right - left} height=${BASE} />
    </svg>
  `;
}

/** Returns the bar at a position in pixels; the nearest one if outside the bars. */
export function barAt(histogram: Histogram, width: number, x: number): number {
  const [left, right] = area(histogram, width);
  const bars = barsIn(histogram);
  return Math.max(0, Math.min(bars - 1, Math.floor(((x - left) / (right - left)) * bars)));
}

function barsIn({ bars }: Histogram): number {
  return Math.max(1, bars.success.length);
}

/** Returns the horizontal range of the bars. Half of the last label is beyond it. */
function area(histogram: Histogram, width: number): readonly [left: number, right: number] {
  return [LEFT, Math.max(LEFT + 1, width - labelOf(histogram, width) * 0.4)];
}

/** Returns the space that a label of the time axis takes, in pixels. Steps below a second have milliseconds. */
function labelOf(histogram: Histogram, width: number): number {
  return ((barsIn(histogram) * histogram.step) / width) * LABEL < SECOND ? LABEL_WITH_MILLISECONDS : LABEL;
}

/** Patterns for readers who don't see colors. Success and unstated outcomes are plain. */
const PATTERNS = (["failure", "denied", "unknown"] as const).map((outcome) => {
  const shape = { failure: "M-1 7 7-1M-1 1 1-1M5 7 7 5", denied: "M-1-1 7 7M5-1 7 1M-1 5 1 7", unknown: "M3 3h0" };
  return svg`<pattern id="cs-bar-${outcome}" class="swatch-${outcome}" fill="currentColor" width="6" height="6" patternUnits="userSpaceOnUse"><path d="M0 0h6v6H0z" opacity="0.5" /><path class="bar-shape" d=${shape[outcome]} /></pattern>`;
});

/** Hatching for the range where marks may still be added. */
const HATCH = svg`<pattern id="cs-bar-unknown-marks" class="plot-hatch" width="6" height="6" patternUnits="userSpaceOnUse"><path d="M-1 7 7-1M-1 1 1-1M5 7 7 5" stroke="currentColor" /></pattern>`;

function filling(outcome: Outcome): string {
  return outcome === "success" || outcome === "not-stated" ? "currentColor" : `url(#cs-bar-${outcome})`;
}

/** Returns the labeled times, at least `least` milliseconds apart, in the clock time of the zone. */
function ticks(begin: number, end: number, least: number, zone: Zone): { apart: number; times: readonly number[] } {
  const isUtc = zone === "utc";
  const clock = (time: number) => (isUtc ? time : time - new Date(time).getTimezoneOffset() * MINUTE);
  // A time without the Z is parsed as local.
  const timeOf = (clock: number) => (isUtc ? clock : Date.parse(new Date(clock).toISOString().slice(0, -1)));
  const step = STEPS.find((step) => step >= least);
  const months = MONTHS.find((months) => months * MONTH >= least) ?? MONTHS.at(-1) ?? 1;
  const monthOf = (time: number) => new Date(time).getUTCFullYear() * 12 + new Date(time).getUTCMonth();
  const [first, last] = [clock(begin), clock(end)];
  const [from, to] =
    step === undefined ? [monthOf(first) / months, monthOf(last) / months] : [first / step, last / step];
  const places = Array.from({ length: Math.floor(to) - Math.floor(from) + 1 }, (_, nth) => Math.floor(from) + nth);
  const times = places.map((place) =>
    timeOf(step === undefined ? new Date(0).setUTCFullYear(0, place * months, 1) : place * step),
  );
  return { apart: step ?? months * MONTH, times: times.filter((time) => time >= begin && time <= end) };
}

/** Returns a formatter for labels, as fine as the ticks require. */
function timing(apart: number, lang: string, zone: Zone): (time: number) => string {
  const timeZone = zone === "utc" ? { timeZone: "UTC" } : {};
  const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(lang, { ...options, ...timeZone });
  const month = format({ month: "short", year: "numeric" });
  const day = format({ day: "numeric", month: "short" });
  const minute = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const second = format({
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    ...(apart < SECOND ? { fractionalSecondDigits: 3 } : {}),
  });
  return (time) => {
    if (apart >= 28 * DAY) {
      return month.format(time);
    }
    const isMidnight = second.format(time) === "00:00:00";
    return (apart >= DAY || isMidnight ? day : apart >= MINUTE ? minute : second).format(time);
  };
}
