/** Selection of a period: presets counted back from the last event, or two dates. */

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Histogram } from "../../index/types.js";
import { selectView } from "../list/toolbar.js";
import { type DayProblem, parseDay } from "../parts/day.js";
import { dayField } from "../parts/day-field.js";
import { moment } from "../parts/format.js";
import { define, emit, internal, props, TextView } from "../view.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Preset periods, in milliseconds. */
const PRESETS = { hour: HOUR, day: DAY, week: 7 * DAY, month: 30 * DAY } as const;
type Preset = keyof typeof PRESETS;

/** The selected period: a preset, everything, two dates, or a condition that the reader typed. */
type Chosen = Preset | "all" | "between" | "own";

/** Names of the two fields for days. */
const DAYS = ["from", "to"] as const;
type DayName = (typeof DAYS)[number];

/** A field whose text isn't a day. */
interface InvalidDay {
  readonly name: DayName;
  readonly typed: string;
  readonly is: DayProblem;
}

/** Time range of the events. */
export interface Extent {
  readonly begin: number;
  readonly end: number;
  /** True if later times belong to it, because there are no other events, or more are still to come. */
  readonly isOpen: boolean;
}

/** Returns the range from the first non-empty bar to the last event, which may be long before the end of its bar. */
export function extentOf({ begin, step, bars }: Histogram, lastEvent: number, isOpen: boolean): Extent | undefined {
  const counts = Object.values(bars);
  const filled = (bars.success ?? []).map((_, bar) => counts.some((of) => (of[bar] ?? 0) > 0));
  const [first, last] = [filled.indexOf(true), filled.lastIndexOf(true)];
  const end = Math.min(begin + (last + 1) * step, lastEvent + 1);
  return first < 0 ? undefined : { begin: begin + first * step, end, isOpen };
}

/** Selects a period. Dispatches `time-chosen` {since, until}, either of which may be open. */
export class Period extends TextView {
  static override properties = { ...props("text", "extent"), ...internal("chosen", "invalid") };

  /** The query. */
  declare text: string;
  /** Undefined until there are events. */
  declare extent: Extent | undefined;
  private chosen: Chosen = "all";
  /** The first of the two fields whose text isn't a day. */
  private invalid: InvalidDay | undefined;
  /** Conditions of the query on time. */
  #time = "";
  /** True until the query contains the selected period. */
  #isPending = false;

  protected override willUpdate(changed: PropertyValues<this>): void {
    const time = timeOf(this.text);
    if (changed.has("text") && time !== this.#time) {
      this.#time = time;
      if (!this.#isPending) {
        this.chosen = time === "" ? "all" : "own";
      }
      this.#isPending = false;
    }
  }

  protected override render(): TemplateResult {
    const { period } = this.texts.view;
    const offered: readonly Chosen[] = ["all", "hour", "day", "week", "month", "between"];
    const names = [...offered, ...(this.chosen === "own" ? ([this.chosen] as const) : [])].map(
      (name) => [name, period[name]] as const,
    );
    return html`
      ${selectView(period.label, names, this.chosen, this.#choose, period.about)}
      ${this.chosen === "between" ? this.#dates() : nothing}
    `;
  }

  #dates(): TemplateResult {
    const { period } = this.texts.view;
    const { begin, end } = this.extent ?? {};
    const field = (name: DayName, time: number | undefined) => {
      const value = time === undefined ? "" : moment(time, this.zone).slice(0, 10);
      return dayField({ name, label: period[name], value, isInvalid: this.invalid?.name === name }, period);
    };
    return html`
      <form class="period-dates" @submit=${this.#between}>
        ${field("from", begin)}
        ${field("to", end === undefined ? undefined : end - 1)}
        <button type="submit">${period.apply}</button>
        <div role="alert">${this.invalid === undefined ? nothing : period.noDay[this.invalid.is](this.invalid.typed)}</div>
      </form>
    `;
  }

  readonly #choose = (chosen: Chosen): void => {
    this.chosen = chosen;
    this.invalid = undefined;
    if (chosen === "all") {
      this.#isPending = this.#time !== "";
      this.#emit(undefined, undefined);
    } else if (chosen in PRESETS && this.extent !== undefined) {
      const { end, isOpen } = this.extent;
      this.#isPending = true;
      this.#emit(end - PRESETS[chosen as Preset], isOpen ? undefined : end);
    }
    if (chosen === "between") {
      void this.updateComplete.then(() => this.querySelector<HTMLElement>("input[name=from]")?.focus());
    }
  };

  readonly #between = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const days = { from: "", to: "" };
    this.invalid = undefined;
    for (const name of DAYS) {
      const typed = String(data.get(name)).trim();
      const parsed = typed === "" ? { day: "" } : parseDay(typed);
      if ("is" in parsed) {
        this.invalid = { name, typed, is: parsed.is };
        this.querySelector<HTMLElement>(`input[name=${name}]`)?.focus();
        return;
      }
      days[name] = parsed.day;
    }
    const [from, to] = [this.#begin(days.from), this.#begin(days.to)];
    this.#isPending = true;
    // The last day is included.
    this.#emit(from, to === undefined ? undefined : this.#next(to));
  };

  /** Returns when a day begins; undefined without a day. */
  #begin(day: string): number | undefined {
    const time = Date.parse(this.zone === "utc" ? `${day}T00:00:00.000Z` : `${day}T00:00:00.000`);
    return Number.isNaN(time) ? undefined : time;
  }

  /** Returns when the next day begins. Not every day has 24 hours. */
  #next(begin: number): number {
    const date = new Date(begin);
    return this.zone === "utc" ? begin + DAY : date.setDate(date.getDate() + 1);
  }

  #emit(since: number | undefined, until: number | undefined): void {
    emit(this, "time-chosen", { since, until });
  }
}

/** Returns the conditions of a query on time. */
function timeOf(text: string): string {
  return (text.match(/(?:since|until|time|recorded):\S+/g) ?? []).join(" ");
}

define("cs-period", Period);
