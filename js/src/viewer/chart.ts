/** The chart of events over time, stacked by outcome, drawn by uPlot. */

import uPlot from "uplot";
import type { Histogram, Outcome } from "../index/types.js";
import type { Zone } from "./format.js";

/** From the base of a bar to its top. They are told apart by colours, and by patterns for who sees none. */
export const OUTCOMES: readonly Outcome[] = ["failure", "denied", "unknown", "not-stated", "success"];

/** How the chart looks and speaks. */
export interface ChartLook {
  /** Colours as the browser resolved them. */
  readonly colours: Readonly<Record<Outcome | "ink" | "line" | "mark", string>>;
  readonly font: string;
  readonly lang: string;
  readonly zone: Zone;
}

/** What the reader does with it. */
export interface ChartEvents {
  /** A span of time was chosen. */
  readonly chosen: (since: number, until: number) => void;
  /** A bar is pointed at, or none. */
  readonly pointed: (bar: number | undefined) => void;
}

const HEIGHT = 104;
const DAY = 86_400_000;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Steps of the axis of time: no finer than what is written below it. */
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 4, 6, 8, 12].map((hours) => hours * HOUR),
  ...[1, 2, 3, 4, 5, 6, 7, 10, 15, 30, 60, 90, 120, 180].map((days) => days * DAY),
  ...[1, 2, 5, 10, 25, 50, 100, 500].map((years) => years * 365 * DAY),
];
/** How far apart labels below the axis of time are at least, in pixels. */
const LABEL = 80;
const LABEL_WITH_MILLISECONDS = 112;
/** How much higher the axis is than the highest bar. */
const HEADROOM = 1.12;

/** Draws into an element of the page. */
export class Chart {
  #plot: uPlot;
  #histogram: Histogram;
  /** How many findings end in each bar. */
  #marks: readonly number[];

  constructor(into: HTMLElement, histogram: Histogram, marks: readonly number[], look: ChartLook, events: ChartEvents) {
    this.#histogram = histogram;
    this.#marks = marks;
    this.#plot = new uPlot(this.#options(into.clientWidth, look, events), stacked(histogram), into);
  }

  /** Shows other figures. */
  show(histogram: Histogram, marks: readonly number[]): void {
    this.#histogram = histogram;
    this.#marks = marks;
    this.#plot.setData(stacked(histogram));
  }

  resize(width: number): void {
    if (width > 0 && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: HEIGHT });
    }
  }

  remove(): void {
    this.#plot.destroy();
  }

  #options(width: number, { colours, font, lang, zone }: ChartLook, { chosen, pointed }: ChartEvents): uPlot.Options {
    const bars = uPlot.paths.bars?.({ align: 1, size: [1, 64], gap: 1 });
    const series = [...OUTCOMES].reverse().map((outcome) => ({
      label: outcome,
      fill: fill(outcome, colours[outcome]),
      width: 0,
      points: { show: false },
      ...(bars && { paths: bars }),
    }));
    const axis = {
      stroke: colours.ink,
      font: `12px ${font}`,
      grid: { stroke: colours.line, width: 1 },
      ticks: { stroke: colours.line, width: 1, size: 4 },
    };
    return {
      width,
      height: HEIGHT,
      ms: 1,
      tzDate: (time) => (zone === "utc" ? uPlot.tzDate(new Date(time), "Etc/UTC") : new Date(time)),
      // Half of the last label stands beyond the axis.
      padding: [8, (plot) => this.#label(plot) * 0.4, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => null },
      },
      scales: {
        x: { time: true, range: () => this.#bounds() },
        y: { range: (_plot, _least, most) => [0, Math.max(1, most) * HEADROOM] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 24,
          space: (plot) => this.#label(plot),
          incrs: STEPS,
          values: (_plot, splits, _axis, _space, step) => splits.map(timing(step, lang, zone)),
        },
        { ...axis, size: 52, space: 28, incrs: WHOLE, values: (_plot, splits) => splits.map(compact(lang)) },
      ],
      series: [{}, ...series],
      hooks: {
        draw: [(plot) => this.#mark(plot, colours.mark)],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width > 0) {
              plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              this.#choose(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"), chosen);
            }
          },
        ],
        setCursor: [
          (plot) => {
            const { left = -1 } = plot.cursor;
            pointed(left < 0 ? undefined : this.#barAt(plot.posToVal(left, "x")));
          },
        ],
      },
    };
  }

  /** A triangle above each bar in which findings end. */
  #mark({ ctx, bbox, valToPos }: uPlot, colour: string): void {
    const { begin, step } = this.#histogram;
    const side = 5 * devicePixelRatio;
    ctx.save();
    ctx.fillStyle = colour;
    this.#marks.forEach((findings, bar) => {
      if (findings > 0) {
        const middle = valToPos(begin + (bar + 0.5) * step, "x", true);
        ctx.beginPath();
        ctx.moveTo(middle - side, bbox.top - side);
        ctx.lineTo(middle + side, bbox.top - side);
        ctx.lineTo(middle, bbox.top + side / 2);
        ctx.fill();
      }
    });
    ctx.restore();
  }

  #bounds(): [number, number] {
    const { begin, step, bars } = this.#histogram;
    return [begin, begin + Math.max(1, bars.success.length) * step];
  }

  /** How much room a label below the axis of time takes, in pixels: where seconds are divided, it has milliseconds. */
  #label({ width }: uPlot): number {
    const [begin, end] = this.#bounds();
    return ((end - begin) / width) * LABEL < SECOND ? LABEL_WITH_MILLISECONDS : LABEL;
  }

  #barAt(time: number): number | undefined {
    const { begin, step, bars } = this.#histogram;
    const bar = Math.floor((time - begin) / step);
    return bar >= 0 && bar < bars.success.length ? bar : undefined;
  }

  /** Whole bars: what is chosen is what was counted. */
  #choose(from: number, to: number, chosen: ChartEvents["chosen"]): void {
    const { begin, step } = this.#histogram;
    const first = Math.max(0, Math.floor((from - begin) / step));
    const last = Math.max(first + 1, Math.ceil((to - begin) / step));
    chosen(begin + first * step, begin + last * step);
  }
}

