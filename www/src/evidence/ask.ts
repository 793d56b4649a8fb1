import { plainError } from "@countersign/shared/error.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { reasonOf } from "@countersign/ui/viewer/search/selection.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";
import { View } from "../view.ts";
import { answerBasis } from "./answer.ts";
import { type EventChanges, readChanges } from "./answer-changes.ts";
import { outcomesOf, type ReadFacts, readFacts } from "./answer-facts.ts";
import { coveredView, timesView, unknownView } from "./answer-notes.ts";
import { answerRows } from "./answer-rows.ts";
import { type AnswerFacts, sentence } from "./answer-sentence.ts";
import { basisView } from "./answer-view.ts";
import { type CoveredNames, coveredIn, coveredNames, type SearchCounts } from "./covered-names.ts";
import { originFields } from "./fields.ts";
import type { Contents } from "./make.ts";
import type { EvidenceContext, EvidencePanel } from "./panel.ts";
import {
  conditionOf,
  NAME_PARTS,
  type NamePart,
  namesOf,
  otherTimeQuery,
  type Question,
  queryOf,
  type SearchedName,
  searchedNames,
  type TimeBasis,
  unknownNames,
} from "./question.ts";
import { savedView } from "./saved-view.ts";
import { suggestedNames } from "./suggestions.ts";

/** Maximum number of events listed below an answer. */
const MAX_LISTED = 10;
/** Milliseconds without typing before names are suggested. */
const SUGGESTION_DELAY_MS = 150;

/** A question that was answered. */
interface Answer extends AnswerFacts {
  readonly session: Session;
  readonly report: Report;
  readonly query: string;
  readonly facts: ReadFacts;
  readonly changes: ReadonlyMap<number, EventChanges>;
  /** For each name that was searched as part of names: the names that have it. */
  readonly covered: readonly CoveredNames[];
  /** If nothing was found, the names that no event has. */
  readonly unknown: readonly SearchedName[];
  /** Number of further events if names only need to contain what was typed; undefined if not counted. */
  readonly wider: number | undefined;
  /** Number of events that match except for the time asked about; undefined if not counted. */
  readonly otherTime: number | undefined;
  /** If nothing was found in the days asked about: the number of events on any day. */
  readonly anyDay: number;
}

/** Asks who did what and when, answers in a sentence with its basis, and saves the answer. */
export class Ask extends View {
  static override properties = {
    texts: { attribute: false },
    context: { attribute: false },
    report: { attribute: false },
    panel: { attribute: false },
  };
  declare texts: PageTexts;
  declare context: EvidenceContext;
  declare report: Report;
  /** The panel that saves evidence. */
  declare panel: () => EvidencePanel | undefined;
  #answer: Answer | undefined;
  /** A question asked before the events were indexed, which is answered after that. */
  #waits: { readonly isWide: boolean } | undefined;
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

