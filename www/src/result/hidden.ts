import { value } from "@countersign/ui/viewer/parts/value.js";
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

/** Lists the entries that one export shows and another hides, each range with its first event. */
export class HiddenEntries extends View {
  static override properties = {
    texts: { attribute: false },
    shown: { attribute: false },
    at: { attribute: false },
    differences: { attribute: false },
  };
  declare texts: PageTexts;
  /** The export that shows the entries, and its number among the parts. */
  declare shown: Part;
  declare at: number;
  declare differences: readonly Difference[];
  #facts: ReadonlyMap<number, Facts> = new Map();
  #key = "";

  protected override willUpdate(_changed: PropertyValues<this>): void {
    const wanted = this.differences.slice(0, MAX_LISTED).map(({ begin }) => begin);
    const key = `${this.shown.file.name} ${this.shown.file.size} ${wanted}`;
    if (key === this.#key) return;
    this.#key = key;
    this.#facts = new Map();
    void this.#load(wanted, key);
  }

  protected override render(): TemplateResult {
    const { texts: t, at, differences, shown } = this;
    const more = differences.length - MAX_LISTED;
    return html`
      <ol class="ranges" tabindex="0" aria-label=${shown.file.name}>
        ${differences.slice(0, MAX_LISTED).map(
          ({ begin, end, as }) => html`
            <li data-hidden=${as}>
              <span>${t.coverage.range(begin, end)}</span>
              <span class="faint">${t.compare.as[as]}</span>
              ${factsView(this.#facts.get(begin), t)}
              <button type="button" class="quiet" @click=${emits("show-log-entry", { part: at, index: begin })}>${t.compare.show}<span class="sr"> ${t.coverage.range(begin, end)}</span></button>
            </li>`,
        )}
      </ol>
      ${more > 0 ? html`<p class="faint">${t.compare.more(more)}</p>` : nothing}
    `;
  }

  /** Reads the first event of each range. Without them, the ranges are listed alone. */
  async #load(entries: readonly number[], key: string): Promise<void> {
    const { session, file } = this.shown;
    if (session === undefined) return;
    try {
      const lines = await Promise.all(entries.map((entry) => session.index.lineOf(entry)));
      const read = await linesOf(
        file,
        lines.filter((line) => line !== undefined),
      );
      if (key !== this.#key) return;
      this.#facts = new Map(
        entries.flatMap((entry, nth) => {
          const raw = read.get(lines[nth] ?? -1);
          return raw === undefined ? [] : [[entry, statedFacts(raw.text)] as const];
        }),
      );
      this.requestUpdate();
    } catch {
      // The file can't be read again, for example because it was deleted.
    }
  }
}

function factsView(facts: Facts | undefined, { compare: t }: PageTexts): TemplateResult | typeof nothing {
  if (facts?.action === undefined) return nothing;
  const { time, action, actor } = facts;
  return html`<span class="hidden-event">${time === undefined ? nothing : html`${t.recorded} ${moment(time)}`} <strong>${value(action, 80)}</strong> ${actor === undefined ? nothing : value(actor, 80)}</span>`;
}
