import type { Coverage } from "@countersign/ui/index/types.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Finding } from "countersign/verify";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import { emit, emits } from "../emit.ts";
import { alteredEvents } from "../evidence/claims.ts";
import type { Part } from "../state/case.ts";
import { linesOf, parseLine, type RawLine, statedFacts } from "../state/lines.ts";
import { without } from "../state/ranges.ts";
import type { PageTexts } from "../texts/en.ts";
import { View } from "../view.ts";

/** Maximum characters of a changed event shown. */
const MAX_SHOWN_CHARS = 8_000;

/** An entry of the file, with its line. */
interface Entry {
  readonly index: number;
  readonly line: number;
  readonly raw: RawLine;
}

/** A changed event between the nearest two events that match their signatures. */
interface Scene {
  readonly changed: Entry;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

/** Shows events that were changed after signing, one at a time, between their unchanged neighbors. */
export class Changed extends View {
  static override properties = { texts: { attribute: false }, shown: { attribute: false } };
  declare texts: PageTexts;
  declare shown: Part | undefined;
  #at = 0;
  #scene: Scene | "reading" | "unreadable" = "reading";
  #shownKey = "";

  /** Shows the event on a line, or else the first one, and takes the focus. */
  begin(line?: number): void {
    this.#at = Math.max(
      0,
      this.#findings.findIndex((finding) => finding.line === line),
    );
    this.requestUpdate();
    void this.updateComplete.then(() => {
      this.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
      this.scrollIntoView({ block: "start" });
    });
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("shown") && changed.get("shown")?.session !== this.shown?.session) this.#at = 0;
    const finding = this.#findings[this.#at];
    const key = finding === undefined ? "" : `${this.shown?.file.name} ${finding.line} ${finding.index}`;
    if (key !== this.#shownKey) {
      this.#shownKey = key;
      this.#scene = "reading";
      if (finding !== undefined) void this.#load(finding, key);
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const t = this.texts.changed;
    const { length } = this.#findings;
    if (length === 0) return nothing;
    return html`
      <section class="changed" aria-labelledby="changed-heading">
        <div class="section-head">
          <h2 id="changed-heading" tabindex="-1">${t.heading} <span class="faint">${t.of(this.#at + 1, length)}</span></h2>
          ${
            length === 1
              ? nothing
              : html`<div class="buttons">
                <button type="button" class="quiet" ?disabled=${this.#at === 0} @click=${() => this.#step(-1)}>${t.previous}</button>
                <button type="button" class="quiet" ?disabled=${this.#at === length - 1} @click=${() => this.#step(1)}>${t.next}</button>
              </div>`
          }
        </div>
        <p class="help">${t.lead}</p>
        ${this.#sceneView(t)}
      </section>
    `;
  }

  #sceneView(t: PageTexts["changed"]): TemplateResult {
    if (this.#scene === "reading") return html`<p class="faint" role="status">${t.reading}…</p>`;
    if (this.#scene === "unreadable") return html`<p class="empty">${t.unreadable}</p>`;
    const { before, changed, after } = this.#scene;
    return html`
      <ol class="around">
        ${this.#neighbor(before, "before", t)}
        <li class="untrusted tone-bad">
          <p class="around-head"><span class="state tone-bad">${icon("altered")}${t.untrusted}</span> <span class="faint">${t.entry(changed.index, changed.line)}</span></p>
          <pre class="raw" tabindex="0" role="group" aria-label=${t.untrusted}><code>${textView(changed.raw)}</code></pre>
          <p class="help">${changed.raw.isCut || changed.raw.text.length > MAX_SHOWN_CHARS ? `${t.cut} ` : nothing}${t.before}</p>
        </li>
        ${this.#neighbor(after, "after", t)}
      </ol>
    `;
  }

  #neighbor(entry: Entry | undefined, side: "before" | "after", t: PageTexts["changed"]): TemplateResult {
    if (entry === undefined) return html`<li class="neighbor faint">${t.edge[side]}</li>`;
    const { time, action, actor } = statedFacts(entry.raw.text);
    return html`
      <li class="neighbor">
        <p class="around-head"><span class="state tone-good">${icon("pass")}${t.signed}</span> <span class="faint">${t.entry(entry.index, entry.line)}</span></p>
        <p class="around-says">
          ${time === undefined ? nothing : moment(time)} ${action === undefined ? nothing : html`<strong>${value(action)}</strong>`} ${actor === undefined ? nothing : value(actor)}
          <button type="button" class="quiet" @click=${emits("show-line", entry.line)}>${t.show}<span class="sr"> ${t.entry(entry.index, entry.line)}</span></button>
        </p>
      </li>
    `;
  }

  get #findings(): readonly Finding[] {
    const { report } = this.shown?.session ?? {};
    return report === undefined ? [] : alteredEvents(report);
  }

  #step(by: number): void {
    this.#at += by;
    this.requestUpdate();
    // A disabled button can't have the focus.
    void this.updateComplete.then(() => {
      if (document.activeElement === document.body) this.querySelector<HTMLElement>("h2")?.focus();
    });
  }

  async #load({ line, index = 0 }: Finding, key: string): Promise<void> {
    const scene = await this.#read(line, index).catch(() => "unreadable" as const);
    if (key !== this.#shownKey) return;
    this.#scene = scene;
    this.requestUpdate();
    emit(this, "changed-shown", undefined);
  }

  async #read(line: number, index: number): Promise<Scene | "unreadable"> {
    const { session, file } = this.shown ?? {};
    if (session === undefined || file === undefined) return "unreadable";
    // The neighbors are known once the events are indexed.
    await session.ended;
    const coverage = await session.index.coverage();
    const near = neighbors(coverage, index);
    const placed = await Promise.all(
      near.map(async (index) => {
        const line = index === undefined ? undefined : await session.index.lineOf(index);
        return index === undefined || line === undefined ? undefined : { index, line };
      }),
    );
    const lines = await linesOf(file, [line, ...placed.flatMap((place) => (place ? [place.line] : []))]);
    const [before, after] = placed.map((place) => {
      const raw = place && lines.get(place.line);
      return place && raw && { ...place, raw };
    });
    const raw = lines.get(line);
    return raw === undefined ? "unreadable" : { changed: { index, line, raw }, before, after };
  }
}

/** Returns the nearest entries on either side with a verified event. */
function neighbors({ listed, withheld }: Coverage, index: number): readonly (number | undefined)[] {
  const verified = without(listed, withheld);
  let [before, after]: (number | undefined)[] = [];
  for (let place = 0; place + 1 < verified.length; place += 2) {
    const [begin = 0, end = 0] = [verified[place], verified[place + 1]];
    if (begin < index) before = Math.min(end, index) - 1;
    if (after === undefined && end > index + 1) after = Math.max(begin, index + 1);
  }
  return [before, after];
}

/** Renders the event of a line; the whole line if it can't be parsed. */
function textView({ text }: RawLine): TemplateResult {
  const event = parseLine(text)?.event;
  const shown = (event === undefined ? text : (indented(event) ?? text)).slice(0, MAX_SHOWN_CHARS);
  return html`${shown.split("\n").map((line, place) => html`${place > 0 ? "\n" : nothing}${spaces(line)}${line.trim() === "" ? nothing : value(line.trimStart(), MAX_SHOWN_CHARS)}`)}`;
}

function spaces(line: string): string {
  return " ".repeat(line.length - line.trimStart().length);
}

function indented(event: unknown): string | undefined {
  try {
    return JSON.stringify(event, null, 2);
  } catch {
    return undefined;
  }
}
