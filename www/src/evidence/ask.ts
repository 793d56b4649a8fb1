import { plainError } from "@countersign/shared/error.js";
import { type DayProblem, parseDay } from "@countersign/ui/viewer/parts/day.js";
import { dayField } from "@countersign/ui/viewer/parts/day-field.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { faultOf } from "@countersign/ui/viewer/search/faulty.js";
import { reasonOf } from "@countersign/ui/viewer/search/selection.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";
import { View } from "../view.ts";
import { sentence } from "./answer-sentence.ts";
import { type Answer, type AskedQuestion, answerQuestion } from "./asked.ts";
import { askedView } from "./asked-view.ts";
import { readClaims } from "./claims.ts";
import { contentsView } from "./contents-view.ts";
import type { SearchCounts } from "./covered-names.ts";
import { originFields } from "./fields.ts";
import type { Contents } from "./make.ts";
import type { EvidenceContext, EvidencePanel } from "./panel.ts";
import { type NamePart, namesOf, type Question, type TimeBasis } from "./question.ts";
import { savedView } from "./saved-view.ts";
import { suggestedNames } from "./suggestions.ts";

/** Milliseconds without typing before names are suggested. */
const SUGGESTION_DELAY_MS = 150;
/** Fields of a question that contain days. */
const DAYS = ["from", "until"] as const;

/** Asks who did what and when, answers in a sentence with its basis, and saves the answer. */
export class Ask extends View {
  static override properties = {
    texts: { attribute: false },
    context: { attribute: false },
    report: { attribute: false },
    panel: { attribute: false },
    fileName: { attribute: false },
  };
  declare texts: PageTexts;
  declare context: EvidenceContext;
  /** Undefined while the events are being checked, maybe again. */
  declare report: Report | undefined;
  /** The panel that saves evidence. */
  declare panel: () => EvidencePanel | undefined;
  /** Name of the file that is asked about, if there are several. */
  declare fileName: string | undefined;
  #answer: Answer | undefined;
  /** A question asked before the events were indexed or checked again, which is answered after that. */
  #waits: { readonly asked: AskedQuestion; readonly isAgain: boolean } | undefined;
  /** The report for which the answer is being renewed, or was last. */
  #renewed: Report | undefined;
  /** True if the search of the answer was the current one when it was rendered last. */
  #isCurrent = false;
  /** Fields with a text that is no day. */
  #invalid: readonly (typeof DAYS)[number][] = [];
  /** True if the fields changed after the question was answered. */
  #isEdited = false;
  /** The last query of a question, which may still be running. */
  #searched: string | undefined;
  #contents: Contents = "selected";
  #message = "";
  /** Incremented by each question, so that only the last one is answered. */
  #turn = 0;
  #suggestions: Readonly<Partial<Record<NamePart, readonly string[]>>> = {};
  #suggesting: ReturnType<typeof setTimeout> | undefined;
  /** The field in which something was typed before the events were indexed. */
  #unsuggested: { readonly part: NamePart; readonly field: HTMLInputElement } | undefined;

  protected override willUpdate(changed: Map<string, unknown>): void {
    const before = changed.get("context") as EvidenceContext | undefined;
    if (before === undefined || before.part.session === this.context.part.session) return;
    this.#suggestions = {};
    if (before.part.file === this.context.part.file) return;
    // Another file is another case.
    this.#drop("");
    this.#searched = undefined;
    this.#form?.reset();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#suggesting);
    // A search in progress must not replace the search of a later view.
    this.#turn += 1;
  }