/** Steps of the axis of counts: no halves of events. */
const WHOLE = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** Each outcome with those below it, the whole bar first: what is drawn later covers what is beneath. */
function stacked({ begin, step, bars }: Histogram): uPlot.AlignedData {
  const times = bars.success.map((_, bar) => begin + bar * step);
  const sums: number[][] = [];
  let below: readonly number[] = times.map(() => 0);
  for (const outcome of OUTCOMES) {
    const sum = below.map((count, bar) => count + (bars[outcome][bar] ?? 0));
    sums.unshift(sum);
    below = sum;
  }
  return [times, ...sums];
}

/** A colour, and stripes or dots for all but success and what is not stated: few are told by their colour alone. */
function fill(outcome: Outcome, colour: string): CanvasRenderingContext2D["fillStyle"] {
  if (outcome === "success" || outcome === "not-stated") {
    return colour;
  }
  const side = 6 * devicePixelRatio;
  const tile = new OffscreenCanvas(side, side);
  const paint = tile.getContext("2d");
  if (paint === null) {
    return colour;
  }
  paint.fillStyle = colour;
  paint.fillRect(0, 0, side, side);
  paint.globalCompositeOperation = "destination-out";
  paint.globalAlpha = 0.5;
  if (outcome === "failure" || outcome === "denied") {
    const [from, to] = outcome === "failure" ? [side + 1, -1] : [-1, side + 1];
    paint.lineWidth = side / 5;
    for (const shift of [-side, 0, side]) {
      paint.moveTo(shift - 1, from);
      paint.lineTo(shift + side + 1, to);
    }
    paint.stroke();
  } else if (outcome === "unknown") {
    paint.arc(side / 2, side / 2, side / 4, 0, 2 * Math.PI);
    paint.fill();
  }
  return paint.createPattern(tile, "repeat") ?? colour;
}

function compact(lang: string): (count: number | null) => string {
  const format = new Intl.NumberFormat(lang, { notation: "compact" });
  return (count) => (count === null ? "" : format.format(count));
}

/** What stands below a tick, as fine as the ticks are apart. */
function timing(step: number, lang: string, zone: Zone): (time: number) => string {
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
    ...(step < SECOND ? { fractionalSecondDigits: 3 } : {}),
  });
  return (time) => {
    if (step >= 28 * DAY) {
      return month.format(time);
    }
    const isMidnight = second.format(time) === "00:00:00";
    return (step >= DAY || isMidnight ? day : step >= 60_000 ? minute : second).format(time);
  };
}
