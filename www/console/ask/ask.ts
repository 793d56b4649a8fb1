/** The section "Ask": answers who did what and when, from the events that this browser verified. */

import type { EventRow } from "@countersign/ui/index/types.js";
import { UNRECOGNIZED } from "@countersign/ui/slice/unrecognized.js";
import type { Selection } from "@countersign/ui/viewer/search/selection.js";
import type { Session, Tools } from "@countersign/ui/viewer/session/session.js";
import { define, emit, props, View } from "@countersign/ui/viewer/view.js";
import { Viewer } from "@countersign/ui/viewer/viewer.js";
import type { Report } from "countersign/verify";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { isWholeLog } from "../../src/evidence/answer.ts";
import { Ask } from "../../src/evidence/ask.ts";
import { type EvidenceContext, EvidencePanel } from "../../src/evidence/panel.ts";
import { complaintView, picker } from "../../src/input/choose.ts";
import { type TrustChoice, trustName, trustText } from "../../src/input/trust.ts";
import type { Part } from "../../src/state/case.ts";
import type { PageTexts } from "../../src/texts/en.ts";
import { counted } from "../address.ts";
import type { ConsoleTexts } from "../texts/index.ts";
import { partOf, type Verified } from "../verified.ts";
import type { AuditorsPage } from "./auditors-page.ts";
import { QuestionSearch } from "./question-search.ts";

/** The tool in reports that the console makes. */
const TOOL = "countersign console";

/** Dispatches `show-events` (an `EventLink`), `show-entry` (an entry), and `verify-whole`. */
export class AskSection extends View {
  static override properties = props("verified", "report", "trust", "page", "texts");

  declare verified: Verified | undefined;
  /** Report of the session; changes when there is a newer one. */
  declare report: Report | undefined;
  declare trust: TrustChoice;
  declare page: AuditorsPage;
  declare texts: ConsoleTexts | undefined;

  #session: Session | undefined;
  #search: QuestionSearch | undefined;
  /** The export with the number of events that the search doesn't recognize; undefined until both are known. */
  #part: Part | undefined;
  #isPreparing = false;
  #complaint = "";
  /** Texts of the page in the console's words, by the console's texts. */
  #words: readonly [ConsoleTexts, PageTexts] | undefined;

  protected override willUpdate(_changed: PropertyValues<this>): void {
    const { session } = this.verified ?? {};
    if (session === this.#session) {
      if (this.#part === undefined) void this.#prepare();
      return;
    }
    this.#search?.close();
    this.#session = session;
    this.#part = undefined;
    this.#search = session && new QuestionSearch(session, () => this.requestUpdate());
    void this.#prepare();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#search?.close();
    this.#session = undefined;
  }

  protected override render(): TemplateResult | typeof nothing {
    const { texts: t, verified, report } = this;
    if (t === undefined || verified === undefined || report === undefined) return nothing;
    const words = t.ask;
    if (verified.from === "live")
      return html`
        <p class="empty">${words.notLive}</p>
        <div class="buttons"><button type="button" class="primary" @click=${() => emit(this, "verify-whole", undefined)}>${t.search.loadWhole}</button></div>`;
    const part = this.#part;
    if (part === undefined) return html`<p class="empty" aria-busy="true">${t.verified.waiting}</p>`;
    const context = this.#context(part);
    const texts = this.#pageTexts(t);
    return html`
      <div @open-tab=${(event: Event) => this.#showEvents(event)} @evidence-message=${() => this.requestUpdate()} @show-event=${({ detail }: CustomEvent<EventRow>) => emit(this, "show-entry", detail.index)}>
        <countersign-ask .texts=${texts} .context=${context} .report=${report} .panel=${() => this.querySelector<EvidencePanel>("countersign-evidence") ?? undefined}></countersign-ask>
        <countersign-evidence hidden .texts=${texts} .context=${context}></countersign-evidence>
      </div>
      ${
        !isPart(verified, report)
          ? nothing
          : html`
            <div class="behind"><span>${words.onlyPart}</span>
              <button type="button" @click=${() => emit(this, "verify-whole", undefined)}>${t.search.loadWhole}</button></div>`
      }
      <details class="ask-page">
        <summary>${words.page}</summary>
        <p class="help">${words.pageAbout}</p>
        ${this.page.chosen === undefined ? nothing : html`<p>${words.pageChosen(this.page.chosen)}</p>`}
        <div class="buttons" @choose-page=${(event: CustomEvent<readonly File[]>) => void this.#choosePage(event.detail, words.notPage)}>${picker(words.choosePage, "choose-page", {})}</div>
        ${complaintView(this.#complaint)}
      </details>
    `;
  }

  /** Counts what the search doesn't recognize, and collects the bytes for evidence. */
  async #prepare(): Promise<void> {
    const session = this.#session;
    const { verified, report } = this;
    const bytes = session?.bytes;
    if (session === undefined || bytes === undefined || verified === undefined || report === undefined)
      return;
    if (this.#isPreparing) return;
    this.#isPreparing = true;
    const unrecognized = await session.index.count(UNRECOGNIZED).catch(() => undefined);
    this.#isPreparing = false;
    if (unrecognized !== undefined && session === this.#session) {
      const file = new File([bytes], fileName(report.origin));
      this.#part = { ...partOf(verified), file, unrecognized };
      this.requestUpdate();
    }
  }

  #context(part: Part): EvidenceContext {
    const { trust } = this;
    const text = trustText(trust);
    const pins = part.session?.pins ?? [];
    return {
      part,
      trust: text === undefined ? undefined : { name: trustName(trust) ?? "trust.txt", text },
      pins: pins.map((text) => ({ name: "remembered.pin.txt", text })),
      viewer: () => this.#search,
      selection: this.#selection,
      now: () => this.#selection,
      tools: (): Tools | undefined => Viewer.tools,
      maker: { name: TOOL, auditorsPage: () => this.page.load() },
      papers: [],
    };
  }

  get #selection(): Selection {
    return (
      this.#search?.selection ?? {
        session: undefined,
        turn: 0,
        query: "",
        boxQuery: "",
        state: "counting",
        wait: "counting",
      }
    );
  }

  /** Shows the events of the answer in the search. */
  #showEvents(event: Event): void {
    event.stopPropagation();
    const { query } = this.#selection;
    emit(this, "show-events", { query });
  }

  async #choosePage([file]: readonly File[], complaint: string): Promise<void> {
    if (file === undefined) return;
    this.#complaint = (await this.page.choose(file)) ? "" : complaint;
    this.requestUpdate();
  }

  /** Returns the page's texts, in which the console says "here" instead of "this file". */
  #pageTexts(t: ConsoleTexts): PageTexts {
    const [of, words] = this.#words ?? [];
    if (of === t && words !== undefined) return words;
    const { page } = t;
    const { ask } = page.evidence;
    const { doubts, ...others } = t.ask.words;
    const console = { ...ask, ...others, doubts: { ...ask.doubts, ...doubts } };
    const texts = { ...page, evidence: { ...page.evidence, ask: console } };
    this.#words = [t, texts];
    return texts;
  }
}

/** True if more of the log can be loaded. */
function isPart({ scope: { conditions } }: Verified, report: Report): boolean {
  return conditions !== undefined && counted(conditions) > 0 && !isWholeLog(report);
}

function fileName(origin: string | null): string {
  return `${(origin ?? "").replace(/[^\p{L}\p{N}.-]+/gu, "-") || "log"}.ndjson`;
}

define("countersign-ask", Ask);
define("countersign-evidence", EvidencePanel);
define("cs-ask", AskSection);
