/** Identities and sessions by the scores of their findings, highest first. */

import { type Finding, LEVELS, type Level } from "@countersign/ui/analyze/types.js";
import type { Detection } from "@countersign/ui/viewer/detection/detection.js";
import { DetectionSubscription } from "@countersign/ui/viewer/detection/detection-subscription.js";
import { levelView } from "@countersign/ui/viewer/detection/finding-parts.js";
import { SEVERITY_LOOKS, stateView } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { define, emit, props, View } from "@countersign/ui/viewer/view.js";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { moment } from "../src/core-sentence.ts";
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

/** Identities and sessions by score. Dispatches `show-finding` ({ finding }). */
export class Scores extends View {
  static override properties = props("detection", "texts");

  declare detection: Detection | undefined;
  declare texts: ConsoleTexts | undefined;

  #document: Document | undefined;
  #findings: ReadonlyMap<string, Finding> = new Map();
  /** Status for which the document was requested. */
  #requested: unknown;
  #isAsking = false;

  constructor() {
    super();
    new DetectionSubscription(this, () => void this.#ask());
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("detection")) {
      this.#document = undefined;
      this.#requested = undefined;
      void this.#ask();
    }
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
      ${this.#ranked("sessions", t.sessions.sessions, t.sessions.noSessions, sessions, t)}
      ${this.#ranked("identities", t.sessions.identities, t.sessions.noIdentities, identities, t)}
    `;
  }

  #ranked(
    name: string,
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
                [words.who, words.score, words.findings, words.worst, words.last],
                all.slice(0, MAX_LISTED).map((scored) => this.#row(scored, t)),
              )
        }
        ${all.length > MAX_LISTED ? html`<p class="faint">${words.more(count(all.length - MAX_LISTED))}</p>` : nothing}
      </section>
    `;
  }

  #row({ id, score, count, findings }: ScoredSubject, t: ConsoleTexts): TemplateResult {
    const named = findings.flatMap((id) => this.#findings.get(id) ?? []);
    const rank = (level: Level) => LEVELS.indexOf(level);
    const [worst] = [...named].sort((one, other) => rank(other.level) - rank(one.level));
    const newest = named.at(-1);
    const titles = [...new Set(named.map(({ title }) => title))];
    const { figures } = t.viewer;
    return html`
      <tr>
        <th scope="row" class="wraps">${value(id, 200)}</th>
        <td>${figures.count(score)}</td>
        <td class="wraps">
          ${titles.slice(0, MAX_TITLES).map((title, nth) => html`${nth > 0 ? "; " : nothing}${value(title, 120)}`)}
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
    }
    void this.#ask();
  }
}

define("cs-scores", Scores);
