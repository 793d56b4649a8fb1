import { plainError } from "@countersign/error.js";
import type { EventRow } from "@countersign/index/types.js";
import { save } from "@countersign/viewer/save.js";
import { value } from "@countersign/viewer/value.js";
import type { Viewer } from "@countersign/viewer/viewer.js";
import { html, nothing, type TemplateResult } from "lit";
import type { TextFile } from "../input/trust.ts";
import { moment } from "../said.ts";
import { quote } from "../shell.ts";
import type { Part } from "../state/case.ts";
import type { PageTexts } from "../texts/en.ts";
import { View } from "../view.ts";
import { sampleView } from "./filed-view.ts";
import type { Paper, Sampled } from "./frame.ts";
import { drawn, evidenceFile, type Making, reportFile, sliceFile, TooLong } from "./make.ts";
import { LONGEST_COMMENT, Papers } from "./papers.ts";
import { queryOf } from "./question.ts";
import { eventRows, outcomeOf, saysOf } from "./rows.ts";
import { type EvidenceTexts, evidenceTexts } from "./texts.ts";

/** So many events can be annotated at a time: who wants others searches for them. */
const LISTED = 100;

/** What the panel is about. */
export interface Bench {
  readonly part: Part;
  readonly trust: TextFile | undefined;
  readonly pins: readonly TextFile[];
  /** The page's viewer, by whose search events are selected, and its tools. */
  readonly viewer: () => Viewer | undefined;
  readonly tools: () => Making["tools"] | undefined;
  /** Notes that came with an evidence file. */
  readonly papers: readonly Paper[];
}

/** What is typed and chosen in the panel. */
export interface Typed {
  readonly reference: string;
  readonly examiner: string;
  readonly sample: Sampled | undefined;
  readonly papers: Pick<Papers, "of">;
}

/** Where evidence is made: who examines it, notes to events, a sample, a question, and what is saved. */
export class EvidencePanel extends View {
  static override properties = { texts: { attribute: false }, bench: { attribute: false } };
  declare texts: PageTexts;
  declare bench: Bench;
  #reference = "";
  #examiner = "";
  #sample: Sampled | undefined;
  #papers: Papers | undefined;
  #papersOf: string | undefined;
  #rows: readonly EventRow[] | undefined;
  #events = 0;
  #isBusy = false;
  #said = "";

  protected override willUpdate(changed: Map<string, unknown>): void {
    const before = changed.get("bench") as Bench | undefined;
    if (before && before.part.session !== this.bench.part.session) {
      this.#sample = undefined;
      this.#rows = undefined;
      this.#said = "";
    }
    const { sha256 } = this.bench.part;
    if (sha256 !== undefined && sha256 !== this.#papersOf) {
      this.#papersOf = sha256;
      this.#papers = new Papers(sha256);
      for (const paper of this.bench.papers)
        if (this.#papers.of(paper.leaf).comment === "") this.#papers.write(paper, new Date());
    }
  }

  protected override render(): TemplateResult {
    const t = evidenceTexts(this.texts.lang).make;
    return html`
      <section class="evidence" aria-labelledby="evidence-heading">
        <h2 id="evidence-heading">${t.heading}</h2>
        <p class="help">${t.about}</p>
        <div class="evidence-fields">
          ${field("reference", t.reference, this.#reference, (text) => (this.#reference = text))}
          ${field("examiner", t.examiner, this.#examiner, (text) => (this.#examiner = text))}
        </div>
        <p class="help">${t.typed}</p>
        ${this.#sampleView(t)}
        ${this.#papersView(t)}
        ${this.#questionView(t)}
        <div class="buttons">
          <button type="button" class="primary" aria-disabled=${this.#isBusy} @click=${() => void this.saveEvidence()}>${t.save}</button>
        </div>
        <p class="help">${t.saveAbout}</p>
        <p role="status" id="evidence-said">${this.#said === "" ? nothing : value(this.#said, 600)}</p>
      </section>
    `;
  }

  /** Saves the evidence file. */
  saveEvidence(): Promise<void> {
    return this.#work(async () => [await evidenceFile(this.#making())]);
  }

  /** Saves the report as JSON. */
  saveReport(): Promise<void> {
    return this.#work(async () => [await reportFile(this.#making())]);
  }

  /** What is typed and chosen at the moment. */
  get typed(): Typed {
    return {
      reference: this.#reference,
      examiner: this.#examiner,
      sample: this.#sample,
      papers: this.#papers ?? new Papers("-"),
    };
  }

  #making(): Making {
    const { part, trust, pins, viewer } = this.bench;
    const tools = this.bench.tools();
    if (tools === undefined) throw new Error("nothing works in the background yet");
    return {
      part,
      trust,
      pins,
      tools,
      query: viewer()?.query ?? "",
      sample: this.#sample,
      reference: this.#reference,
      examiner: this.#examiner,
      papers: this.#papers?.all ?? [],
      now: new Date(),
    };
  }

