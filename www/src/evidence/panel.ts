import { plainError } from "@countersign/shared/error.js";
import type { EventRow } from "@countersign/ui/index/types.js";
import { save } from "@countersign/ui/viewer/parts/save.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { faultOf } from "@countersign/ui/viewer/search/faulty.js";
import {
  checkResult,
  isUnchanged,
  reasonOf,
  type Selection,
  SelectionMismatch,
  selectionView,
} from "@countersign/ui/viewer/search/selection.js";
import type { Viewer } from "@countersign/ui/viewer/viewer.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import type { TextFile } from "../input/trust.ts";
import { quote } from "../shell.ts";
import type { Part } from "../state/case.ts";
import type { PageTexts } from "../texts/en.ts";
import { View } from "../view.ts";
import type { Answer } from "./asked.ts";
import { type Claims, readClaims } from "./claims.ts";
import { contentsView } from "./contents-view.ts";
import { originFields } from "./fields.ts";
import { claimsSections } from "./filed-claims.ts";
import { sampleView } from "./filed-view.ts";
import type { Paper, Sample } from "./frame.ts";
import {
  type Contents,
  type CreatedFile,
  drawSample,
  type EvidenceInput,
  evidenceFile,
  MAX_EVENT_BYTES,
  PageMissingError,
  reportFile,
  SizeLimitError,
  savedSlice,
} from "./make.ts";
import { MAX_COMMENT_LENGTH, Papers } from "./papers.ts";
import { eventRows, outcomeOf, saysOf } from "./rows.ts";

/** Maximum number of events listed for notes. A search narrows them down. */
const MAX_LISTED = 100;

/** Input of the panel. */
export interface EvidenceContext {
  readonly part: Part;
  readonly trust: TextFile | undefined;
  readonly pins: readonly TextFile[];
  /** The search that selects the events, such as the page's viewer. */
  readonly viewer: () => Pick<Viewer, "search"> | undefined;
  /** The selection shown, and the current one, which may not be rendered yet. */
  readonly selection: Selection;
  readonly now: () => Selection;
  readonly tools: () => EvidenceInput["tools"] | undefined;
  readonly maker: EvidenceInput["maker"];
  /** Notes from an evidence file. */
  readonly papers: readonly Paper[];
}

/** The subject of a saved file: the events selected, which include those of an answer, or the findings of rules. */
export type SaveTopic = "selection" | "detections";

/** Values typed and chosen in the panel. */
export interface PanelValues {
  readonly reference: string;
  readonly examiner: string;
  readonly sample: Sample | undefined;
  readonly papers: Pick<Papers, "of">;
}

/**
 * The panel that creates evidence: who examines it, notes on events, a sample, and files to save.
 */
export class EvidencePanel extends View {
  static override properties = { texts: { attribute: false }, context: { attribute: false } };
  declare texts: PageTexts;
  declare context: EvidenceContext;
  #reference = "";
  #examiner = "";
  #isLent = false;
  #answer: Answer | undefined;
  #sample: Sample | undefined;
  #papers: Papers | undefined;
  #papersOf: string | undefined;
  #rows: readonly EventRow[] | undefined;
  #events = 0;
  /** The selection that the sample was drawn from, or the events were listed from. */
  #basis: Pick<Selection, "session" | "query"> | undefined;
  #isBusy = false;
  #message = "";
  #topic: SaveTopic = "selection";
  /** The contents that were chosen for the current search; undefined for the default. */
  #contents: Contents | undefined;

