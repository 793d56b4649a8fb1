import { plainError } from "@countersign/shared/error.js";
import type { EventRow } from "@countersign/ui/index/types.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { reasonOf } from "@countersign/ui/viewer/search/selection.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";
import { View } from "../view.ts";
import { type AnswerBasis, answerBasis } from "./answer.ts";
import { basisView } from "./answer-view.ts";
import type { Contents } from "./make.ts";
import type { EvidenceContext, EvidencePanel } from "./panel.ts";
import {
  namesOf,
  type Question,
  queryOf,
  type TimeBasis,
  type UnknownName,
  unknownNames,
} from "./question.ts";
import { eventRows } from "./rows.ts";
import { rowsView } from "./rows-view.ts";

/** Maximum number of events listed below an answer. */
const MAX_LISTED = 10;

/** A question that was answered. */
interface Answer {
  readonly session: Session;
  readonly question: Question;
  readonly query: string;
  readonly events: number;
  readonly basis: AnswerBasis;
  /** The first events found. */
  readonly rows: readonly EventRow[];
  /** If nothing was found, the names that no event has. */
  readonly unknown: readonly UnknownName[];
}

/** Texts about names that no event has. */
const UNKNOWN = { who: "unknownWho", actions: "unknownAction", target: "unknownTarget" } as const;

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
  #contents: Contents = "selected";
  #message = "";
  /** Incremented by each question, so that only the last one is answered. */
  #turn = 0;

  protected override willUpdate(changed: Map<string, unknown>): void {
    const before = changed.get("context") as EvidenceContext | undefined;
    if (before === undefined || before.part.session === this.context.part.session) return;
    this.#turn += 1;
    this.#answer = undefined;
    this.#message = "";
  }

  /** The fields of the panel are shown with the answer, while there is one. */
  protected override updated(): void {
    this.panel()?.lend(this.querySelector(".ask-answer") !== null);
  }

  protected override render(): TemplateResult {
    const t = this.texts.evidence.ask;
    return html`
      <section class="ask" aria-labelledby="ask-heading">
        <h2 id="ask-heading">${t.heading}</h2>
        <form class="ask-fields" @submit=${(event: SubmitEvent) => void this.#ask(event)}>
          <label>${t.who}<input name="who" autocomplete="off" maxlength="300" placeholder=${t.whoHint} /></label>
          <label>${t.actions}<input name="actions" autocomplete="off" maxlength="1000" placeholder=${t.actionsHint} /></label>
          <label>${t.target}<input name="target" autocomplete="off" maxlength="300" /></label>
          <label>${t.from}<input name="from" type="date" /></label>
          <label>${t.until}<input name="until" type="date" /></label>
          <label>${t.basis}
            <select name="basis">
              <option value="happened">${t.happened}</option>
              <option value="recorded">${t.recorded}</option>
            </select>
          </label>
          <button type="submit" class="primary" aria-describedby="ask-about">${t.ask}</button>
        </form>
        <p class="help" id="ask-about">${t.about}</p>
        <div role="status" id="ask-said">${this.#message === "" ? nothing : html`<p>${this.#message}</p>`}</div>
        ${this.#answer === undefined ? nothing : this.#answerView(this.#answer, t)}
      </section>
    `;
  }

  async #ask(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const t = this.texts.evidence.ask;
    const question = questionOf(event.target as HTMLFormElement);
    const query = queryOf(question);
    const { session, unrecognized } = this.context.part;
    const viewer = this.context.viewer();
    this.#turn += 1;
    const turn = this.#turn;
    this.#answer = undefined;
    this.panel()?.clear();
    const { from, until } = question;
    if (query === "") return this.#say(t.nothing);
    if (from !== "" && until !== "" && from > until) return this.#say(t.backwards);
    if (session === undefined || viewer === undefined || unrecognized === undefined)
      return this.#say(
        session?.phase === "indexing" ? this.texts.events.notIndexed : this.texts.evidence.make.notReady,
      );
    this.#say(t.searching);
    try {
      await viewer.search(query);
      const selection = this.context.now();
      if (turn !== this.#turn || this.context.part.session !== session) return;
      if (selection.state !== "ready" || selection.query !== query)
        return this.#say(reasonOf(selection, this.texts.viewer, true) ?? t.changed);
      const rows = await eventRows(session, undefined, MAX_LISTED);
      if (turn !== this.#turn || this.context.now().turn !== selection.turn) return;
      const basis = answerBasis(this.report, { events: selection.of, unrecognized }, until);
      const unknown = selection.events === 0 ? await unknownNames(question, session.index) : [];
      if (turn !== this.#turn || this.context.now().turn !== selection.turn) return;
      this.#answer = { session, question, query, events: selection.events, basis, rows, unknown };
      this.#contents = this.panel()?.defaultContents ?? "selected";
      this.#say("");
    } catch (error) {
      if (turn === this.#turn) this.#say(plainError(error).message);
    }
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
    const { question, query, events, basis, rows, unknown } = answer;
    const { figures } = this.texts.viewer;
    return html`
      <div class="ask-answer" data-answered=${events}>
        <h3 id="ask-answer" tabindex="-1">${sentence(question, events, basis, t)}</h3>
        ${unknown.map(({ part, name }) => html`<p class="basis tone-doubt" data-unknown=${part}>${icon("warning")}<span>${t[UNKNOWN[part]](value(name, 300))}</span></p>`)}
        ${basisView(basis, this.texts)}
        ${question.from === "" && question.until === "" ? nothing : html`<p class="help">${t.times[question.basis]}</p>`}
        <p class="help">${t.query} <code dir="ltr">${value(query, 1000)}</code></p>
        ${
          rows.length === 0
            ? nothing
            : html`
              ${events > rows.length ? html`<p class="help">${t.first(figures.count(rows.length), figures.events(events))}</p>` : nothing}
              <div class="filed-table" tabindex="0">${rowsView(rows, this.texts)}</div>`
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
      ${panel?.fieldsView() ?? nothing}
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
      ${noSlice === undefined || events === 0 ? nothing : html`<p class="basis tone-bad" id="ask-no-slice">${icon("warning")}<span>${noSlice}</span></p>`}
      ${panel === undefined || panel.message === "" ? nothing : html`<p class="ask-saved" aria-hidden="true">${icon("file")}${value(panel.message, 600)}</p>`}
    `;
  }
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

/** Returns the answer in a sentence, such as `ada did nothing from 2026-08-01 to 2026-08-31.` */
export function sentence(
  { who, actions, target, from, until }: Question,
  events: number,
  { doubts }: AnswerBasis,
  t: PageTexts["evidence"]["ask"],
): string {
  const names = namesOf(actions);
  const parts = [
    t.subject(who.trim(), events),
    names.length === 0 ? "" : t.action(names),
    target.trim() === "" ? "" : t.to(target.trim()),
    t.between(from, until),
    doubts.some(({ is }) => is === "unverified")
      ? t.ofVerified
      : events === 0 && doubts.length > 0
        ? t.inFile
        : "",
  ];
  return `${parts.join("")}.`;
}