  /** The fields of the panel are shown with the answer, while there is one. */
  protected override updated(): void {
    this.toggleAttribute("data-unused", this.#isUnused);
    this.panel()?.lend(this.querySelector(".ask-answer") === null ? undefined : this.#answer);
    const { session, unrecognized } = this.context.part;
    const answer = this.#answer;
    const isRenewed = this.report !== undefined && this.report === this.#renewed;
    if (answer !== undefined && this.#isStale(answer) && this.#isCurrent && !isRenewed)
      this.#waits ??= { asked: answer, isAgain: true };
    const waits = this.#waits;
    const isReady = session?.phase === "done" && unrecognized !== undefined && this.report !== undefined;
    if (waits !== undefined && isReady) void this.#ask(waits.asked, waits.isAgain);
    const unsuggested = this.#unsuggested;
    if (unsuggested !== undefined && session?.phase === "done")
      this.#suggest(unsuggested.part, unsuggested.field);
  }

  /** True if the events were checked again since an answer, or are being checked. */
  #isStale({ report, session }: Answer): boolean {
    return report !== this.report || session !== this.context.part.session;
  }

  /** True if there is nothing to show while the events are being checked. */
  get #isUnused(): boolean {
    const form = this.#form;
    const isEmpty = form === null || isBlank(questionOf(form));
    return this.report === undefined && this.#answer === undefined && isEmpty;
  }

  protected override render(): TemplateResult {
    const t = this.texts.evidence.ask;
    const { period } = this.texts.viewer.view;
    return html`
      <section class="ask" aria-labelledby="ask-heading">
        <h2 id="ask-heading">${t.heading}</h2>
        <form class="ask-fields" @input=${() => this.#setEdited(true)} @submit=${(event: SubmitEvent) => this.#submitted(event)}>
          ${this.#nameField("who", 300, t.who, t.whoHint)}
          ${this.#nameField("behalf", 300, t.behalfOf, t.behalfHint)}
          ${this.#nameField("actions", 1000, t.actions, t.actionsHint)}
          ${this.#nameField("target", 300, t.target, t.targetHint)}
          ${dayField({ name: "from", label: t.from, isInvalid: this.#invalid.includes("from") }, period)}
          ${dayField({ name: "until", label: t.until, isInvalid: this.#invalid.includes("until") }, period)}
          <label>${t.basis}
            <select name="basis">
              <option value="happened">${t.happened}</option>
              <option value="recorded">${t.recorded}</option>
            </select>
          </label>
          <div class="buttons">
            <button type="submit" class="primary" aria-describedby="ask-about">${t.ask}</button>
            <button type="reset" @click=${() => this.#clear()}>${t.clear}</button>
          </div>
        </form>
        <p class="help" id="ask-about">${t.about}</p>
        <div role="status" id="ask-said">${this.#message === "" ? nothing : html`<p>${this.#message}</p>`}${this.#answer === undefined ? nothing : html`<p class="sr">${sentence(this.#answer, this.texts)}</p>`}</div>
        ${this.#answer === undefined ? nothing : this.#answerView(this.#answer, t)}
      </section>
    `;
  }

  #nameField(part: NamePart, length: number, label: string, hint: string): TemplateResult {
    const suggest = (event: Event) => this.#suggest(part, event.target as HTMLInputElement);
    return html`
      <label>${label}<input name=${part} list="ask-${part}-names" autocomplete="off" maxlength=${length} placeholder=${hint} @focus=${suggest} @input=${suggest} /></label>
      <datalist id="ask-${part}-names">${this.#suggestions[part]?.map((name) => html`<option value=${name}></option>`)}</datalist>
    `;
  }

  /** Suggests names for a field once typing pauses. */
  #suggest(part: NamePart, field: HTMLInputElement): void {
    clearTimeout(this.#suggesting);
    const { session } = this.context.part;
    this.#unsuggested = session?.phase === "done" ? undefined : { part, field };
    if (session?.phase !== "done") return;
    this.#suggesting = setTimeout(async () => {
      // Without suggestions, any name can still be typed.
      const names = await suggestedNames(session.index, part, field.value).catch(() => []);
      if (this.context.part.session !== session) return;
      this.#suggestions = { ...this.#suggestions, [part]: names };
      this.requestUpdate();
    }, SUGGESTION_DELAY_MS);
  }

  /** Notes that the fields differ from the question that was answered. */
  #setEdited(isEdited: boolean): void {
    if (isEdited === this.#isEdited) return;
    this.#isEdited = isEdited;
    this.requestUpdate();
  }

  get #form(): HTMLFormElement | null {
    return this.querySelector("form");
  }

  #submitted(event: SubmitEvent): void {
    event.preventDefault();
    this.#askForm();
  }

  /** Begins a new question: drops the answer and its search. The button empties the fields. */
  #clear(): void {
    const searched = this.#searched;
    this.#emptyReference(undefined);
    this.#drop("");
    this.panel()?.clear();
    if (searched !== undefined && this.context.now().query === searched)
      void this.context.viewer()?.search("");
    this.#form?.querySelector<HTMLInputElement>("input[name=who]")?.focus();
    this.requestUpdate();
  }

  /** Empties the reference if it was typed for another question. The examiner stays the same. */
  #emptyReference(next: Question | undefined): void {
    const before = this.#answer?.question;
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(next))
      this.panel()?.write({ reference: "" });
  }

  /** Drops the answer, and any that is on its way. */
  #drop(message: string): void {
    this.#turn += 1;
    this.#answer = undefined;
    this.#waits = undefined;
    this.#invalid = [];
    this.#message = message;
  }

  /** Fills in fields, and asks again. */
  #askWith(fields: Readonly<Partial<Record<keyof Question, string>>>): void {
    for (const [name, text] of Object.entries(fields)) {
      const field = this.#form?.elements.namedItem(name);
      if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = text;
    }
    this.#askForm();
  }

  /** Asks the question in the form. With `isWide`, names only need to contain what was typed. */
  #askForm(isWide = false): void {
    const form = this.#form;
    if (form === null) return;
    const question = questionOf(form);
    this.#emptyReference(question);
    this.#drop("");
    this.panel()?.clear();
    this.#invalid = DAYS.filter((name) => question[name] !== "" && "is" in parseDay(question[name]));
    const [invalid] = this.#invalid;
    if (invalid !== undefined) form.querySelector<HTMLInputElement>(`input[name=${invalid}]`)?.focus();
    const refusal = this.#refusalOf(question);
    if (refusal === undefined) void this.#ask({ question, isWide }, false);
    else this.#say(refusal);
  }

  /** Returns why a question can't be answered; undefined if it can. */
  #refusalOf(question: Question): string | undefined {
    const t = this.texts.evidence.ask;
    const { period } = this.texts.viewer.view;
    const [invalid] = this.#invalid;
    const { from, until } = question;
    if (isBlank(question)) return t.nothing;
    if (invalid !== undefined) return period.noDay[problemOf(question[invalid])](question[invalid]);
    return from !== "" && until !== "" && from > until ? t.backwards : undefined;
  }

  /** Answers a question. With `isAgain`, the answer before stays until there is another. */
  async #ask(asked: AskedQuestion, isAgain: boolean): Promise<void> {
    const t = this.texts.evidence.ask;
    const { session, unrecognized } = this.context.part;
    const { report } = this;
    const viewer = this.context.viewer();
    this.#turn += 1;
    this.#waits = undefined;
    const turn = this.#turn;
    if (session === undefined || viewer === undefined || report === undefined || unrecognized === undefined) {
      this.#waits = { asked, isAgain };
      return this.#say(
        session?.phase === "indexing" ? this.texts.events.notIndexed : this.texts.evidence.make.notReady,
      );
    }
    if (isAgain) this.#renewed = report;
    this.#say(t.searching);
    const isCurrent = () => turn === this.#turn && this.context.part.session === session;
    const search = (query: string) => this.#search(query, isCurrent);
    try {
      const answer = await answerQuestion(asked, { session, report, unrecognized, search, isCurrent });
      if (!isCurrent()) return;
      if (answer === undefined || typeof answer === "string") {
        this.#answer = undefined;
        return this.#say(answer ?? t.changed);
      }
      this.#answer = answer;
      if (!isAgain) {
        this.#isEdited = false;
        this.#contents = this.panel()?.answerContents ?? "selected";
      }
      this.#say("");
      void this.#readClaims(answer);
      // A button in the answer before is gone.
      await this.updateComplete;
      if (!isAgain) this.#showAnswer();
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#answer = undefined;
      this.#say(plainError(error).message);
    }
  }

  /** Scrolls to the answer unless it is in view: what is above the question may be long. */
  #showAnswer(): void {
    const heading = this.querySelector<HTMLElement>("#ask-answer");
    if (heading === null) return;
    if (!isInView(heading)) heading.scrollIntoView({ block: "center" });
    if (document.activeElement === document.body) heading.focus({ preventScroll: true });
  }

  /** Makes a query the search of the page. Resolves to the reason if that fails. */
  async #search(query: string, isCurrent: () => boolean): Promise<SearchCounts | string> {
    this.#searched = query;
    await this.context.viewer()?.search(query);
    const selection = this.context.now();
    if (selection.state !== "ready" || selection.query !== query)
      return reasonOf(selection, this.texts.viewer, true) ?? this.texts.evidence.ask.changed;
    const isUnchanged = () => isCurrent() && this.context.now().turn === selection.turn;
    return { events: selection.events, of: selection.of, isUnchanged };
  }

  /** Adds which altered events claim to match. */
  async #readClaims(answer: Answer): Promise<void> {
    const { part, tools } = this.context;
    const createIndex = tools()?.index;
    if (createIndex === undefined) return;
    // Without them, the answer still says that there are events that don't verify.
    const { query, report } = answer;
    const claims = await readClaims({ query, report, file: part.file }, createIndex).catch(() => undefined);
    if (claims === undefined || this.#answer !== answer) return;
    this.#answer = { ...answer, claims };
    this.requestUpdate();
  }

  #say(text: string): void {
    this.#message = text;
    this.requestUpdate();
  }

  #answerView(answer: Answer, t: PageTexts["evidence"]["ask"]): TemplateResult {
    const { selection } = this.context;
    const isStale = this.#isStale(answer);
    if (!isStale) this.#isCurrent = selection.state === "ready" && selection.query === answer.query;
    if (!this.#isCurrent) return html`<p class="help">${t.changed}</p>`;
    const warn = (name: string, words: string) =>
      html`<p class="basis tone-doubt" data-note=${name}>${icon("warning")}<span>${words}</span></p>`;
    const further = {
      ask: (fields: Readonly<Partial<Record<keyof Question, string>>>) => this.#askWith(fields),
      widen: () => this.#askForm(true),
      // The console has no view of altered events.
      opensAltered: this.context.part.from !== "log",
    };
    return html`
      ${this.#isEdited ? warn("edited", t.edited) : nothing}
      ${isStale ? warn("again", t.judgedAgain) : nothing}
      <div class="ask-answer" data-answered=${answer.events} aria-busy=${isStale}>
        ${this.fileName === undefined ? nothing : html`<p class="help answer-file">${t.ofFile(value(this.fileName, 80))}</p>`}
        ${askedView(answer, further, this.texts)}
        ${isStale ? nothing : this.#saveView(answer, t)}
      </div>
    `;
  }

  #saveView({ events, basis, report, hasOthers }: Answer, t: PageTexts["evidence"]["ask"]): TemplateResult {
    const { make } = this.texts.evidence;
    const panel = this.panel();
    const noSlice = panel?.sliceReason;
    const choose = (contents: Contents) => {
      this.#contents = contents;
      this.requestUpdate();
    };
    const choice = {
      id: "ask-contents",
      contents: this.#contents,
      canContainAll: panel?.canContainAll !== false,
      examined: basis.examined,
      found: events,
      hasOthers,
      isFaulty: faultOf(report) !== undefined,
      choose,
    };
    return html`
      ${originFields(this.panel, this.texts)}
      ${contentsView(choice, this.texts)}
      <div class="buttons">
        <button type="button" class="primary" name="evidence" @click=${() => void panel?.saveEvidence(this.#contents)}>${make.save}</button>
        <button type="button" name="report" @click=${() => void panel?.saveReport()}>${t.report}</button>
        ${
          events === 0
            ? nothing
            : html`
              <button type="button" name="slice" aria-disabled=${noSlice !== undefined} aria-describedby=${noSlice === undefined ? nothing : "ask-no-slice"} @click=${() => void panel?.saveSlice()}>${t.slice}</button>
              <button type="button" class="quiet" name="show" @click=${emits("open-tab", "events")}>${t.show}</button>`
        }
      </div>
      ${savedView(panel, "selection")}
      ${noSlice === undefined || events === 0 ? nothing : html`<p class="basis tone-bad" id="ask-no-slice">${icon("warning")}<span>${noSlice}</span></p>`}
    `;
  }
}

/** True if an element is on the screen, with room for what follows it. */
function isInView(element: HTMLElement): boolean {
  const { top, bottom } = element.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight * 0.75;
}

function questionOf(form: HTMLFormElement): Question {
  const fields = new FormData(form);
  const text = (name: string) => String(fields.get(name) ?? "");
  const basis: TimeBasis = text("basis") === "recorded" ? "recorded" : "happened";
  return {
    who: text("who"),
    behalf: text("behalf"),
    actions: text("actions"),
    target: text("target"),
    from: dayIn(text("from")),
    until: dayIn(text("until")),
    basis,
  };
}

/** Returns a typed day in ISO form; as typed if it isn't one. */
function dayIn(text: string): string {
  const typed = parseDay(text);
  return "day" in typed ? typed.day : text.trim();
}

function problemOf(typed: string): DayProblem {
  const parsed = parseDay(typed);
  return "is" in parsed ? parsed.is : "invalid";
}

/** True if a question has no condition. */
function isBlank(question: Question): boolean {
  return namesOf(question).length === 0 && question.from === "" && question.until === "";
}
