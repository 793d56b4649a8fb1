import { plainError } from "@countersign/shared/error.js";
import type { Finding as RuleFinding } from "@countersign/ui/analyze/types.js";
import type { EventRow } from "@countersign/ui/index/types.js";
import { percentOf } from "@countersign/ui/viewer/parts/format.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { containsEntry } from "@countersign/ui/viewer/parts/ranges.js";
import { reasonOf, type Selection } from "@countersign/ui/viewer/search/selection.js";
import { Viewer } from "@countersign/ui/viewer/viewer.js";
import type { Finding, FindingCode, Judged, Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { createRef, ref } from "lit/directives/ref.js";
import { ABOUT } from "./about.ts";
import { caseTools } from "./case-tools.ts";
import type { DelayFacts } from "./evidence/answer-facts.ts";
import { delaysView } from "./evidence/answer-notes.ts";
import type { ShownCase } from "./evidence/case-view.ts";
import { type Filed, openEvidence } from "./evidence/filed.ts";
import { filedView, insideView } from "./evidence/filed-view.ts";
import { type FootedPaper, fileLines, footPages, linesOf } from "./evidence/foot.ts";
import { AUDITORS_PAGE } from "./evidence/make.ts";
import { evidenceInPage, ownPage } from "./evidence/own.ts";
import { finishedCheck } from "./evidence/own-check.ts";
import type { EvidencePanel } from "./evidence/panel.ts";
import { PrintPreparation } from "./evidence/print-preparation.ts";
import { RecordingDelays } from "./evidence/recording-delays.ts";
import { Choice } from "./input/choice.ts";
import { chooseView, complaintView } from "./input/choose.ts";
import { confirmView } from "./input/confirm.ts";
import { inputsView } from "./input/inputs.ts";
import { PageInput } from "./input/page-input.ts";
import type { Paste } from "./input/paste.ts";
import type { ReportFile } from "./input/report-file.ts";
import { NO_TRUST, type SessionKey, type TextFile, trustText } from "./input/trust.ts";
import { welcomeView } from "./input/welcome.ts";
import { languageSwitch } from "./languages.ts";
import { privacyView } from "./privacy.ts";
import { aboutView } from "./result/about.ts";
import { announcement } from "./result/announced.ts";
import { answersView } from "./result/answers.ts";
import type { Changed } from "./result/changed.ts";
import { checksView } from "./result/checks.ts";
import { COMPARISON_PAPER, compareView, type Pair } from "./result/compare.ts";
import { coverageView, HATCHES } from "./result/coverage.ts";
import { eventsView } from "./result/events.ts";
import { findingsView, type RowOf } from "./result/findings.ts";
import type { KeptResult } from "./result/keep.ts";
import { isContradicted, partsView } from "./result/parts.ts";
import { paperName, printedView } from "./result/printed.ts";
import { earlyView, progressView } from "./result/progress.ts";
import { reportView } from "./result/report-compared.ts";
import { moreFindings, rulesView, severitiesOf } from "./result/rules.ts";
import { signersView } from "./result/signers.ts";
import { canceledView, failureView } from "./result/stopped.ts";
import { technicalView } from "./result/technical.ts";
import {
  factsView,
  foldedVerdictView,
  meaningView,
  trustView,
  type VerdictContext,
  verdictView,
} from "./result/verdict.ts";
import { ResultNavigation } from "./result-navigation.ts";
import { Case, type CasePhase, type Part, rememberedInVerdict } from "./state/case.ts";
import { Memory, rememberedPinName } from "./state/memory.ts";
import { panelView, TABS, type Tab, tabOf, tabsView, withTab } from "./tabs.ts";
import { LANGUAGES, type Language, type PageTexts, rememberLanguage, spoken } from "./texts/index.ts";
import { tools } from "./tools.ts";
import { View } from "./view.ts";

/** Matches queries that may contain a length of time before now, such as `since:-7d`. */
const RELATIVE_TIME = /-\d+[smhdw]/i;

/** Codes of errors in a pin. */
const PIN_ERRORS = ["checkpoint.invalid", "note.invalid", "proof.invalid"];

/** The auditor's page: the reader's input, the result of verifying it, and the view of that result. */
export class Page extends View {
  readonly #memory = Memory.ofBrowser();
  readonly #pageInput = new PageInput(this, {
    files: (files) => this.#choice.take(files, false),
    text: (text) => this.#choice.takeText(text),
  });
  readonly #choice = new Choice({
    texts: () => this.#texts,
    changed: () => void this.#verify(),
    ruled: () => this.#rule(),
    reported: () => this.#reported(),
    complained: () => this.requestUpdate(),
    ask: (key) => {
      this.#isAsking = true;
      void this.#turnInputs(true).then(() => this.#paste.value?.offer(key));
    },
    open: async (file) => {
      await this.#working();
      if (Viewer.tools === undefined) throw new Error("this page has no workers");
      return openEvidence(file, { tools: Viewer.tools, page: async () => ownPage(), now: () => new Date() });
    },
  });
  readonly #navigation = new ResultNavigation({
    element: this,
    work: () => this.#case,
    viewer: () => this.#viewer.value,
    input: () => this.#choice.input,
    drawn: () => this.#drawn(),
    open: (tab) => this.#open(tab),
    lost: () => this.#say(this.#texts.events.lost),
    waits: () => this.#say(this.#texts.events.notIndexed),
  });
  #case: Case | undefined;
  #ready: Promise<Case> | undefined;
  #wasPhase: CasePhase = "empty";
  /** Exports that were verified last, and the trust file. */
  #verified: unknown;
  #verifiedWith: TextFile | undefined;
  /** True if the reader was asked for the role of a key. */
  #isAsking = false;
  /** True if the focus was on the page when verification began. */
  #hadFocus = false;
  #comparesNext = false;
  #tab: Tab = tabOf(location.hash);
  /** True once a tab was opened since the verdict. Before, folding the verdict would move the events. */
  #hasOpened = false;
  /** True if the reader used the events before the verdict. They stay in view then. */
  #isReading = false;
  /** True if the whole form is shown beside a result. */
  #isChoosing = false;
  #keyToConfirm: string | undefined;
  /** The evidence file whose search was applied. */
  #searched: Filed | undefined;
  #announcement = "";
  /** True while the printed report is in the document, which is only during printing. */
  #prints = false;
  readonly #paper = window.matchMedia("print");
  #language: Language = spoken();
  readonly #viewer = createRef<Viewer>();
  readonly #changedEvents = createRef<Changed>();
  readonly #paste = createRef<Paste>();
  readonly #evidence = createRef<EvidencePanel>();
  /** Evidence after this page, verified at once. */
  readonly #inside = evidenceInPage();
  readonly #delays = new RecordingDelays();
  readonly #printPreparation = new PrintPreparation(ABOUT.version);

  override connectedCallback(): void {
    super.connectedCallback();
    this.#speak(this.#language);
    if (this.#inside) this.#choice.take([this.#inside], false);
    window.addEventListener("keydown", this.#key);
    window.addEventListener("hashchange", this.#readAddress);
    window.addEventListener("beforeprint", this.#printing);
    window.addEventListener("afterprint", this.#printing);
    this.#paper.addEventListener("change", this.#printing);
    for (const name of ["selection-changed", "sample-changed"]) this.addEventListener(name, this.#gather);
    this.addEventListener("evidence-message", () => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("keydown", this.#key);
    window.removeEventListener("hashchange", this.#readAddress);
    window.removeEventListener("beforeprint", this.#printing);
    window.removeEventListener("afterprint", this.#printing);
    this.#paper.removeEventListener("change", this.#printing);
    this.#case?.close();
  }

  protected override render(): TemplateResult {
    const t = this.#texts;
    const [choice, navigation] = [this.#choice, this.#navigation];
    const isWorking = choice.exports.length > 0;
    const isFolded = isWorking && !this.#isChoosing;
    const filed = filedView(choice.shelf, this.#isInside, this.#shownCase, t);
    const isCase = choice.shelf.is === "open";
    return html`
      ${HATCHES}
      <div
        class="page ${isWorking ? "working" : ""}"
        @choose-files=${(event: CustomEvent<readonly File[]>) => choice.take(event.detail, false)}
        @add-files=${(event: CustomEvent<readonly File[]>) => choice.take(event.detail, true)}
        @remove-file=${(event: CustomEvent<File>) => this.#removing("#export-heading", () => choice.removeExport(event.detail))}
        @choose-trust=${(event: CustomEvent<readonly File[]>) => choice.takeTrust(event.detail)}
        @choose-pins=${(event: CustomEvent<readonly File[]>) => choice.takePins(event.detail)}
        @choose-rules=${(event: CustomEvent<readonly File[]>) => choice.takeRules(event.detail)}
        @remove-rules=${() => this.#removing("#cs-found-heading", () => choice.removeRules())}
        @remove-report=${() => this.#removing(isWorking ? "#panel-summary" : "#export-heading", () => choice.removeReport())}
        @choose-sample=${() => choice.takeSample()}
        @choose-altered=${() => choice.takeSample(true)}
        @turn-inputs=${() => void this.#turnInputs(!this.#isChoosing)}
        @open-tab=${(event: CustomEvent<Tab>) => this.#open(event.detail)}
        @show-changed=${(event: CustomEvent<number | undefined>) => void this.#showChanged(event.detail)}
        @pasted=${(event: CustomEvent<string>) => choice.takeText(event.detail)}
        @remove-trust=${() => this.#removing("#trust-heading", () => choice.removeTrust())}
        @remove-key=${(event: CustomEvent<SessionKey>) => this.#removing("#trust-heading", () => choice.removeKey(event.detail))}
        @remove-pin=${(event: CustomEvent<TextFile>) => this.#removing("#trust-heading", () => choice.removePin(event.detail))}
        @add-key=${(event: CustomEvent<SessionKey>) => choice.addKey(event.detail)}
        @turn-memory=${(event: CustomEvent<boolean>) => this.#remembering(() => this.#memory.turn(event.detail))}
        @forget=${(event: CustomEvent<string>) => this.#remembering(() => this.#memory.forget(event.detail))}
        @forget-all=${() => this.#remembering(() => this.#memory.forgetAll())}
        @leave-memory-out=${() => choice.leaveMemoryOut()}
        @trust-signer=${(event: CustomEvent<string>) => this.#ask(event.detail)}
        @confirm=${() => this.#confirm()}
        @dismiss=${() => this.#ask(undefined)}
        @cancel=${() => this.#case?.cancel()}
        @verify-again=${() => void this.#verify()}
        @show-part=${(event: CustomEvent<number>) => navigation.show(event.detail)}
        @show-line=${(event: CustomEvent<number>) => void navigation.goTo(event.detail)}
        @show-event=${(event: CustomEvent<EventRow>) => void navigation.goTo(event.detail.line)}
        @show-log-entry=${(event: CustomEvent<{ part: number; index: number }>) => void navigation.goToEntry(event.detail.part, event.detail.index)}
        @show-finding=${({ detail }: CustomEvent<{ finding: RuleFinding }>) => void navigation.goToEntry(navigation.shown, detail.finding.entries.at(-1) ?? 0)}
        @show-search=${(event: CustomEvent<string>) => void this.#showSearch(event.detail)}
        @show-code=${(event: CustomEvent<FindingCode>) => void navigation.openProblems(event.detail)}
        @compare=${(event: CustomEvent<Pair | null>) => void navigation.compare(event.detail ?? undefined)}
        @compare-close=${() => navigation.closeComparison()}
        @compare-files=${(event: CustomEvent<readonly File[]>) => this.#takeToCompare(event.detail)}
        @speak=${(event: CustomEvent<Language>) => this.#choose(event.detail)}
        @selection-changed=${() => this.#selected()}
        @save-report=${() => void this.#evidence.value?.saveReport()}
        @print=${() => void this.#print()}
      >
        <header class="top">
          <div class="brand-line">
            <p class="brand">countersign</p>
            <h1>${isCase ? t.evidence.filed.heading : t.heading}</h1>
            ${languageSwitch(this.#language)}
          </div>
          ${isWorking ? nothing : html`<p class="lead">${t.lead}</p>${privacyView(t)}`}
        </header>
        <main>
          ${isCase ? filed : nothing}
          ${
            isWorking
              ? inputsView(
                  {
                    chosen: choice.exports,
                    origin: this.#origin,
                    trust: choice.trust,
                    pins: choice.pins,
                    isOpen: !isFolded,
                    verdict: this.#foldedVerdict(t),
                  },
                  t,
                )
              : nothing
          }
          ${chooseView(
            {
              chosen: choice.exports,
              trust: choice.trust,
              pins: choice.pins,
              memory: this.#memory,
              isAuthors: isCase && !this.#hasOwnTrust,
              isFolded,
              paste: ref(this.#paste),
            },
            t,
          )}
          ${complaintView(choice.complaint)}
          ${isCase ? nothing : filed}
          ${isWorking ? nothing : this.#reportView(undefined, t)}
          ${isWorking ? nothing : welcomeView(t)}
          <div class="result" aria-busy=${this.#case?.isRunning ?? false}>${this.#result(t)}</div>
        </main>
        <footer class="bottom">
          <p>${t.truth}</p>
          ${isWorking ? privacyView(t) : nothing}
          ${aboutView(t)}
        </footer>
        <p class="sr" role="status" id="announcement">${this.#announcement}</p>
        ${this.#keyToConfirm === undefined ? nothing : confirmView(this.#keyToConfirm, t)}
        ${this.#pageInput.isOver ? html`<div class="drop-sign" aria-hidden="true"><p>${icon("file")}${t.drop}</p></div>` : nothing}
      </div>
      ${this.#prints && this.#case?.phase === "done" ? printedView({ parts: this.#case.parts, trust: choice.trust, pins: choice.pins, shown: this.#navigation.shown, evidence: this.#printPreparation.now(this.#evidence.value), contextOf: (part) => this.#verdictContext(part), delaysOf: (part, report) => this.#delaysOf(part, report), filed: this.#filed, pair: this.#navigation.pair }, t) : nothing}
    `;
  }

  protected override updated(): void {
    const dialog = this.querySelector<HTMLDialogElement>("dialog.confirm");
    if (dialog && !dialog.open) dialog.showModal();
  }

  get #texts(): PageTexts {
    return LANGUAGES[this.#language];
  }

  /** True if the verdict is in one line, so that the events have more room. */
  get #foldsVerdict(): boolean {
    return this.#tab === "events" && this.#hasOpened;
  }

  readonly #reading: EventListenerObject & AddEventListenerOptions = {
    handleEvent: () => {
      this.#isReading = true;
    },
    passive: true,
  };

  /** The verdict beside the file while events are shown; it is above the tabs otherwise. */
  #foldedVerdict(t: PageTexts): TemplateResult | typeof nothing {
    const part = this.#shownPart;
    const judged = part?.session?.verification;
    return this.#case?.phase === "done" && this.#foldsVerdict && part !== undefined && judged !== undefined
      ? foldedVerdictView(part, judged, this.#verdictContext(part), t)
      : nothing;
  }

  #result(t: PageTexts): TemplateResult | typeof nothing {
    const work = this.#case;
    switch (work?.phase) {
      case undefined:
      case "empty":
        return nothing;
      case "canceled":
        return this.#frame(canceledView(t), this.#summary(undefined, true, t), nothing, nothing);
      case "failed":
        return this.#frame(
          failureView(work.failure ?? plainError(new Error()), this.#faultyFile(work), t),
          this.#summary(undefined, true, t),
          nothing,
          nothing,
        );
      case "verifying":
      case "agreeing":
        return this.#frame(
          html`${progressView(work, t)}${earlyView(work, t)}`,
          this.#summary(undefined, false, t),
          this.#early(work, t),
          nothing,
        );
      case "done":
        return this.#done(work, t);
    }
  }

  /**
   * Returns the name of the file that caused the error. Errors don't say which of several pins caused them.
   */
  #faultyFile({ failure, parts, at }: Case): string | undefined {
    if (failure?.code === "trust.invalid") return this.#choice.trust.file?.name;
    const { pins } = this.#choice;
    const isPin = PIN_ERRORS.includes(failure?.code ?? "");
    if (isPin) return pins.length === 1 ? pins[0]?.name : undefined;
    return parts[at]?.file.name;
  }

  /** Renders a case. Its question and its events stay in place when the verdict replaces the progress. */
  #frame(head: unknown, summary: unknown, events: unknown, others: unknown): TemplateResult {
    return html`${head} ${summary} ${events} ${others}`;
  }

  /** Renders the first verified events of the part that is being verified. */
  #early({ parts, at, phase }: Case, t: PageTexts): TemplateResult | typeof nothing {
    const part = parts[at];
    // The index of an evidence file is searched for the reader's own answer until the verdict.
    return phase === "verifying" && part?.session !== undefined && part.from !== "evidence"
      ? this.#eventsPanel("events", eventsView(undefined, 0, this.#viewerView(part), t))
      : nothing;
  }

  #eventsPanel(tab: Tab, content: TemplateResult): TemplateResult {
    return html`<div class="reading" @focusin=${this.#reading} @pointerdown=${this.#reading} @wheel=${this.#reading}>${panelView("events", tab, content)}</div>`;
  }

  #done({ parts }: Case, t: PageTexts): TemplateResult | typeof nothing {
    const { shown, pair } = this.#navigation;
    const part = this.#shownPart;
    const judged = part?.session?.verification;
    if (!part || !judged) return nothing;
    const { report } = judged;
    const tab = this.#tab;
    // All events of the export, until it is known which of them are listed.
    const listed = part.coverage?.events ?? report.counts.events;
    const detection = part.session?.detection;
    // Like the number of events, regardless of the search.
    const rules = detection?.status?.findings;
    const counts = {
      events: listed,
      problems: problems(report),
      ...(rules !== undefined && { detections: rules }),
      signers: report.signers.length,
    };
    const more = moreFindings(detection, t);
    const about = {
      detections: [t.tabs.found(rules, detection?.ofSearch?.findings), more.detections?.why]
        .filter(Boolean)
        .join(", "),
    };
    const severities = severitiesOf(report, detection, t);
    const { indexedShare } = part.session ?? {};
    return this.#frame(
      html`
        ${part.from === "evidence" && this.#filed !== undefined ? insideView(this.#filed, t) : nothing}
        ${parts.length > 1 ? partsView(parts, shown, t) : nothing}
        ${pair && parts.length > 1 ? compareView(parts, pair, t) : nothing}
        ${this.#foldsVerdict ? nothing : verdictView(part, judged, this.#verdictContext(part), t)}
        <div class="tabs-row">
          ${tabsView(TABS, tab, counts, about, more, severities, t)}
          ${listed === 0 ? nothing : html`<button type="button" class="quiet to-save" @click=${() => void this.#toSave()}>${icon("save")}<span>${t.tabs.save}</span></button>`}
          ${indexedShare === undefined ? nothing : html`<p class="indexing faint">${icon("waiting")}${t.events.indexing(percentOf(indexedShare))}</p>`}
        </div>
      `,
      this.#summary(judged, listed === 0, t),
      this.#eventsPanel(tab, eventsView(judged, listed, this.#viewerView(part), t)),
      html`
        ${panelView(
          "problems",
          tab,
          html`
            <countersign-changed .texts=${t} .shown=${part} ${ref(this.#changedEvents)}></countersign-changed>
            ${findingsView(judged, (finding) => rowOf(part, finding), t)}
          `,
        )}
        ${panelView(
          "detections",
          tab,
          rulesView(part.session?.detection, this.#choice.rules, () => this.#evidence.value, t),
        )}
        ${panelView("signers", tab, signersView(part, report, this.#choice.trust, t))}
        ${panelView("coverage", tab, part.coverage === undefined ? html`<p class="empty">${t.events.notIndexed}</p>` : coverageView(part, report, t))}
        ${panelView("technical", tab, technicalView(part, report, t))}
      `,
    );
  }

  /** Renders the report that the reader chose, compared with a part. */
  #reportView(part: Part | undefined, t: PageTexts): TemplateResult | typeof nothing {
    const { report, trust } = this.#choice;
    return report === undefined
      ? nothing
      : reportView({ stated: report, part: this.#reportedPart(report) ?? part, trust: trustText(trust) }, t);
  }

  /** Returns the part that a report names by its hash. */
  #reportedPart({ origin }: ReportFile): Part | undefined {
    return this.#case?.parts.find(({ sha256 }) => sha256 !== undefined && sha256 === origin?.file.sha256);
  }

  /**
   * Renders the summary. What was typed into it stays while the events are checked again, and after that failed; it has no
   * result then.
   */
  #summary(judged: Judged | undefined, isHidden: boolean, t: PageTexts): TemplateResult | typeof nothing {
    const part = this.#shownPart;
    if (part === undefined) return nothing;
    const report = judged?.report;
    const context = this.#evidenceContext(part);
    const result =
      judged === undefined
        ? nothing
        : html`
          ${answersView(judged, part.session?.compared, !this.#isByAuthor(part), t)}
          ${this.#delaysView(part, judged.report, t)}
          ${trustView(part, t)}
          <div class="beside">
            ${meaningView(part, judged, this.#isByAuthor(part) ? { pins: this.#choice.pins, trust: NO_TRUST } : this.#choice, t)}
            <section class="file-facts" aria-label=${t.verdict.file}>${factsView(part, judged.report, t)}</section>
          </div>
          ${checksView(judged, t)}`;
    return panelView(
      "summary",
      this.#tab,
      html`
        ${judged === undefined ? nothing : this.#reportView(part, t)}
        <countersign-ask ?hidden=${isHidden} .texts=${t} .context=${context} .report=${report} .fileName=${this.#fileName(part)} .panel=${() => this.#evidence.value}></countersign-ask>
        ${result}
        <countersign-evidence ?hidden=${isHidden || report === undefined} .texts=${t} .context=${context} ${ref(this.#evidence)}></countersign-evidence>
        ${report === undefined ? nothing : html`<countersign-keep .texts=${t} .selection=${this.#selection(part)} .sampled=${this.#evidence.value?.typed.sample?.entries.length} .result=${this.#keptResult(part, report)}></countersign-keep>`}
      `,
    );
  }

  /** Renders how many events were recorded late, once that is known. */
  #delaysView(part: Part, report: Report, t: PageTexts): TemplateResult | typeof nothing {
    const delays = this.#delaysOf(part, report);
    return delays === undefined ? nothing : delaysView(delays, t);
  }

  /** Returns how late the events of a part were recorded. Those of an evidence file with an answer were read with it. */
  #delaysOf({ filedFacts }: Part, report: Report): DelayFacts | undefined {
    return filedFacts?.searched ?? this.#delays.of(report);
  }

  get #shownPart(): Part | undefined {
    const { parts = [] } = this.#case ?? {};
    return parts[this.#navigation.shown] ?? parts[0];
  }

  #viewerView({ session }: Part): TemplateResult {
    const { lang } = this.#texts;
    return html`${keyed(session, html`<countersign-viewer bare lang=${lang} .session=${session} ${ref(this.#viewer)}></countersign-viewer>`)}`;
  }

  /** True if the evidence shown is the one that this page contains. */
  get #isInside(): boolean {
    const { shelf } = this.#choice;
    return this.#inside !== undefined && shelf.is === "open" && shelf.filed.name === this.#inside.name;
  }

  /** True if evidence is verified by another trust file than its own. */
  get #hasOwnTrust(): boolean {
    const { shelf, trust } = this.#choice;
    return shelf.is === "open" && (trust.file !== shelf.filed.trust || trust.keys.length > 0);
  }

  #evidenceContext(part: Part): EvidencePanel["context"] {
    const { shelf, trust, pins } = this.#choice;
    const made = trustText(trust);
    const seen = rememberedInVerdict(part);
    return {
      part,
      trust: made === undefined ? undefined : { name: trust.file?.name ?? "trust.txt", text: made },
      pins: seen === undefined ? pins : [...pins, { name: rememberedPinName(seen), text: seen.pin }],
      viewer: () => this.#viewer.value,
      selection: this.#selection(part),
      now: () => this.#selection(part),
      tools: () => Viewer.tools,
      maker: AUDITORS_PAGE,
      papers: part.from === "evidence" && shelf.is === "open" ? shelf.filed.frame.papers : [],
    };
  }

  /**
   * Returns the selection that events, evidence, report, and print refer to; `counting` until the part's
   * viewer exists.
   */
  #selection({ session, coverage, when }: Part): Selection {
    const viewer = this.#viewer.value;
    const { counts } = session?.report ?? {};
    // A file without rows has no viewer.
    const listed = coverage?.events ?? counts?.events ?? 0;
    const isEmpty = listed + (counts?.withheld ?? 0) + (counts?.skipped ?? 0) === 0;
    const none = { session, turn: 0, query: "", boxQuery: "" };
    const at = (when ?? new Date()).getTime();
    if (isEmpty) return { ...none, state: "ready", events: 0, of: 0, at, isGrowing: false };
    return viewer?.session === session && viewer !== undefined
      ? viewer.selection
      : { ...none, state: "counting", wait: "counting" };
  }

  /** Loads the events first, because a browser doesn't wait when it prints. */
  async #print(): Promise<void> {
    const part = this.#case?.parts[this.#navigation.shown];
    if (part === undefined || reasonOf(this.#selection(part), this.#texts.viewer, true) !== undefined) return;
    await this.#gather();
    window.print();
  }

  #selected(): void {
    this.#searchFiled();
    void this.#readDelays();
    this.requestUpdate();
  }

  /** Searches once for what an evidence file selects of the export in it, when the viewer is ready. */
  #searchFiled(): void {
    const filed = this.#filed;
    const part = this.#case?.parts[this.#navigation.shown];
    if (filed === undefined || filed === this.#searched || part?.from !== "evidence") return;
    if (this.#case?.phase !== "done") return;
    const { query, slice } = filed.frame;
    if (this.#selection(part).state !== "ready") return;
    this.#searched = filed;
    // The search counts lengths of time from now, and the file from when it was made.
    if (query !== null && slice === null && !RELATIVE_TIME.test(query))
      void this.#viewer.value?.search(query);
  }

  /** The parts that aren't shown, which are printed, too. */
  get #otherContexts(): readonly EvidencePanel["context"][] {
    const { parts = [] } = this.#case ?? {};
    return parts
      .filter((_, place) => place !== this.#navigation.shown)
      .map((part) => this.#evidenceContext(part));
  }

  /** Reads how late all events were recorded. Those of an evidence file with an answer are read with the answer. */
  async #readDelays(): Promise<void> {
    const part = this.#shownPart;
    const isAnswer = part?.from === "evidence" && this.#filed?.frame.query !== null;
    if (part?.session === undefined || isAnswer) return;
    // Without them, only answers say it.
    const isNew = await this.#delays.read(part.session, () => this.#selection(part)).catch(() => false);
    if (isNew) this.requestUpdate();
  }

  readonly #gather = (): Promise<void> =>
    // If this fails, the printed page says that events are missing.
    this.#printPreparation.gather(this.#evidence.value, this.#otherContexts).then(
      () => this.requestUpdate(),
      () => {},
    );

  /** Facts about the open evidence file. */
  get #shownCase(): ShownCase {
    const filed = this.#filed;
    const { phase, parts = [] } = this.#case ?? {};
    const part = parts[this.#navigation.shown];
    const judged = part?.session?.verification;
    const isOwnTrust = this.#hasOwnTrust;
    if (filed === undefined || phase !== "done" || part?.from !== "evidence" || judged === undefined) {
      const hasEnded = phase === "canceled" || phase === "failed";
      return {
        choosesTrust: true,
        opensEvents: true,
        check: { is: hasEnded ? "stopped" : "running" },
        isOwnTrust,
      };
    }
    return { choosesTrust: true, opensEvents: true, check: finishedCheck(part, judged), isOwnTrust };
  }

  /** True if the verdict is by the trust file in an evidence file, which its author chose. */
  #isByAuthor({ from }: Part): boolean {
    return from === "evidence" && !this.#hasOwnTrust;
  }

  /** Facts besides a part's report that decide how its verdict is shown. */
  #verdictContext(part: Part): VerdictContext {
    const filed = part.from === "evidence" ? this.#filed : undefined;
    return {
      fileName: this.#fileName(part),
      isContradicted: isContradicted(this.#case?.parts ?? [], part),
      isByAuthor: this.#isByAuthor(part),
      source: filed === undefined || filed.frame.slice === null ? undefined : filed.frame.report,
    };
  }

  /** Name of a part's file, if there are several parts. */
  #fileName({ file }: Part): string | undefined {
    return (this.#case?.parts.length ?? 0) > 1 ? file.name : undefined;
  }

  /** The evidence file that is open. */
  get #filed(): Filed | undefined {
    const { shelf } = this.#choice;
    return shelf.is === "open" ? shelf.filed : undefined;
  }

  #keptResult(part: Part, report: Report): KeptResult {
    const seen = rememberedInVerdict(part);
    return {
      report,
      pin: part.session?.pin ?? null,
      file: part.file.name,
      unsaved: part.from === "reader" ? undefined : part.file,
      isJoined: part.of.length > 0,
      trust: this.#trustName(part),
      pins: this.#choice.pins,
      seen: seen === undefined ? undefined : { name: rememberedPinName(seen), text: seen.pin },
    };
  }

  #trustName({ from }: Part): KeptResult["trust"] {
    const { trust } = this.#choice;
    const made = trustText(trust);
    if (made === undefined) return undefined;
    const { file, keys } = trust;
    const isFile = keys.length === 0 && from !== "sample" && file?.source === undefined;
    return { name: file?.name ?? "trust.txt", made: isFile ? undefined : made };
  }

  /** Origin of the log, if there is one file and its log is known. */
  get #origin(): string | undefined {
    const { parts = [], phase } = this.#case ?? {};
    const [one] = parts;
    return phase === "done" && parts.length === 1 ? (one?.session?.report?.origin ?? undefined) : undefined;
  }

  // Navigation

  #open(tab: Tab): Promise<unknown> {
    this.#hasOpened = true;
    if (tab !== this.#tab) {
      this.#tab = tab;
      const hash = withTab(location.hash, tab);
      if (hash !== location.hash) history.replaceState(history.state, "", hash);
    }
    return this.#drawn().then(() => {
      // If the tabs don't fit, the current one is scrolled into view.
      this.querySelector("[role=tab][aria-selected=true]")?.scrollIntoView({
        block: "nearest",
        inline: "nearest",
      });
    });
  }

  readonly #readAddress = (): void => {
    this.#tab = tabOf(location.hash);
    this.#hasOpened = true;
    this.requestUpdate();
  };

  /** Shows the events that a query selects. */
  async #showSearch(query: string): Promise<void> {
    await this.#open("events");
    await this.#viewer.value?.search(query);
    this.#viewer.value?.scrollIntoView({ block: "nearest" });
  }

  /** Shows the changed event on a line, or else the first one. */
  async #showChanged(line: number | undefined): Promise<void> {
    await this.#open("problems");
    this.#changedEvents.value?.begin(line);
  }

  /** Shows where the detections of their tab, the answer, or else the selected events can be saved. */
  async #toSave(): Promise<void> {
    const detections = '#panel-detections:not([hidden]) button[name="detections"]';
    if (this.querySelector(detections) === null) await this.#open("summary");
    const place =
      this.querySelector<HTMLElement>(detections) ??
      this.querySelector<HTMLElement>('.ask-answer button[name="evidence"]') ??
      this.querySelector<HTMLElement>("#evidence-heading");
    const isHeading = place?.matches("h2") === true;
    place?.scrollIntoView({ block: isHeading ? "start" : "center" });
    place?.focus({ preventScroll: true });
  }

  #turnInputs(isOpen: boolean): Promise<unknown> {
    this.#isChoosing = isOpen;
    return this.#drawn();
  }

  /** Focuses the search from any tab. */
  readonly #key = (event: KeyboardEvent): void => {
    const [target] = event.composedPath();
    const isHandled =
      event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.isComposing;
    const isField = target instanceof Element && target.matches("input, select, textarea, dialog, dialog *");
    if (event.key !== "/" || isHandled || isField || this.#viewer.value === undefined) return;
    event.preventDefault();
    void this.#open("events").then(() => this.#viewer.value?.focusSearch());
  };

  #takeToCompare(files: readonly File[]): void {
    this.#comparesNext = true;
    this.#choice.take(files, true);
  }

  #remembering(change: () => void): void {
    this.#removing(".memory > summary", () => {
      change();
      this.requestUpdate();
    });
  }

  /** Removes an input. If its button disappears, the focus stays nearby. */
  #removing(nearby: string, remove: () => void): void {
    remove();
    void this.updateComplete.then(() => {
      if (this.#isFocusLost) this.querySelector<HTMLElement>(nearby)?.focus();
    });
  }

  #ask(vkey: string | undefined): void {
    // The element focused before the dialog gets the focus back only if the dialog is closed, not if it is
    // removed.
    this.querySelector<HTMLDialogElement>("dialog.confirm")?.close();
    this.#keyToConfirm = vkey;
    this.requestUpdate();
  }

  /** Applies the chosen rules to everything that was verified. */
  #rule(): void {
    for (const { session } of this.#case?.parts ?? []) session?.detect(this.#rules);
    this.requestUpdate();
  }

  /** A function that loads the chosen rules. */
  get #rules(): (() => Promise<string>) | undefined {
    const { rules } = this.#choice;
    return rules === undefined ? Viewer.tools?.rules : async () => rules.text;
  }

  /** Shows the report, in the view that has the result. */
  #reported(): void {
    const isDone = this.#case?.phase === "done" && this.#choice.exports.length > 0;
    void (isDone ? this.#open("summary") : this.#drawn()).then(() => {
      const heading = this.querySelector<HTMLElement>("#report-heading");
      heading?.focus({ preventScroll: true });
      heading?.scrollIntoView({ block: "nearest" });
    });
  }

  #confirm(): void {
    const vkey = this.#keyToConfirm;
    if (vkey === undefined) return;
    this.#ask(undefined);
    this.#choice.addKey({ kind: "emitter", vkey });
  }

  // Verification

  async #verify(): Promise<void> {
    this.#navigation.begin();
    this.#hasOpened = false;
    this.#isReading = false;
    this.#searched = undefined;
    this.#hadFocus = !this.#isFocusLost;
    this.requestUpdate();
    const { exports } = this.#choice;
    // Another file means that the reader wants to see the result, unless a question is open.
    const { file } = this.#choice.trust;
    const isAnother = exports !== this.#verified || (file !== undefined && file !== this.#verifiedWith);
    if (isAnother && !this.#isAsking) this.#isChoosing = false;
    this.#verified = exports;
    this.#verifiedWith = file;
    this.#isAsking = false;
    if (exports.length === 0) {
      this.#case?.close();
      return;
    }
    try {
      const work = await this.#working();
      if (exports !== this.#choice.exports) return;
      await work.verify(exports, this.#choice.input, this.#choice.usesMemory);
    } catch (error) {
      this.#say(plainError(error).message);
      throw error;
    }
  }

  #working(): Promise<Case> {
    this.#ready ??= this.#prepared();
    return this.#ready;
  }

  async #prepared(): Promise<Case> {
    const workers = await tools();
    Viewer.tools = workers;
    const work = new Case(caseTools(workers, this.#memory, () => this.#rules));
    work.addEventListener("change", () => this.#changed(work));
    this.#case = work;
    return work;
  }

  #changed(work: Case): void {
    const entered = work.phase !== this.#wasPhase;
    this.#wasPhase = work.phase;
    if (entered || work.isRunning)
      this.#announcement =
        announcement(work, (part) => this.#verdictContext(part), this.#texts) || this.#announcement;
    if (entered && !work.isRunning) this.#ended(work);
    this.requestUpdate();
  }

  #ended({ phase, parts }: Case): void {
    if (phase === "empty") return;
    // Without a verdict, the reader needs to choose something else.
    if (phase === "failed") this.#isChoosing = true;
    if (phase === "done" && this.#comparesNext && parts.length > 1)
      void this.#navigation.compare({ one: 0, other: parts.length - 1, agreement: undefined });
    this.#comparesNext = false;
    if (phase === "done" && this.#isReading) this.#tab = "events";
    // The focused element may have disappeared with the previous content.
    const hadFocus = this.#hadFocus || !this.#isFocusLost;
    if (phase === "done") {
      void this.#drawn().then(() => {
        this.#searchFiled();
        void this.#readDelays();
        return this.#gather();
      });
    }
    void this.#drawn().then(() => {
      if (hadFocus && this.#isFocusLost)
        this.querySelector<HTMLElement>("#filed-heading, .result h2")?.focus();
    });
  }

  get #isFocusLost(): boolean {
    return document.activeElement === null || document.activeElement === document.body;
  }

  // Language, announcements, and printing

  #drawn(): Promise<unknown> {
    this.requestUpdate();
    return this.updateComplete;
  }

  #say(text: string): void {
    this.#announcement = text;
    this.requestUpdate();
  }

  #choose(language: Language): void {
    rememberLanguage(language);
    this.#speak(language);
  }

  #speak(language: Language): void {
    this.#language = language;
    this.#announcement = "";
    document.documentElement.lang = language;
    document.title = this.#texts.title;
    this.requestUpdate();
  }

  /** Returns the footers of what is printed besides the report on the part shown. */
  #otherPapers(): readonly FootedPaper[] {
    const { parts = [] } = this.#case ?? {};
    const { shown, pair } = this.#navigation;
    const t = this.#texts.evidence;
    const footOf = (part: Part) => this.#printPreparation.footOf(this.#evidenceContext(part));
    const compared =
      pair === undefined ? [] : [parts[pair.one], parts[pair.other]].filter((part) => part !== undefined);
    return [
      ...parts.flatMap((part, place) =>
        place === shown ? [] : [{ name: paperName(place), lines: fileLines([footOf(part)], part.when, t) }],
      ),
      ...(compared.length < 2
        ? []
        : [{ name: COMPARISON_PAPER, lines: fileLines(compared.map(footOf), compared[0]?.when, t) }]),
    ];
  }

  /** Synchronous, because the browser doesn't wait when it prints. */
  readonly #printing = (event: Event): void => {
    const part = this.#case?.parts[this.#navigation.shown];
    const evidence = this.#printPreparation.now(this.#evidence.value);
    const filed = part?.from === "evidence" ? this.#filed : undefined;
    const t = this.#texts.evidence;
    footPages(evidence && linesOf(evidence, filed, part?.when, t), this.#otherPapers(), t);
    this.#prints = event.type === "beforeprint" || (event.type === "change" && this.#paper.matches);
    this.requestUpdate();
    this.performUpdate();
  };
}

/** Returns the number of errors and warnings. */
function problems({ findings, finding_counts }: Report): number {
  const codes = new Map(findings.map(({ code, severity }) => [code, severity]));
  const counted = [...codes].filter(([, severity]) => severity !== "info");
  return counted.reduce((sum, [code]) => sum + (finding_counts[code] ?? 0), 0);
}

/** Returns the kind of row that the viewer has for a problem's entry. */
function rowOf({ coverage }: Part, { index }: Finding): ReturnType<RowOf> {
  if (index === undefined || coverage === undefined || !containsEntry(coverage.listed, index))
    return undefined;
  return containsEntry(coverage.withheld, index) ? "withheld" : "event";
}
