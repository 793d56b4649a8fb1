import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Report } from "countersign/verify";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import type { Part } from "../state/case.ts";
import type { Difference } from "../state/difference.ts";
import { linesOf, statedFacts } from "../state/lines.ts";
import type { PageTexts } from "../texts/en.ts";
import { View } from "../view.ts";

/** Maximum number of ranges listed. */
const MAX_LISTED = 200;

/** Facts that an event states about itself. */
type Facts = ReturnType<typeof statedFacts>;

/** An export, its number among the parts, and the entries that it shows and another export hides. */
export interface HiddenRanges {
  readonly shown: Part;
  readonly at: number;
  readonly differences: readonly Difference[];
}

/** Facts that were read, by the report on the export that shows them: a browser doesn't wait for them when it prints. */
const READ_FACTS = new WeakMap<Report, Map<string, ReadonlyMap<number, Facts>>>();

function beginsOf({ differences }: HiddenRanges): readonly number[] {
  return differences.slice(0, MAX_LISTED).map(({ begin }) => begin);
}

/** Lists the entries that one export shows and another hides, each range with its first event. */
export class HiddenEntries extends View implements HiddenRanges {
  static override properties = {
    texts: { attribute: false },
    shown: { attribute: false },
    at: { attribute: false },
    differences: { attribute: false },
  };
  declare texts: PageTexts;
  declare shown: Part;
  declare at: number;
  declare differences: readonly Difference[];
  #report: Report | undefined;
  #key = "";

  protected override willUpdate(_changed: PropertyValues<this>): void {
    const { report } = this.shown.session ?? {};
    const begins = beginsOf(this);
    const key = `${begins}`;
    if (report === undefined || (key === this.#key && report === this.#report)) return;
    this.#key = key;
    this.#report = report;
    if (READ_FACTS.get(report)?.get(key) === undefined) void this.#load(begins, report);
  }

  protected override render(): TemplateResult {
    return hiddenView(this, this.texts);
  }

  /** Reads the first event of each range. Without them, the ranges are listed alone. */
  async #load(entries: readonly number[], report: Report): Promise<void> {
    const { session, file } = this.shown;
    if (session === undefined) return;
    try {
      const lines = await Promise.all(entries.map((entry) => session.index.lineOf(entry)));
      const read = await linesOf(
        file,
        lines.filter((line) => line !== undefined),
      );
      const facts = entries.flatMap((entry, nth) => {
        const raw = read.get(lines[nth] ?? -1);
        return raw === undefined ? [] : [[entry, statedFacts(raw.text)] as const];
      });
      READ_FACTS.set(report, (READ_FACTS.get(report) ?? new Map()).set(`${entries}`, new Map(facts)));
      this.requestUpdate();
    } catch {
      // The file can't be read again, for example because it was deleted.
    }
  }
}

/** Renders the ranges, with the first event of each if it was read. */
export function hiddenView(ranges: HiddenRanges, t: PageTexts): TemplateResult {
  const { shown, at, differences } = ranges;
  const { report } = shown.session ?? {};
  const facts = report && READ_FACTS.get(report)?.get(`${beginsOf(ranges)}`);
  const more = differences.length - MAX_LISTED;
  return html`
    <ol class="ranges" tabindex="0" aria-label=${shown.file.name}>
      ${differences.slice(0, MAX_LISTED).map(
        ({ begin, end, as }) => html`
          <li data-hidden=${as}>
            <span>${t.coverage.range(begin, end)}</span>
            <span class="faint">${t.compare.as[as]}</span>
            ${factsView(facts?.get(begin), t)}
            <button type="button" class="quiet" @click=${emits("show-log-entry", { part: at, index: begin })}>${t.compare.show}<span class="sr"> ${t.coverage.range(begin, end)}</span></button>
          </li>`,
      )}
    </ol>
    ${more > 0 ? html`<p class="faint">${t.compare.more(more)}</p>` : nothing}
  `;
}

function factsView(facts: Facts | undefined, { compare: t }: PageTexts): TemplateResult | typeof nothing {
  if (facts?.action === undefined) return nothing;
  const { time, action, actor } = facts;
  return html`<span class="hidden-event">${time === undefined ? nothing : html`${t.recorded} ${moment(time)}`} <strong>${value(action, 80)}</strong> ${actor === undefined ? nothing : value(actor, 80)}</span>`;
}
