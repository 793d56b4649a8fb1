import { html, nothing, type TemplateResult } from "lit";
import type { Histogram, Outcome, SearchResult } from "../../index/types.js";
import type { Detection } from "../detection/detection.js";
import { DetectionSubscription } from "../detection/detection-subscription.js";
import { countPerBar } from "../detection/levels.js";
import { EARLIEST, LATEST, moment } from "../parts/format.js";
import { define, dragged, emit, internal, props, TextView } from "../view.js";
import { barAt, chartView, OUTCOMES, wordOf } from "./chart.js";

/** Maximum number of time spans in the table; the fullest ones. */
const MAX_TABLE_ROWS = 100;

/** The begin and end of a time span, in words. */
interface Ends {
  readonly begin: string;
  readonly end: string;
}

/**
 * Events over time, as a chart and as a table. Dispatches `time-chosen` {since, until}, either of which may be open.
 */
export class HistogramView extends TextView {
  static override properties = {
    ...props("found", "detection", "isIndexIncomplete"),
    ...internal("width", "pointed", "chosen", "isTable"),
  };

  declare found: SearchResult | undefined;
  /** True while events are added, so that all counts are incomplete. */
  isIndexIncomplete = false;
  /** Findings, and how far the rules examined the events. */
  declare detection: Detection | undefined;
  /** Bar under the pointer, and the range of bars being selected. */
  declare private pointed: number | undefined;
  declare private chosen: readonly [number, number] | undefined;
  private width = 0;
  private isTable = false;

  constructor() {
    super();
    new DetectionSubscription(this, () => this.requestUpdate());
  }

  protected override resized(width: number): void {
    this.width = Math.floor(width);
  }

  protected override render(): TemplateResult | typeof nothing {
    const histogram = this.found?.histogram;
    if (histogram === undefined || this.found?.events === 0) {
      return nothing;
    }
    const { view } = this.texts;
    const foot = this.#outside(histogram);
    return html`
      <section class="histogram" part="histogram" aria-label=${view.histogram}>
        <div class="histogram-head">
          <ul class="legend" aria-hidden="true">
            ${OUTCOMES.toReversed().map((outcome) => {
              const sum = sumOf(histogram, outcome);
              return html`<li ?hidden=${sum === 0}><span class="swatch swatch-${wordOf(outcome)}"></span>${view.outcomes[wordOf(outcome)]} <span class="faint">${this.texts.figures.count(sum)}</span></li>`;
            })}
            <li class="faint" ?hidden=${!this.isIndexIncomplete}>${this.texts.query.soFar}</li>
            <li ?hidden=${this.#legend() === ""}><span class="swatch-mark">▼</span>${this.texts.found.inChart} <span class="faint">${this.#legend()}</span></li>
          </ul>
          <details class="histogram-table" ?open=${this.isTable} @toggle=${this.#toggled}>
            <summary>${view.table}</summary>
            ${this.isTable ? this.#table(histogram) : nothing}
          </details>
          <p class="histogram-says faint" aria-hidden="true" title=${this.#barSummary(histogram)}>${this.#barSummary(histogram)}</p>
        </div>
        <p class="sr">${this.#about(histogram)}</p>
        <div
          class="plot"
          aria-hidden="true"
          title=${view.brush}
          @pointermove=${this.#pointed}
          @pointerleave=${this.#left}
          @pointerdown=${this.#pressed}
        >${this.#chart(histogram)}</div>
        ${foot === "" ? nothing : html`<div class="histogram-foot"><p class="faint" aria-hidden="true">${foot}</p></div>`}
      </section>
    `;
  }

