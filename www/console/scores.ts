/** Identities and sessions by the scores of their findings, highest first. */

import { type Finding, LEVELS, type Level } from "@countersign/ui/analyze/types.js";
import type { EventIndex, EventRow } from "@countersign/ui/index/types.js";
import type { Detection } from "@countersign/ui/viewer/detection/detection.js";
import { DetectionSubscription } from "@countersign/ui/viewer/detection/detection-subscription.js";
import { levelView } from "@countersign/ui/viewer/detection/finding-parts.js";
import { SEVERITY_LOOKS, stateView } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { define, emit, props, View } from "@countersign/ui/viewer/view.js";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { moment } from "../src/core-sentence.ts";
import { actorQuery, type EventLink, sessionQuery } from "./event-links.ts";
import { factsOf, lookUp, nameOf, parserOf } from "./event-lookup.ts";
import { bandOf, scaleView } from "./score-scale.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { table } from "./verified.ts";

/** A scored identity or session, as in `countersign analyze --format json`. */
interface ScoredSubject {
  readonly id: string;
  readonly score: number;
  readonly count: number;
  readonly findings: readonly string[];
}

/** The parts of that document that are shown. */
interface Document {
  readonly findings: readonly Finding[];
  readonly identities: readonly ScoredSubject[];
  readonly sessions: readonly ScoredSubject[];
}

/** Maximum number listed of each, and of different titles. */
const MAX_LISTED = 100;
const MAX_TITLES = 3;

/** Renders a note that there may be more, because rules haven't examined, or couldn't examine, all events. */
function moreView(
  { status, isFinal }: Detection,
  { sessions: words }: ConsoleTexts,
): TemplateResult | typeof nothing {
  const isOpen =
    status === undefined || !status.coverage.complete || status.limits.length > 0 || status.future !== null;
  return html`
    ${isFinal ? nothing : html`<p>${stateView(SEVERITY_LOOKS.info, words.soFar)}</p>`}
    ${isOpen ? html`<p>${stateView(SEVERITY_LOOKS.warning, words.mayBeMore)}</p>` : nothing}`;
}

/** Identities and sessions by score. Dispatches `show-finding` ({ finding }) and `show-events` (an `EventLink`). */
export class Scores extends View {
  static override properties = props("detection", "index", "texts");

  declare detection: Detection | undefined;
  /** Index of the events, which name the subjects. */
  declare index: EventIndex | undefined;
  declare texts: ConsoleTexts | undefined;

  #document: Document | undefined;
  #findings: ReadonlyMap<string, Finding> = new Map();
  /** Status for which the document was requested. */
  #requested: unknown;
  #isAsking = false;
  /** Events of the newest findings, by entry, which name the people. */
  #events: ReadonlyMap<number, EventRow> = new Map();
  #lookingUp = new AbortController();