  protected override willUpdate(changed: Map<string, unknown>): void {
    const before = changed.get("context") as EvidenceContext | undefined;
    if (before !== undefined && before.part.session !== this.context.part.session) {
      this.#drop("");
      this.#suggestions = {};
      this.#searched = undefined;
      // Another file is another case.
      if (before.part.file !== this.context.part.file) this.#form?.reset();
    } else if (this.#answer !== undefined && this.#answer.report !== this.report) {
      this.#drop(this.texts.evidence.ask.judgedAgain);
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#suggesting);
    // A search in progress must not replace the search of a later view.
    this.#turn += 1;
  }

  /** The fields of the panel are shown with the answer, while there is one. */
  protected override updated(): void {
    this.panel()?.lend(this.querySelector(".ask-answer") !== null);
    const { session, unrecognized } = this.context.part;
    const waits = this.#waits;
    if (waits !== undefined && session?.phase === "done" && unrecognized !== undefined)
      void this.#ask(waits.isWide);
  }

  protected override render(): TemplateResult {
    const t = this.texts.evidence.ask;
    return html`
      <section class="ask" aria-labelledby="ask-heading">
        <h2 id="ask-heading">${t.heading}</h2>
        <form class="ask-fields" @input=${() => this.#setEdited(true)} @submit=${(event: SubmitEvent) => this.#submitted(event)}>
          ${this.#nameField("who", 300, t.who, t.whoHint)}
          ${this.#nameField("actions", 1000, t.actions, t.actionsHint)}
          ${this.#nameField("target", 300, t.target, t.targetHint)}
          <label>${t.from}<input name="from" type="date" /></label>
          <label>${t.until}<input name="until" type="date" /></label>
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
    void this.#ask();
  }

  /** Begins a new question: drops the answer and its search. The button empties the fields. */
  #clear(): void {
    const searched = this.#searched;
    this.#drop("");
    this.panel()?.clear();
    if (searched !== undefined && this.context.now().query === searched)
      void this.context.viewer()?.search("");
    this.#form?.querySelector<HTMLInputElement>("input[name=who]")?.focus();
    this.requestUpdate();
  }

  /** Drops the answer, and any that is on its way. */
  #drop(message: string): void {
    this.#turn += 1;
    this.#answer = undefined;
    this.#waits = undefined;
    this.#message = message;
  }

  /** Fills in fields, and asks again. */
  #askWith(fields: Readonly<Partial<Record<keyof Question, string>>>): void {
    for (const [name, text] of Object.entries(fields)) {
      const field = this.#form?.elements.namedItem(name);
      if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = text;
    }
    void this.#ask();
  }

  /** Asks the question in the form. With `isWide`, names only need to contain what was typed. */
  async #ask(isWide = false): Promise<void> {
    const form = this.#form;
    if (form === null) return;
    const t = this.texts.evidence.ask;
    const question = questionOf(form);
    const { session, unrecognized } = this.context.part;
    const viewer = this.context.viewer();
    this.#drop("");
    const turn = this.#turn;
    this.panel()?.clear();
    const { from, until } = question;
    if (namesOf(question).length === 0 && from === "" && until === "") return this.#say(t.nothing);
    if (from !== "" && until !== "" && from > until) return this.#say(t.backwards);
    if (session === undefined || viewer === undefined || unrecognized === undefined) {
      this.#waits = { isWide };
      return this.#say(
        session?.phase === "indexing" ? this.texts.events.notIndexed : this.texts.evidence.make.notReady,
      );
    }
    this.#say(t.searching);
    const isCurrent = () => turn === this.#turn && this.context.part.session === session;
    try {
      const answer = await this.#answerTo(question, isWide, { session, viewer, unrecognized, isCurrent });
      if (!isCurrent()) return;
      if (answer === undefined || typeof answer === "string") return this.#say(answer ?? t.changed);
      this.#answer = answer;
      this.#isEdited = false;
      this.#contents = this.panel()?.defaultContents ?? "selected";
      this.#say("");
      // A button in the answer before is gone.
      await this.updateComplete;
      if (document.activeElement === document.body)
        this.querySelector<HTMLElement>("#ask-answer")?.focus({ preventScroll: true });
    } catch (error) {
      if (turn === this.#turn) this.#say(plainError(error).message);
    }
  }

  /** Returns the answer, or why there is none; undefined if another question or search has replaced this one. */
  async #answerTo(
    question: Question,
    isWide: boolean,
    { session, viewer, unrecognized, isCurrent }: QuestionContext,
  ): Promise<Answer | string | undefined> {
    const { index } = session;
    const { report } = this;
    const names = await searchedNames(question, index, isWide);
    const query = queryOf(question, names);
    const search = async (query: string): Promise<SearchCounts | string> => {
      this.#searched = query;
      await viewer.search(query);
      const selection = this.context.now();
      if (selection.state !== "ready" || selection.query !== query)
        return reasonOf(selection, this.texts.viewer, true) ?? this.texts.evidence.ask.changed;
      const isUnchanged = () => isCurrent() && this.context.now().turn === selection.turn;
      return { events: selection.events, of: selection.of, isUnchanged };
    };
    // The events found then show the names that each typed name finds.
    const isAlone = (part: NamePart) =>
      conditionOf(part, names) === query && names.every(({ match }) => match !== "whole");
    const covered: CoveredNames[] = [];
    for (const part of NAME_PARTS) {
      if (!isCurrent()) return undefined;
      if (isAlone(part)) continue;
      const found = await coveredNames(part, names, index, search);
      if (typeof found === "string") return found;
      if (found !== undefined) covered.push(found);
    }
    if (!isCurrent()) return undefined;
    const found = await search(query);
    if (typeof found === "string") return found;
    const { events, of, isUnchanged } = found;
    const facts = await readFacts(index, { listed: MAX_LISTED, isCurrent: isUnchanged });
    if (facts === undefined) return undefined;
    for (const part of NAME_PARTS) {
      const listed = isAlone(part) ? coveredIn(facts, part, names) : undefined;
      if (listed !== undefined) covered.push(listed);
    }
    const changes = await readChanges(index, facts.first);
    const outcomes = events === 0 ? undefined : await outcomesOf(index, query, events);
    const unknown = events === 0 ? await unknownNames(names, index) : [];
    const isWhole = names.some(({ match }) => match === "whole");
    const widest = isWhole
      ? await index.count(queryOf(question, await searchedNames(question, index, true)))
      : events;
    const other = otherTimeQuery(question, names);
    const otherTime = other === "" ? 0 : await index.count(other);
    const anyDay =
      events === 0 && other !== "" && names.length > 0
        ? await index.count(queryOf({ ...question, from: "", until: "" }, names))
        : 0;
    if (!isUnchanged()) return undefined;
    return {
      session,
      report,
      question,
      names,
      query,
      events,
      outcomes,
      actors: facts.isAll ? facts.who : undefined,
      basis: answerBasis(report, { events: of, unrecognized }, query),
      facts,
      changes,
      covered,
      unknown,
      wider: widest === undefined ? undefined : Math.max(0, widest - events),
      otherTime,
      anyDay: anyDay ?? 0,
    };
  }

  #say(text: string): void {
    this.#message = text;
    this.requestUpdate();
  }

  #answerView(answer: Answer, t: PageTexts["evidence"]["ask"]): TemplateResult {
    const { selection } = this.context;
    const isShown =
      selection.state === "ready" && selection.query === answer.query && selection.session === answer.session;
    if (!isShown) return html`<p class="help">${t.changed}</p>`;
    const { question, query, events, basis, facts, changes } = answer;
    const { figures } = this.texts.viewer;
    const rows = facts.first;
    return html`
      ${this.#isEdited ? html`<p class="basis tone-doubt" data-edited>${icon("warning")}<span>${t.edited}</span></p>` : nothing}
      <div class="ask-answer" data-answered=${events}>
        <h3 id="ask-answer" tabindex="-1">${sentence(answer, this.texts)}</h3>
        ${unknownView(
          answer.unknown,
          basis.doubts.some(({ is }) => is === "unverified"),
          t,
        )}
        ${coveredView(
          answer,
          (part, name) => this.#askWith({ [part]: name }),
          () => void this.#ask(true),
          this.texts,
        )}
        ${events > 0 && answer.outcomes === undefined ? html`<p class="help">${t.uncounted}</p>` : nothing}
        ${basisView(basis, this.texts)}
        ${timesView(answer, (fields) => this.#askWith(fields), this.texts)}
        ${question.from === "" && question.until === "" ? nothing : html`<p class="help">${t.times[question.basis]}</p>`}
        <p class="help">${t.query} <code dir="ltr">${value(query, 1000)}</code></p>
        ${
          rows.length === 0
            ? nothing
            : html`
              <p class="help">${t.press}${events > rows.length ? ` ${t.first(figures.count(rows.length), figures.events(events))}` : nothing}</p>
              <div class="filed-table" tabindex="0">${answerRows({ rows, changes, opens: true }, this.texts)}</div>`
        }
        ${this.#saveView(answer, t)}
      </div>
    `;
  }

  #saveView({ events, basis }: Answer, t: PageTexts["evidence"]["ask"]): TemplateResult {
    const { make } = this.texts.evidence;
    const { figures } = this.texts.viewer;
    const panel = this.panel();
    const noSlice = panel?.sliceReason;
    const isAll = this.#contents === "examined";
    const about = isAll ? t.contained : events === 0 ? t.statedNone : t.stated;
    const contain = (event: Event) => {
      this.#contents = (event.target as HTMLInputElement).checked ? "examined" : "selected";
      this.requestUpdate();
    };
    return html`
      ${originFields(this.panel, this.texts)}
      ${
        panel?.canContainAll === false
          ? html`<p class="help">${t.tooLarge}</p>`
          : html`<label class="ask-contain"><input type="checkbox" name="contain" aria-describedby="ask-contents" .checked=${isAll} @change=${contain} /><span>${t.contain(figures.events(basis.examined))}</span></label>`
      }
      <p class="help" id="ask-contents">${about}</p>
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
      ${savedView(panel)}
      ${noSlice === undefined || events === 0 ? nothing : html`<p class="basis tone-bad" id="ask-no-slice">${icon("warning")}<span>${noSlice}</span></p>`}
    `;
  }
}

/** The session, and the search, that answer a question. */
interface QuestionContext {
  readonly session: Session;
  readonly viewer: NonNullable<ReturnType<EvidenceContext["viewer"]>>;
  readonly unrecognized: number;
  readonly isCurrent: () => boolean;
}

function questionOf(form: HTMLFormElement): Question {
  const fields = new FormData(form);
  const text = (name: string) => String(fields.get(name) ?? "");
  const basis: TimeBasis = text("basis") === "recorded" ? "recorded" : "happened";
  return {
    who: text("who"),
    actions: text("actions"),
    target: text("target"),
    from: text("from"),
    until: text("until"),
    basis,
  };
}