  #chart(histogram: Histogram): TemplateResult | typeof nothing {
    const { pointed, width, zone } = this;
    const chosen = this.chosen ?? (pointed === undefined ? undefined : ([pointed, pointed] as const));
    return width > 0
      ? chartView({
          histogram,
          marks: this.#marked(histogram),
          isSoFar: this.#isSoFar,
          width,
          chosen,
          lang: this.texts.lang,
          zone,
        })
      : nothing;
  }

  #barAt({ clientX }: PointerEvent): number | undefined {
    const plot = this.querySelector(".plot");
    const histogram = this.found?.histogram;
    return plot === null || histogram === undefined
      ? undefined
      : barAt(histogram, this.width, clientX - plot.getBoundingClientRect().left);
  }

  readonly #pointed = (event: PointerEvent): void => {
    this.pointed = (event.target as Element).matches(".plot-area") ? this.#barAt(event) : undefined;
  };

  readonly #left = (): void => {
    this.pointed = undefined;
  };

  /** Selects whole bars, so that the search finds what the bars counted. A finger scrolls the page instead. */
  readonly #pressed = (event: PointerEvent): void => {
    const from = this.#barAt(event);
    if (from === undefined || event.button !== 0 || event.pointerType === "touch") {
      return;
    }
    dragged(
      event,
      (moved) => {
        const to = this.#barAt(moved) ?? from;
        this.chosen = [Math.min(from, to), Math.max(from, to)];
      },
      () => {
        const { begin = 0, step = 0 } = this.found?.histogram ?? {};
        const [first, last] = this.chosen ?? [];
        this.chosen = undefined;
        if (first !== undefined && last !== undefined) {
          this.#choose(begin + first * step, begin + (last + 1) * step);
        }
      },
    );
  };

  /** End times of the findings about the events shown. */
  get #times(): Float64Array | undefined {
    const { status, ofSearch } = this.detection ?? {};
    return ofSearch?.times ?? status?.marks.times;
  }

  /** True while the rules haven't examined all events. */
  get #isSoFar(): boolean {
    const { status, isFinal, failure } = this.detection ?? {};
    return status !== undefined && failure === undefined && isFinal === false;
  }

  /** Returns the number of findings; empty before any are known. */
  #legend(): string {
    const { status, ofSearch } = this.detection ?? {};
    const { figures, found } = this.texts;
    const all = status?.findings ?? 0;
    if (status === undefined || (all === 0 && !this.#isSoFar)) {
      return "";
    }
    const count =
      ofSearch === undefined
        ? figures.count(all)
        : found.countOf({ some: figures.count(ofSearch.findings), all: figures.count(all) });
    return this.#isSoFar ? found.countSoFar(count) : count;
  }

  /** Returns which part of the events the rules haven't examined yet; empty once they have examined all. */
  #examined(): string {
    const { status, session } = this.detection ?? {};
    if (status === undefined || session === undefined || !this.#isSoFar) {
      return "";
    }
    const { figures, found } = this.texts;
    const all = session.verification?.report.counts.events;
    return all === undefined || all < status.events
      ? found.lookedSoFar(figures.events(status.events))
      : found.lookedOf({ some: figures.count(status.events), events: figures.events(all) });
  }

  /** Returns the number of findings that end in each bar. */
  #marked({ begin, step, bars }: Histogram): readonly number[] {
    const times = this.#times;
    return times === undefined ? [] : countPerBar(times, begin, step, bars.success.length);
  }

  #about(histogram: Histogram): string {
    const { figures, view } = this.texts;
    const events = figures.events(eventsIn(histogram));
    const { begin, end } = this.#ends(histogram);
    const marked = this.#legend();
    const findings = marked === "" ? "" : `${this.texts.found.inChart}: ${marked}. ${this.#examined()} `;
    return `${view.histogramAbout({ events, begin, end })} ${findings}${this.#timeRemark()} ${this.#outside(histogram)}`;
  }

  #ends({ begin, step, bars }: Histogram): Ends {
    return { begin: moment(begin, this.zone), end: moment(begin + step * bars.success.length, this.zone) };
  }

  /** Returns a note on events with dates far from all others; empty if there are none. */
  #outside(histogram: Histogram): string {
    const { figures, view } = this.texts;
    const outside = (this.found?.events ?? 0) - eventsIn(histogram);
    return outside <= 0 ? "" : view.notDrawn({ events: figures.events(outside), ...this.#ends(histogram) });
  }

  /** Returns which time was used: the events' own, or that of recording. */
  #timeRemark(): string {
    const { own, recorded } = this.found?.times ?? { own: 0, recorded: 0 };
    const { figures, view } = this.texts;
    if (own === 0) {
      return view.recordedTime;
    }
    return recorded === 0
      ? view.ownTime
      : view.bothTimes({ own: figures.count(own), recorded: figures.count(recorded) });
  }

  /**
   * Returns the counts of the bar under the pointer, or how far the rules got, or which time the chart uses and what
   * can be done.
   */
  #barSummary(histogram: Histogram): string {
    const bar = this.pointed;
    const { figures, view } = this.texts;
    if (bar === undefined || bar >= histogram.bars.success.length) {
      return this.#examined() || `${this.#timeRemark()} ${view.brush}`;
    }
    const counts = OUTCOMES.toReversed()
      .filter((outcome) => (histogram.bars[outcome][bar] ?? 0) > 0)
      .map((outcome) => `${view.outcomes[wordOf(outcome)]} ${figures.count(histogram.bars[outcome][bar] ?? 0)}`);
    const found = this.#marked(histogram)[bar] ?? 0;
    const marks = found === 0 ? "" : ` · ${figures.findings(found)}`;
    return `${this.#span(histogram, bar)}: ${counts.join(", ") || figures.events(0)}${marks}`;
  }

  #span(histogram: Histogram, bar: number): string {
    const { begin, end } = this.#bounds(histogram, bar);
    return `${begin} – ${end}`;
  }

  /** Returns when a bar begins and ends. On the same day, the end is only a time. */
  #bounds(histogram: Histogram, bar: number): Ends {
    const at = (bar: number) => moment(histogram.begin + bar * histogram.step, this.zone);
    const [begin, end] = [at(bar), at(bar + 1)];
    const day = begin.slice(0, begin.indexOf(" ") + 1);
    return { begin, end: end.startsWith(day) ? end.slice(day.length) : end };
  }

  #table(histogram: Histogram): TemplateResult {
    const { view, figures } = this.texts;
    const { begin, step, bars } = histogram;
    const shown = OUTCOMES.filter((outcome) => sumOf(histogram, outcome) > 0).reverse();
    const sum = (bar: number) => OUTCOMES.reduce((total, outcome) => total + (bars[outcome][bar] ?? 0), 0);
    const filled = bars.success.map((_, bar) => bar).filter((bar) => sum(bar) > 0);
    const listed = filled
      .toSorted((a, b) => sum(b) - sum(a))
      .slice(0, MAX_TABLE_ROWS)
      .toSorted((a, b) => a - b);
    return html`
      ${
        filled.length > listed.length
          ? html`<p class="faint">${view.bars({ bars: figures.count(listed.length), of: figures.count(filled.length) })}</p>`
          : nothing
      }
      <div class="table-scroller" tabindex="0" role="group" aria-label=${view.histogram}>
        <table>
          <thead>
            <tr>
              <th scope="col">${view.time}</th>
              ${shown.map((outcome) => html`<th scope="col" class="number">${view.outcomes[wordOf(outcome)]}</th>`)}
              <th scope="col"><span class="sr">${view.onlyThisTime}</span></th>
            </tr>
          </thead>
          <tbody>
            ${listed.map((bar) => {
              const { begin: from, end: to } = this.#bounds(histogram, bar);
              return html`
                <tr>
                  <th scope="row"><time>${from} –</time> <time>${to}</time></th>
                  ${shown.map((outcome) => html`<td class="number">${figures.count(bars[outcome][bar] ?? 0)}</td>`)}
                  <td>
                    <button
                      type="button"
                      class="quiet"
                      aria-label=${`${view.onlyThisTime}: ${this.#span(histogram, bar)}`}
                      @click=${() => this.#choose(begin + bar * step, begin + (bar + 1) * step)}
                    >${view.onlyThisTime}</button>
                  </td>
                </tr>
              `;
            })}
          </tbody>
        </table>
      </div>
    `;
  }

  #choose(since: number, until: number): void {
    // Queries can't express times beyond these.
    const ends = { since: since > EARLIEST ? since : undefined, until: until <= LATEST ? until : undefined };
    emit(this, "time-chosen", ends);
  }

  readonly #toggled = (event: Event): void => {
    this.isTable = (event.target as HTMLDetailsElement).open;
  };
}

/** Returns the number of events in the chart. */
export function eventsIn(histogram: Histogram): number {
  return OUTCOMES.reduce((sum, outcome) => sum + sumOf(histogram, outcome), 0);
}

function sumOf({ bars }: Histogram, outcome: Outcome): number {
  return bars[outcome].reduce((total, count) => total + count, 0);
}

define("cs-histogram", HistogramView);