  constructor() {
    super();
    new DetectionSubscription(this, () => void this.#ask());
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("detection")) {
      this.#document = undefined;
      this.#requested = undefined;
      this.#events = new Map();
      this.#lookingUp.abort();
      void this.#ask();
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#lookingUp.abort();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { detection, texts: t } = this;
    if (t === undefined || detection === undefined) return nothing;
    if (detection.failure !== undefined)
      return html`<p class="empty">${value(detection.failure.message, 1_000)}</p>`;
    if (this.#document === undefined) return html`<p class="empty">${t.sessions.waiting}</p>`;
    const { sessions, identities } = this.#document;
    return html`
      ${moreView(detection, t)}
      ${sessions.length + identities.length === 0 ? nothing : scaleView(t)}
      ${this.#ranked("sessions", t.sessions.sessions, t.sessions.noSessions, sessions, t)}
      ${this.#ranked("identities", t.sessions.identities, t.sessions.noIdentities, identities, t)}
    `;
  }

  #ranked(
    name: "sessions" | "identities",
    heading: string,
    none: string,
    all: readonly ScoredSubject[],
    t: ConsoleTexts,
  ): TemplateResult {
    const words = t.sessions;
    const { count } = t.viewer.figures;
    return html`
      <section aria-labelledby="${name}-heading" data-scores=${name}>
        <h3 id="${name}-heading">${heading}</h3>
        ${
          all.length === 0
            ? html`<p class="empty">${none}</p>`
            : table(
                heading,
                [words.subject[name], words.score, words.findings, words.worst, words.last],
                all.slice(0, MAX_LISTED).map((scored) => this.#row(name, scored, t)),
              )
        }
        ${all.length > MAX_LISTED ? html`<p class="faint">${words.more(count(all.length - MAX_LISTED))}</p>` : nothing}
      </section>
    `;
  }

  #row(
    of: "sessions" | "identities",
    { id, score, count, findings }: ScoredSubject,
    t: ConsoleTexts,
  ): TemplateResult {
    const named = findings.flatMap((id) => this.#findings.get(id) ?? []);
    const rank = (level: Level) => LEVELS.indexOf(level);
    const [worst] = [...named].sort((one, other) => rank(other.level) - rank(one.level));
    const newest = named.at(-1);
    // The newest finding of each title.
    const titles = [...new Map(named.map((finding) => [finding.title, finding])).values()];
    const { figures } = t.viewer;
    const band = bandOf(score);
    return html`
      <tr>
        <th scope="row" class="wraps">${this.#subject(of, id, newest, t)}</th>
        <td data-band=${band}><strong class="number">${figures.count(score)}</strong> ${levelView(band, t.viewer)}</td>
        <td class="wraps">
          ${titles.slice(0, MAX_TITLES).map((finding) => html`<button type="button" class="quiet" @click=${() => emit(this, "show-finding", { finding })}>${value(finding.title, 120)}</button> `)}
          ${titles.length > MAX_TITLES ? html`<span class="faint">${t.sessions.others(figures.count(titles.length - MAX_TITLES))}</span>` : nothing}
          <span class="faint">(${figures.findings(count)})</span>
        </td>
        <td>${worst === undefined ? nothing : levelView(worst.level, t.viewer)}</td>
        <td>
          ${
            newest === undefined
              ? nothing
              : html`<button type="button" class="quiet" @click=${() => emit(this, "show-finding", { finding: newest })}>${moment(newest.last)}</button>`
          }
        </td>
      </tr>
    `;
  }

  /** Renders the name of a session or an identity, as a link to its events. */
  #subject(
    of: "sessions" | "identities",
    id: string,
    newest: Finding | undefined,
    t: ConsoleTexts,
  ): TemplateResult {
    const entry = newest?.entries.at(-1);
    const event = entry === undefined ? undefined : this.#events.get(entry);
    const link: EventLink = {
      query: of === "sessions" ? sessionQuery(id, event && parserOf(event)) : actorQuery(id),
      entry,
    };
    const show = () => emit(this, "show-events", link);
    const actor = event && factsOf(event)?.actor;
    const who = actor?.name ?? actor?.id;
    const name =
      of === "sessions" ? who && t.sessions.sessionOf(value(who, 120)) : namedView(nameOf(event, id));
    return html`
      <button type="button" class="quiet subject" @click=${show}>${name ?? value(id, 200)}<span class="sr"> – ${t.sessions.events}</span></button>
      ${name === undefined ? nothing : html`<span class="faint subject-id">${value(id, 200)}</span>`}
    `;
  }

  /** Looks up the events that name the listed subjects. */
  async #lookUp({ sessions, identities }: Document): Promise<void> {
    const { index } = this;
    if (index === undefined) return;
    this.#lookingUp.abort();
    this.#lookingUp = new AbortController();
    const { signal } = this.#lookingUp;
    const entries = [...sessions.slice(0, MAX_LISTED), ...identities.slice(0, MAX_LISTED)].flatMap(
      ({ findings }) => {
        const newest = findings.findLast((id) => this.#findings.has(id));
        return this.#findings.get(newest ?? "")?.entries.at(-1) ?? [];
      },
    );
    // Without names, the identifiers are shown.
    const events = await lookUp(index, entries, signal).catch(() => undefined);
    if (events === undefined || signal.aborted) return;
    this.#events = events;
    this.requestUpdate();
  }

  /** Requests the current document, and again if the status changed in the meantime. */
  async #ask(): Promise<void> {
    const { detection } = this;
    this.requestUpdate();
    if (this.#isAsking || detection?.answers === undefined || detection.session.verification === undefined)
      return;
    if (detection.status === undefined || detection.status === this.#requested) return;
    this.#isAsking = true;
    this.#requested = detection.status;
    const document = await detection.answers
      .document()
      .then(async (blob) => JSON.parse(await blob.text()) as Document)
      .catch(() => undefined);
    this.#isAsking = false;
    if (detection !== this.detection) {
      void this.#ask();
      return;
    }
    if (document !== undefined) {
      this.#document = document;
      this.#findings = new Map(document.findings.map((finding) => [finding.id, finding]));
      void this.#lookUp(document);
    }
    void this.#ask();
  }
}

function namedView(name: string | undefined): TemplateResult | undefined {
  return name === undefined ? undefined : html`${value(name, 200)}`;
}

define("cs-scores", Scores);