  protected override willUpdate(changed: Map<string, unknown>): void {
    const before = changed.get("context") as EvidenceContext | undefined;
    if (before && before.part.session !== this.context.part.session) {
      this.#sample = undefined;
      this.#rows = undefined;
      this.#message = "";
    }
    // A file saved before has another trust file in it.
    if (before && before.trust?.text !== this.context.trust?.text) this.#message = "";
    const basis = this.#basis;
    const { session, query } = this.context.selection;
    if (before && before.selection.query !== query) {
      this.#contents = undefined;
      // The file saved before has the answer to another search.
      if (this.#topic === "selection" && !this.#isBusy) this.#message = "";
    }
    if (basis && (basis.session !== session || basis.query !== query)) {
      // A sample of another search isn't a sample of this one.
      if (this.#sample !== undefined) this.#message = this.texts.evidence.make.sampleDropped;
      this.#basis = undefined;
      this.#sample = undefined;
      this.#rows = undefined;
    }
    const { sha256 } = this.context.part;
    if (sha256 !== undefined && sha256 !== this.#papersOf) {
      this.#papersOf = sha256;
      this.#papers = new Papers(sha256);
      for (const paper of this.context.papers)
        if (this.#papers.of(paper.entry).comment === "") this.#papers.write(paper, new Date());
    }
  }

  protected override render(): TemplateResult {
    const t = this.texts.evidence.make;
    return html`
      <section class="evidence" aria-labelledby="evidence-heading">
        <h2 id="evidence-heading" tabindex="-1">${t.heading}</h2>
        <p class="help">${t.about}</p>
        ${this.#isLent ? this.#typedView() : originFields(() => this, this.texts)}
        ${this.#selectionView(t)}
        ${this.#sampleView(t)}
        ${this.#papersView(t)}
        ${this.#isLent ? html`<p class="help">${t.withAnswer}</p>` : this.#saveView(t)}
      </section>
    `;
  }

  #saveView(t: PageTexts["evidence"]["make"]): TemplateResult {
    return html`
      ${this.#contentsView()}
      <div class="buttons">
        <button type="button" class="primary" aria-disabled=${this.#isBusy || this.#evidenceReason !== undefined} aria-describedby="evidence-selection" @click=${() => void this.saveEvidence(this.#contents)}>${t.save}</button>
      </div>
      <p class="help">${t.saveAbout}</p>
      <p role="status" id="evidence-said">${this.messageOf("selection") === "" ? nothing : value(this.#message, 600)}</p>
    `;
  }

  /** Renders the choice between the contents of a file with the answer to a search. A sample is no answer. */
  #contentsView(): TemplateResult | typeof nothing {
    const { selection, part } = this.context;
    if (selection.state !== "ready" || selection.query === "" || this.#sample !== undefined) return nothing;
    const choice = {
      id: "evidence-contents",
      contents: this.#contents ?? this.defaultContents,
      canContainAll: this.canContainAll,
      examined: selection.of,
      found: selection.events,
      hasOthers: false,
      isFaulty: faultOf(part.session?.report) !== undefined,
      choose: (contents: Contents) => {
        this.#contents = contents;
        this.requestUpdate();
      },
    };
    return contentsView(choice, this.texts);
  }

  /**
   * Saves the evidence file. If the search selects nothing, it contains all events that were searched, unless they
   * are too many.
   */
  saveEvidence(contents: Contents = this.defaultContents): Promise<void> {
    const contained = this.#sample === undefined ? contents : "selected";
    return this.#work(this.#evidenceReason, async () => [await evidenceFile(await this.#input(contained))]);
  }

  /**
   * Saves what the detection rules found as an evidence file. If it is nothing, the file contains all events, unless
   * they are too many; otherwise those that findings name.
   */
  saveDetections(): Promise<void> {
    const make = async () => [await evidenceFile(await this.#detectionsInput())];
    return this.#work(undefined, make, "detections");
  }

  /** Saves an export of the selected events. */
  saveSlice(): Promise<void> {
    return this.#work(this.sliceReason ?? this.#reason, async () => [await savedSlice(await this.#input())]);
  }

  /** Reason why the events can't be an export of their own, whatever is selected. */
  get sliceReason(): string | undefined {
    const fault = faultOf(this.context.part.session?.report);
    return fault && this.texts.evidence.make.noSlice[fault];
  }

  /** True if a file can contain everything that was searched. */
  get canContainAll(): boolean {
    return this.context.part.file.size <= MAX_EVENT_BYTES;
  }

  /** The contents of an evidence file with an answer: everything that was searched, so that readers can search again. */
  get answerContents(): Contents {
    return this.canContainAll ? "examined" : "selected";
  }

  /** The contents of an evidence file that proves the most without showing more events than needed. */
  get defaultContents(): Contents {
    const { selection } = this.context;
    const isNone = selection.state === "ready" && selection.events === 0 && selection.query !== "";
    return isNone && this.canContainAll ? "examined" : "selected";
  }

  /**
   * Leaves the fields to the view of an answer, or takes them back if there is none, so that they are on the page once. The
   * answer is printed, too.
   */
  lend(answer: Answer | undefined): void {
    this.#answer = answer;
    const isLent = answer !== undefined;
    if (isLent === this.#isLent) return;
    this.#isLent = isLent;
    this.requestUpdate();
  }

  /** The answer that is shown on the page. */
  get answer(): Answer | undefined {
    return this.#answer;
  }

  /** Replaces what was typed into the fields. */
  write(words: { readonly reference?: string; readonly examiner?: string }): void {
    this.#reference = words.reference ?? this.#reference;
    this.#examiner = words.examiner ?? this.#examiner;
    this.requestUpdate();
  }

  /** Renders what was typed into the fields elsewhere. */
  #typedView(): TemplateResult {
    const t = this.texts.evidence.make;
    const fact = (name: string, text: string) =>
      html`<div><dt>${name}</dt><dd>${text === "" ? html`<span class="faint">${t.untyped}</span>` : value(text, 1000)}</dd></div>`;
    return html`<dl class="facts evidence-typed">${fact(t.reference, this.#reference)}${fact(t.examiner, this.#examiner)}</dl>`;
  }

  /** Removes the message about the last file. */
  clear(): void {
    if (!this.#isBusy) this.#showMessage("");
  }

  /** Returns the message about the file saved last, or why none was saved; empty if it was about another topic. */
  messageOf(topic: SaveTopic): string {
    return topic === this.#topic ? this.#message : "";
  }

  /** Saves the report as JSON. */
  saveReport(): Promise<void> {
    const reason = reasonOf(this.context.now(), this.texts.viewer, true);
    return this.#work(reason, async () => [await reportFile(await this.#input())]);
  }

  /** Reason why no evidence can be saved. That a search selects nothing is an answer. */
  get #evidenceReason(): string | undefined {
    const selection = this.context.now();
    const allowsNone = selection.query !== "" && this.#sample === undefined;
    return reasonOf(selection, this.texts.viewer, allowsNone);
  }

  /** Reason why no event can be saved at the moment. */
  get #reason(): string | undefined {
    return reasonOf(this.context.now(), this.texts.viewer);
  }

  /** Renders the selection in words, or why nothing is saved. */
  #selectionView(t: PageTexts["evidence"]["make"]): TemplateResult {
    const { selection } = this.context;
    const { viewer } = this.texts;
    const reason = selection.state === "ready" ? this.#evidenceReason : undefined;
    const size = this.#sample?.entries.length;
    return html`
      <p id="evidence-selection" class="evidence-selection">
        <span class="faint">${t.selection}</span> ${selectionView(selection, viewer)}
        ${size === undefined ? nothing : html`<span>${t.sampled(viewer.figures.events(size))}</span>`}
        ${reason === undefined ? nothing : html`<span>${reason}</span>`}
        ${selection.state === "error" ? html`<button type="button" class="quiet" @click=${emits("open-tab", "events")}>${t.toSearch}</button>` : nothing}
      </p>
    `;
  }

  /** The values currently typed and chosen. */
  get typed(): PanelValues {
    return {
      reference: this.#reference,
      examiner: this.#examiner,
      sample: this.#sample,
      papers: this.#papers ?? new Papers("-"),
    };
  }

  /** Returns which altered events claim to match a query; undefined if none is altered. */
  async readClaims(query: string, at: number): Promise<Claims | undefined> {
    const { part } = this.context;
    const report = part.session?.report;
    const tools = this.context.tools();
    if (query === "" || report === undefined || tools === undefined) return undefined;
    return readClaims({ query, at, report, file: part.file }, () => tools.index());
  }

  /** Collects the input of files. The selected events are counted once for all files. */
  async #input(contents: Contents = "selected"): Promise<EvidenceInput> {
    const { part, trust, pins, maker } = this.context;
    const tools = this.context.tools();
    const selection = this.context.now();
    if (tools === undefined || part.session === undefined || selection.state !== "ready")
      throw new Error("the page's workers haven't started yet");
    const sample = this.#sample;
    const entries = await part.session.index.indexes();
    checkResult(selection, entries.length, this.context.now());
    if (sample !== undefined) {
      // The same search at another time may select others.
      const { seed, wanted } = sample;
      const again = await drawSample(part.session, tools, { seed, wanted }, entries);
      const isSame =
        again?.candidates === sample.candidates && again.entries.join() === sample.entries.join();
      if (!isSame) throw new SelectionMismatch();
    }
    if (part.unrecognized === undefined) throw new Error("the events weren't searched yet");
    const claims = await this.readClaims(selection.query, selection.at);
    return {
      part,
      trust,
      pins,
      tools,
      maker,
      query: selection.query,
      entries,
      examined: { events: selection.of, unrecognized: part.unrecognized },
      contents,
      sample,
      reference: this.#reference,
      examiner: this.#examiner,
      papers: this.#papers?.all ?? [],
      sections: claimsSections(claims, this.texts),
      // Lengths of time in the query count back from here.
      now: new Date(selection.at),
      saved: new Date(),
    };
  }

  /** Collects the input of a file with the result of detection rules. */
  async #detectionsInput(): Promise<EvidenceInput> {
    const { part, trust, pins, maker } = this.context;
    const tools = this.context.tools();
    const { status, isFinal, answers } = part.session?.detection ?? {};
    if (tools === undefined || status === undefined || answers === undefined || isFinal !== true)
      throw new Error("the rules haven't examined all events yet");
    const isNone = status.findings === 0;
    const now = new Date();
    return {
      part,
      trust,
      pins,
      tools,
      maker,
      query: "",
      entries: status.marks.entries,
      examined: { events: status.events, unrecognized: 0 },
      contents: isNone && this.canContainAll ? "examined" : "selected",
      sample: undefined,
      detections: await answers.filed(),
      reference: this.#reference,
      examiner: this.#examiner,
      papers: this.#papers?.all ?? [],
      sections: [],
      now,
      saved: now,
    };
  }