  /** Makes files and saves them, one thing at a time. */
  async #work(made: () => Promise<readonly File[]>): Promise<void> {
    if (this.#isBusy) return;
    const t = evidenceTexts(this.texts.lang).make;
    this.#isBusy = true;
    this.#say(t.working);
    try {
      const files = await made();
      for (const file of files) save(file.name, file);
      this.#say(files.map(({ name }) => t.saved(name)).join(" "));
    } catch (error) {
      const { message, hint, code } = plainError(error);
      const about = code === undefined ? t.notReady : `${message} (${code})${hint ? `. ${hint}` : ""}`;
      this.#say(error instanceof TooLong ? t.tooLong : about);
    }
    this.#isBusy = false;
    this.requestUpdate();
  }

  #say(text: string): void {
    this.#said = text;
    this.requestUpdate();
  }

  // Sample

  #sampleView(t: EvidenceTexts["make"]): TemplateResult {
    const sample = this.#sample;
    return html`
      <details class="evidence-part">
        <summary>${t.sampleHeading}</summary>
        <form class="evidence-fields" @submit=${(event: SubmitEvent) => void this.#draw(event)}>
          <label>${t.size}<input name="wanted" type="number" min="1" max="10000" value="25" required /></label>
          <label>${t.seed}<input name="seed" autocomplete="off" maxlength="1000" required /></label>
          <button type="submit">${t.draw}</button>
        </form>
        <p class="help">${t.seedAbout}</p>
        ${
          sample === undefined
            ? nothing
            : html`
                <p id="sample">${sampleView(sample, this.texts)}</p>
                <p>${t.again} <code>${this.#command(sample)}</code></p>
                <button type="button" @click=${() => this.#drop()}>${t.drop}</button>`
        }
      </details>
    `;
  }

  #command({ wanted, seed }: Sampled): string {
    const query = this.bench.viewer()?.query ?? "";
    const words = ["countersign", "report", quote(this.bench.part.file.name)];
    if (this.bench.trust !== undefined) words.push("--trust", quote(this.bench.trust.name));
    if (query !== "") words.push("--query", quote(query));
    return [...words, "--sample", `${wanted}`, "--seed", quote(seed)].join(" ");
  }

  async #draw(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const t = evidenceTexts(this.texts.lang).make;
    const given = new FormData(event.target as HTMLFormElement);
    const { session } = this.bench.part;
    const tools = this.bench.tools();
    if (session === undefined || tools === undefined) return this.#say(t.notReady);
    const asked = { wanted: Number(given.get("wanted")), seed: String(given.get("seed")) };
    this.#sample = await drawn(session, tools, asked);
    this.#say(this.#sample === undefined ? t.noRoot : "");
    this.dispatchEvent(new CustomEvent("sample-changed", { bubbles: true }));
    if (this.#sample !== undefined) await this.#list();
  }

  #drop(): void {
    this.#sample = undefined;
    this.#rows = undefined;
    this.dispatchEvent(new CustomEvent("sample-changed", { bubbles: true }));
    this.requestUpdate();
  }

  // Notes

  async #list(): Promise<void> {
    const { session } = this.bench.part;
    if (session === undefined) return;
    this.#rows = await eventRows(session, this.#sample?.leaves, LISTED);
    this.#events = this.#sample?.leaves.length ?? (await session.index.indexes()).length;
    this.requestUpdate();
  }

  #papersView(t: EvidenceTexts["make"]): TemplateResult {
    const { count } = this.texts.viewer.figures;
    const rows = this.#rows;
    return html`
      <details class="evidence-part" ?open=${rows !== undefined}>
        <summary>${t.papers}</summary>
        <p class="help">${this.#papers?.isKept === false ? t.notKept : t.papersAbout}</p>
        <button type="button" @click=${() => void this.#list()}>${t.open}</button>
        ${
          rows === undefined
            ? nothing
            : html`
                ${this.#events > rows.length ? html`<p class="help">${t.first(count(rows.length), count(this.#events))}</p>` : nothing}
                <div class="filed-table" tabindex="0">
                  <table class="papers">
                    <thead>
                      <tr><th scope="col">${t.leaf}</th><th scope="col">${t.time}</th><th scope="col">${t.what}</th><th scope="col">${t.tick}</th><th scope="col">${t.flag}</th><th scope="col">${t.comment}</th></tr>
                    </thead>
                    <tbody>${rows.map((row) => this.#rowView(row, t))}</tbody>
                  </table>
                </div>`
        }
      </details>
    `;
  }

  #rowView(row: EventRow, t: EvidenceTexts["make"]): TemplateResult {
    const { count } = this.texts.viewer.figures;
    const paper = this.#papers?.of(row.index);
    const entry = `${t.leaf} ${count(row.index)}`;
    const write = (change: Partial<Paper>) => this.#write(row.index, change);
    return html`
      <tr data-leaf=${row.index}>
        <th scope="row">${count(row.index)}</th>
        <td>${moment(row.time)}</td>
        <td>${value(saysOf(row), 200)} <span class="faint">${value(outcomeOf(row))}</span></td>
        <td><input type="checkbox" name="ticked" aria-label="${t.tick}, ${entry}" .checked=${paper?.ticked ?? false} @change=${({ target }: Event) => write({ ticked: (target as HTMLInputElement).checked })} /></td>
        <td><input type="checkbox" name="flagged" aria-label="${t.flag}, ${entry}" .checked=${paper?.flagged ?? false} @change=${({ target }: Event) => write({ flagged: (target as HTMLInputElement).checked })} /></td>
        <td><input name="comment" autocomplete="off" maxlength=${LONGEST_COMMENT} aria-label="${t.comment}, ${entry}" .value=${paper?.comment ?? ""} @input=${({ target }: Event) => write({ comment: (target as HTMLInputElement).value })} /></td>
      </tr>
    `;
  }

  #write(leaf: number, change: Partial<Paper>): void {
    const papers = this.#papers;
    if (papers === undefined) return;
    if (papers.hasRoomFor(leaf)) papers.write({ ...papers.of(leaf), ...change }, new Date());
    else this.#say(evidenceTexts(this.texts.lang).make.full);
    this.requestUpdate();
  }

  // Question

  #questionView(t: EvidenceTexts["make"]): TemplateResult {
    return html`
      <details class="evidence-part">
        <summary>${t.question}</summary>
        <form class="evidence-fields" @submit=${(event: SubmitEvent) => void this.#answer(event)}>
          <label>${t.who}<input name="who" autocomplete="off" maxlength="300" /></label>
          <label>${t.from}<input name="from" type="date" /></label>
          <label>${t.until}<input name="until" type="date" /></label>
          <label>${t.actions}<input name="actions" autocomplete="off" maxlength="1000" placeholder=${t.actionsHint} /></label>
          <button type="submit" aria-disabled=${this.#isBusy}>${t.answer}</button>
        </form>
        <p class="help">${t.answerAbout}</p>
      </details>
    `;
  }

  #answer(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const given = new FormData(event.target as HTMLFormElement);
    const text = (name: string) => String(given.get(name) ?? "");
    const query = queryOf({
      who: text("who"),
      from: text("from"),
      until: text("until"),
      actions: text("actions"),
    });
    return this.#work(async () => {
      this.#drop();
      await this.bench.viewer()?.search(query);
      const making = this.#making();
      return [await sliceFile(making), await reportFile(making), await evidenceFile(making)];
    });
  }
}

function field(name: string, label: string, text: string, write: (text: string) => void): TemplateResult {
  return html`
    <label>${label}<input name=${name} autocomplete="off" maxlength="1000" .value=${text} @input=${({ target }: Event) => write((target as HTMLInputElement).value)} /></label>
  `;
}