  /** Creates files and saves them, one task at a time. Does nothing if there is a reason against it. */
  async #work(
    reason: string | undefined,
    make: () => Promise<readonly CreatedFile[]>,
    topic: SaveTopic = "selection",
  ): Promise<void> {
    if (this.#isBusy) return;
    this.#topic = topic;
    if (reason !== undefined) return this.#showMessage(reason);
    const t = this.texts.evidence.make;
    this.#isBusy = true;
    this.#showMessage(t.working);
    try {
      const created = await make();
      for (const { file } of created) save(file.name, file);
      this.#showMessage(created.map((one) => this.#saved(one)).join(" "));
    } catch (error) {
      const { message, hint, code } = plainError(error);
      const about = code === undefined ? t.notReady : `${message} (${code})${hint ? `. ${hint}` : ""}`;
      if (error instanceof PageMissingError) this.#showMessage(t.noPage);
      else if (error instanceof SelectionMismatch) this.#showMessage(error.describe(this.texts.viewer));
      else this.#showMessage(error instanceof SizeLimitError ? t.tooLong : about);
    }
    this.#isBusy = false;
    this.requestUpdate();
  }

  #saved({ file: { name }, events: count, searched }: CreatedFile): string {
    const t = this.texts.evidence.make;
    const { figures } = this.texts.viewer;
    if (count === 0 && !name.endsWith(".report.json")) return t.savedNone(name);
    const events = figures.events(count);
    if (searched !== undefined) return t.savedWithAll({ events, all: figures.events(searched), name });
    return name.endsWith(".report.json") ? t.reported({ events, name }) : t.saved({ events, name });
  }

  #showMessage(text: string): void {
    this.#message = text;
    this.requestUpdate();
    this.dispatchEvent(new CustomEvent("evidence-message", { bubbles: true }));
  }

  // Sample

  #sampleView(t: PageTexts["evidence"]["make"]): TemplateResult {
    const sample = this.#sample;
    const report = this.context.part.session?.report;
    return html`
      <details class="evidence-part">
        <summary>${t.sampleHeading}</summary>
        <form class="evidence-fields" @submit=${(event: SubmitEvent) => void this.#draw(event)}>
          <label>${t.size}<input name="wanted" type="number" min="1" max="10000" value="25" required /></label>
          <label>${t.seed}<input name="seed" autocomplete="off" maxlength="1000" required /></label>
          <button type="submit" aria-disabled=${this.#reason !== undefined} aria-describedby="evidence-selection">${t.draw}</button>
        </form>
        <p class="help">${t.seedAbout}</p>
        ${
          sample === undefined
            ? nothing
            : html`
                <p id="sample">${report === undefined ? nothing : sampleView(sample, report, this.texts)}</p>
                <p>${t.again} <code>${this.#command(sample)}</code></p>
                <button type="button" @click=${() => this.#drop()}>${t.drop}</button>`
        }
      </details>
    `;
  }

  #command({ wanted, seed }: Sample): string {
    const { query } = this.context.selection;
    const words = ["countersign", "report", quote(this.context.part.file.name)];
    if (this.context.trust !== undefined) words.push("--trust", quote(this.context.trust.name));
    if (query !== "") words.push("--query", quote(query));
    return [...words, "--sample", `${wanted}`, "--seed", quote(seed)].join(" ");
  }

  async #draw(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const t = this.texts.evidence.make;
    const fields = new FormData(event.target as HTMLFormElement);
    const { session } = this.context.part;
    const tools = this.context.tools();
    if (session === undefined || tools === undefined) return this.#showMessage(t.notReady);
    const options = { wanted: Number(fields.get("wanted")), seed: String(fields.get("seed")) };
    const selection = this.context.now();
    const reason = reasonOf(selection, this.texts.viewer);
    if (reason !== undefined || selection.state !== "ready") return this.#showMessage(reason ?? t.notReady);
    const entries = await session.index.indexes();
    if (entries.length !== selection.events || !isUnchanged(selection, this.context.now()))
      return this.#showMessage(this.texts.viewer.selection.changed);
    this.#sample = await drawSample(session, tools, options, entries);
    this.#basis = selection;
    this.#showMessage(this.#sample === undefined ? t.noRoot : "");
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
    const { session } = this.context.part;
    if (session === undefined) return;
    const selection = this.context.now();
    const reason = reasonOf(selection, this.texts.viewer);
    if (reason !== undefined) return this.#showMessage(reason);
    this.#basis = selection;
    this.#rows = await eventRows(session, this.#sample?.entries, MAX_LISTED);
    this.#events = this.#sample?.entries.length ?? (await session.index.indexes()).length;
    this.requestUpdate();
  }

  #papersView(t: PageTexts["evidence"]["make"]): TemplateResult {
    const { count } = this.texts.viewer.figures;
    const rows = this.#rows;
    return html`
      <details class="evidence-part" ?open=${rows !== undefined}>
        <summary>${t.papers}</summary>
        <p class="help">${this.#papers?.isKept === false ? t.notKept : t.papersAbout}</p>
        <button type="button" aria-disabled=${this.#reason !== undefined} aria-describedby="evidence-selection" @click=${() => void this.#list()}>${t.open}</button>
        ${
          rows === undefined
            ? nothing
            : html`
                ${this.#events > rows.length ? html`<p class="help">${t.first({ shown: count(rows.length), of: count(this.#events) })}</p>` : nothing}
                <div class="filed-table" tabindex="0">
                  <table class="papers">
                    <thead>
                      <tr><th scope="col">${t.entry}</th><th scope="col">${t.time}</th><th scope="col">${t.what}</th><th scope="col">${t.tick}</th><th scope="col">${t.flag}</th><th scope="col">${t.comment}</th></tr>
                    </thead>
                    <tbody>${rows.map((row) => this.#rowView(row, t))}</tbody>
                  </table>
                </div>`
        }
      </details>
    `;
  }

  #rowView(row: EventRow, t: PageTexts["evidence"]["make"]): TemplateResult {
    const { count } = this.texts.viewer.figures;
    const paper = this.#papers?.of(row.index);
    const entry = `${t.entry} ${count(row.index)}`;
    const write = (change: Partial<Paper>) => this.#writePaper(row.index, change);
    return html`
      <tr data-entry=${row.index}>
        <th scope="row">${count(row.index)}</th>
        <td>${moment(row.time)}</td>
        <td>${value(saysOf(row, this.texts), 200)} <span class="faint">${value(outcomeOf(row))}</span></td>
        <td><input type="checkbox" name="ticked" aria-label="${t.tick}, ${entry}" .checked=${paper?.ticked ?? false} @change=${({ target }: Event) => write({ ticked: (target as HTMLInputElement).checked })} /></td>
        <td><input type="checkbox" name="flagged" aria-label="${t.flag}, ${entry}" .checked=${paper?.flagged ?? false} @change=${({ target }: Event) => write({ flagged: (target as HTMLInputElement).checked })} /></td>
        <td><input name="comment" autocomplete="off" maxlength=${MAX_COMMENT_LENGTH} aria-label="${t.comment}, ${entry}" .value=${paper?.comment ?? ""} @input=${({ target }: Event) => write({ comment: (target as HTMLInputElement).value })} /></td>
      </tr>
    `;
  }

  #writePaper(entry: number, change: Partial<Paper>): void {
    const papers = this.#papers;
    if (papers === undefined) return;
    if (papers.hasRoomFor(entry)) papers.write({ ...papers.of(entry), ...change }, new Date());
    else this.#showMessage(this.texts.evidence.make.full);
    this.requestUpdate();
  }
}
