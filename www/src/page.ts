import { plainError } from "@countersign/shared/error.js";
import type { Finding as Found } from "@countersign/ui/analyze/types.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { containsEntry } from "@countersign/ui/viewer/parts/ranges.js";
import { reasonOf, type Selection } from "@countersign/ui/viewer/search/selection.js";
import { Viewer } from "@countersign/ui/viewer/viewer.js";
import type { Finding, FindingCode, Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { createRef, ref } from "lit/directives/ref.js";
import { ABOUT } from "./about.ts";
import { benchOf } from "./bench.ts";
import { type Filed, openEvidence } from "./evidence/filed.ts";
import { filedView } from "./evidence/filed-view.ts";
import { footPages } from "./evidence/foot.ts";
import { evidenceInPage } from "./evidence/own.ts";
import type { EvidencePanel } from "./evidence/panel.ts";
import { ToPrint } from "./evidence/to-print.ts";
import { Anywhere } from "./input/anywhere.ts";
import { Choice } from "./input/choice.ts";
import { chooseView, complaintView } from "./input/choose.ts";
import { confirmView } from "./input/confirm.ts";
import { inputsView } from "./input/inputs.ts";
import type { Paste } from "./input/paste.ts";
import { type SessionKey, type TextFile, trustText } from "./input/trust.ts";
import { welcomeView } from "./input/welcome.ts";
import { languageSwitch } from "./languages.ts";
import { Looking } from "./looking.ts";
import { privacyView } from "./privacy.ts";
import { aboutView } from "./result/about.ts";
import { announcement } from "./result/announced.ts";
import { answersView } from "./result/answers.ts";
import type { Changed } from "./result/changed.ts";
import { checksView } from "./result/checks.ts";
import { compareView, type Pair } from "./result/compare.ts";
import { coverageView, HATCHES } from "./result/coverage.ts";
import { eventsView } from "./result/events.ts";
import { findingsView, type RowOf } from "./result/findings.ts";
import type { Kept } from "./result/keep.ts";
import { isContradicted, partsView } from "./result/parts.ts";
import { printedView } from "./result/printed.ts";
import { progressView } from "./result/progress.ts";
import { moreFindings, rulesView } from "./result/rules.ts";
import { signersView } from "./result/signers.ts";
import { cancelledView, failureView } from "./result/stopped.ts";
import { technicalView } from "./result/technical.ts";
import { factsView, meaningView, trustView, verdictView } from "./result/verdict.ts";
import { Case, type CasePhase, type Part } from "./state/case.ts";
import { Memory } from "./state/memory.ts";
import { panelView, TABS, type Tab, tabOf, tabsView, withTab } from "./tabs.ts";
import { LANGUAGES, type Language, type PageTexts, rememberLanguage, spoken } from "./texts/index.ts";
import { tools } from "./tools.ts";
import { View } from "./view.ts";

/** The page: what the reader brings, what verifying it gave, and what of that is looked at. */
export class Page extends View {
  readonly #memory = Memory.ofBrowser();
  readonly #anywhere = new Anywhere(this, {
    files: (files) => this.#choice.take(files, false),
    text: (text) => this.#choice.takeText(text),
  });
  readonly #choice = new Choice({
    texts: () => this.#texts,
    changed: () => void this.#verify(),
    ruled: () => this.#rule(),
    complained: () => this.requestUpdate(),
    ask: (key) => {
      this.#isAsking = true;
      void this.#turnInputs(true).then(() => this.#paste.value?.offer(key));
    },
    open: async (file) => {
      await this.#working();
      if (Viewer.tools === undefined) throw new Error("this page has no workers");
      return openEvidence(file, Viewer.tools, () => new Date());
    },
  });
  readonly #looking = new Looking({
    element: this,
    work: () => this.#case,
    viewer: () => this.#viewer.value,
    brought: () => this.#choice.brought,
    drawn: () => this.#drawn(),
    open: (tab) => this.#open(tab),
    lost: () => this.#say(this.#texts.events.lost),
  });
  #case: Case | undefined;
  #ready: Promise<Case> | undefined;
  #wasPhase: CasePhase = "empty";
  /** What was verified last. */
  #verified: unknown;
  /** Whether the reader was asked what a key is trusted for. */
  #isAsking = false;
  /** Whether the reader's focus was on the page when verifying began. */
  #hadFocus = false;
  #comparesNext = false;
  #tab: Tab = tabOf(location.hash);
  /** Whether all that can be chosen is in view while there is a result. */
  #isChoosing = false;
  #asked: string | undefined;
  #said = "";
  /** Whether the report on paper is in the document: only while it is printed. */
  #prints = false;
  readonly #paper = window.matchMedia("print");
  #language: Language = spoken();
  readonly #viewer = createRef<Viewer>();
  readonly #changedEvents = createRef<Changed>();
  readonly #paste = createRef<Paste>();
  readonly #evidence = createRef<EvidencePanel>();
  /** The evidence that stands after this page, which it verifies at once. */
  readonly #inside = evidenceInPage();
  readonly #toPrint = new ToPrint(ABOUT.version);

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
    const [choice, looking] = [this.#choice, this.#looking];
    const isWorking = choice.exports.length > 0;
    const isFolded = isWorking && !this.#isChoosing;
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
        @choose-sample=${() => choice.takeSample()}
        @choose-altered=${() => choice.takeSample(true)}
        @turn-inputs=${() => void this.#turnInputs(!this.#isChoosing)}
        @open-tab=${(event: CustomEvent<Tab>) => this.#open(event.detail)}
        @show-changed=${() => void this.#showChanged()}
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
        @show-part=${(event: CustomEvent<number>) => looking.show(event.detail)}
        @show-line=${(event: CustomEvent<number>) => void looking.goTo(event.detail)}
        @show-leaf=${(event: CustomEvent<{ part: number; index: number }>) => void looking.goToLeaf(event.detail.part, event.detail.index)}
        @show-finding=${({ detail }: CustomEvent<{ finding: Found }>) => void looking.goToLeaf(looking.shown, detail.finding.leaves.at(-1) ?? 0)}
        @show-code=${(event: CustomEvent<FindingCode>) => void looking.openFindings(event.detail)}
        @compare=${(event: CustomEvent<Pair | null>) => void looking.compare(event.detail ?? undefined)}
        @compare-close=${() => looking.closeComparison()}
        @compare-files=${(event: CustomEvent<readonly File[]>) => this.#takeToCompare(event.detail)}
        @speak=${(event: CustomEvent<Language>) => this.#choose(event.detail)}
        @selection-changed=${() => this.requestUpdate()}
        @save-report=${() => void this.#evidence.value?.saveReport()}
        @print=${() => void this.#print()}
      >
        <header class="top">
          <div class="brand-line">
            <p class="brand">countersign</p>
            <h1>${t.heading}</h1>
            ${languageSwitch(this.#language)}
          </div>
          ${isWorking ? nothing : html`<p class="lead">${t.lead}</p>${privacyView(t)}`}
        </header>
        <main>
          ${
            isWorking
              ? inputsView(
                  {
                    chosen: choice.exports,
                    origin: this.#origin,
                    trust: choice.trust,
                    pins: choice.pins,
                    isOpen: !isFolded,
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
              isFolded,
              paste: ref(this.#paste),
            },
            t,
          )}
          ${complaintView(choice.complaint)}
          ${filedView(choice.shelf, this.#isInside, this.#hasOwnTrust, t)}
          ${isWorking ? nothing : welcomeView(t)}
          <div class="result" aria-busy=${this.#case?.isRunning ?? false}>${this.#result(t)}</div>
        </main>
        <footer class="bottom">
          <p>${t.truth}</p>
          ${isWorking ? privacyView(t) : nothing}
          ${aboutView(t)}
        </footer>
        <p class="sr" role="status" id="announcement">${this.#said}</p>
        ${this.#asked === undefined ? nothing : confirmView(this.#asked, t)}
        ${this.#anywhere.isOver ? html`<div class="drop-sign" aria-hidden="true"><p>${icon("file")}${t.drop}</p></div>` : nothing}
      </div>
      ${this.#prints && this.#case?.phase === "done" ? printedView({ parts: this.#case.parts, trust: choice.trust, pins: choice.pins, shown: this.#looking.shown, evidence: this.#toPrint.now(this.#evidence.value), isOwnTrust: this.#hasOwnTrust, filed: this.#filed }, t) : nothing}
    `;
  }

  protected override updated(): void {
    const dialog = this.querySelector<HTMLDialogElement>("dialog.confirm");
    if (dialog && !dialog.open) dialog.showModal();
  }

  get #texts(): PageTexts {
    return LANGUAGES[this.#language];
  }

  #result(t: PageTexts): TemplateResult | typeof nothing {
    const work = this.#case;
    switch (work?.phase) {
      case undefined:
      case "empty":
        return nothing;
      case "verifying":
      case "agreeing":
        return progressView(work, t);
      case "cancelled":
        return cancelledView(t);
      case "failed":
        return failureView(work.failure ?? plainError(new Error()), this.#atFault(work), t);
      case "done":
        return this.#done(work, t);
    }
  }

  /** The name of the file that there is no verdict by; which of several pins it is, no error tells. */
  #atFault({ failure, parts, at }: Case): string | undefined {
    if (failure?.code === "trust.invalid") return this.#choice.trust.file?.name;
    const { pins } = this.#choice;
    const isPin = failure?.code === "checkpoint.invalid" || failure?.code === "note.invalid";
    if (isPin) return pins.length === 1 ? pins[0]?.name : undefined;
    return parts[at]?.file.name;
  }

  #done({ parts }: Case, t: PageTexts): TemplateResult | typeof nothing {
    const { shown, pair } = this.#looking;
    const part = parts[shown] ?? parts[0];
    const judged = part?.session?.verification;
    if (!part || !judged) return nothing;
    const { report } = judged;
    const tab = this.#tab;
    const listed = part.coverage?.events ?? 0;
    const detection = part.session?.detection;
    const ofSearch = detection?.ofSearch;
    const [verifying, all] = [problems(report), detection?.status?.findings];
    const rules = ofSearch?.findings ?? all;
    const counts = { events: listed, findings: verifying + (rules ?? 0), signers: report.signers.length };
    const more = moreFindings(detection, t);
    const about = {
      findings: [t.tabs.found(verifying, rules, ofSearch && all), more.findings?.why]
        .filter(Boolean)
        .join(", "),
    };
    return html`
      ${parts.length > 1 ? partsView(parts, shown, t) : nothing}
      ${pair && parts.length > 1 ? compareView(parts, pair, t) : nothing}
      ${verdictView(part, judged, isContradicted(parts, part), t)}
      ${tabsView(TABS, tab, counts, about, more, t)}
      ${panelView(
        "summary",
        tab,
        html`
          ${answersView(judged, part.session?.compared, part.from !== "evidence" || this.#hasOwnTrust, t)}
          ${trustView(part, t)}
          <div class="beside">
            ${meaningView(part, judged, t)}
            <section class="file-facts" aria-label=${t.verdict.file}>${factsView(part, report, t)}</section>
          </div>
          ${checksView(judged, t)}
          <countersign-evidence ?hidden=${listed === 0} .texts=${t} .bench=${this.#evidenceBench(part)} ${ref(this.#evidence)}></countersign-evidence>
          <countersign-keep .texts=${t} .selection=${this.#selection(part)} .kept=${this.#kept(part, report)}></countersign-keep>
        `,
      )}
      ${panelView("events", tab, eventsView(judged, listed, this.#viewerView(part), t))}
      ${panelView(
        "findings",
        tab,
        html`
          <countersign-changed .texts=${t} .shown=${part} ${ref(this.#changedEvents)}></countersign-changed>
          ${findingsView(judged, (finding) => rowOf(part, finding), t)}
          ${rulesView(part.session?.detection, this.#choice.rules, t)}
        `,
      )}
      ${panelView("signers", tab, signersView(part, report, this.#choice.trust, t))}
      ${panelView("coverage", tab, coverageView(part, report, t))}
      ${panelView("technical", tab, technicalView(part, report, t))}
    `;
  }

  #viewerView({ session }: Part): TemplateResult {
    const { lang } = this.#texts;
    return html`${keyed(session, html`<countersign-viewer bare lang=${lang} .session=${session} ${ref(this.#viewer)}></countersign-viewer>`)}`;
  }

  /** Whether what is looked at is the evidence that this page carries. */
  get #isInside(): boolean {
    const { shelf } = this.#choice;
    return this.#inside !== undefined && shelf.is === "open" && shelf.filed.name === this.#inside.name;
  }

  /** Whether evidence is verified by another trust file than its own. */
  get #hasOwnTrust(): boolean {
    const { shelf, trust } = this.#choice;
    return shelf.is === "open" && (trust.file !== shelf.filed.trust || trust.keys.length > 0);
  }

  #evidenceBench(part: Part): EvidencePanel["bench"] {
    const { shelf, trust, pins } = this.#choice;
    const made = trustText(trust);
    const seen = part.seenBefore?.is === "unknown" ? undefined : part.seenBefore?.seen;
    return {
      part,
      trust: made === undefined ? undefined : { name: trust.file?.name ?? "trust.txt", text: made },
      pins: seen === undefined ? pins : [...pins, { name: `${seen.size}.pin.txt`, text: seen.pin }],
      viewer: () => this.#viewer.value,
      selection: this.#selection(part),
      now: () => this.#selection(part),
      tools: () => Viewer.tools,
      papers: part.from === "evidence" && shelf.is === "open" ? shelf.filed.frame.papers : [],
    };
  }

  /** The one selection that events, evidence, report and paper are of; `counting` until the part's viewer is there. */
  #selection({ session, coverage }: Part): Selection {
    const viewer = this.#viewer.value;
    const { counts } = session?.report ?? {};
    // Of a file without a row there is no viewer.
    const isEmpty = (coverage?.events ?? 0) + (counts?.withheld ?? 0) + (counts?.skipped ?? 0) === 0;
    const none = { session, turn: 0, query: "", boxQuery: "" };
    if (isEmpty) return { ...none, state: "ready", events: 0, of: 0, isGrowing: false };
    return viewer?.session === session && viewer !== undefined
      ? viewer.selection
      : { ...none, state: "counting", wait: "counting" };
  }

  /** The events on paper are asked for first: a browser that prints does not wait. */
  async #print(): Promise<void> {
    const part = this.#case?.parts[this.#looking.shown];
    if (part === undefined || reasonOf(this.#selection(part), this.#texts.viewer, true) !== undefined) return;
    await this.#gather();
    window.print();
  }

  readonly #gather = (): Promise<void> =>
    // If this fails, the paper says that events are missing.
    this.#toPrint.gather(this.#evidence.value).catch(() => {});

  /** The evidence file that is open. */
  get #filed(): Filed | undefined {
    const { shelf } = this.#choice;
    return shelf.is === "open" ? shelf.filed : undefined;
  }

  #kept(part: Part, report: Report): Kept {
    const seen = part.seenBefore?.is === "unknown" ? undefined : part.seenBefore?.seen;
    return {
      report,
      pin: part.session?.pin ?? null,
      file: part.file.name,
      unsaved: part.from === "reader" ? undefined : part.file,
      isJoined: part.of.length > 0,
      trust: this.#trustName(part),
      pins: this.#choice.pins,
      seen: seen === undefined ? undefined : { name: `${seen.size}.pin.txt`, text: seen.pin },
    };
  }

  #trustName({ from }: Part): Kept["trust"] {
    const { trust } = this.#choice;
    const made = trustText(trust);
    if (made === undefined) return undefined;
    const { file, keys } = trust;
    const isFile = keys.length === 0 && from !== "sample" && file?.isPasted !== true;
    return { name: file?.name ?? "trust.txt", made: isFile ? undefined : made };
  }

  /** The log that the file is of, where there is one file and it is known. */
  get #origin(): string | undefined {
    const { parts = [], phase } = this.#case ?? {};
    const [one] = parts;
    return phase === "done" && parts.length === 1 ? (one?.session?.report?.origin ?? undefined) : undefined;
  }

  // What is looked at

  #open(tab: Tab): Promise<unknown> {
    if (tab !== this.#tab) {
      this.#tab = tab;
      const hash = withTab(location.hash, tab);
      if (hash !== location.hash) history.replaceState(history.state, "", hash);
    }
    return this.#drawn().then(() => {
      // Where there is no room for all tabs, the chosen one is in view.
      this.querySelector("[role=tab][aria-selected=true]")?.scrollIntoView({
        block: "nearest",
        inline: "nearest",
      });
    });
  }

  readonly #readAddress = (): void => {
    this.#tab = tabOf(location.hash);
    this.requestUpdate();
  };

  async #showChanged(): Promise<void> {
    await this.#open("findings");
    this.#changedEvents.value?.begin();
  }

  #turnInputs(isOpen: boolean): Promise<unknown> {
    this.#isChoosing = isOpen;
    return this.#drawn();
  }

  /** The search is one key away, whatever part of the result is looked at. */
  readonly #key = (event: KeyboardEvent): void => {
    const [target] = event.composedPath();
    const isTaken =
      event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.isComposing;
    const isField = target instanceof Element && target.matches("input, select, textarea, dialog, dialog *");
    if (event.key !== "/" || isTaken || isField || this.#viewer.value === undefined) return;
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

  /** Takes something away. Where the button that did it goes too, the focus stays nearby. */
  #removing(nearby: string, remove: () => void): void {
    remove();
    void this.updateComplete.then(() => {
      if (this.#isFocusLost) this.querySelector<HTMLElement>(nearby)?.focus();
    });
  }

  #ask(vkey: string | undefined): void {
    // What was focused before the dialog gets the focus back from one that is closed, not from one that is gone.
    this.querySelector<HTMLDialogElement>("dialog.confirm")?.close();
    this.#asked = vkey;
    this.requestUpdate();
  }

  /** Has the chosen rules looked for in all that was verified. */
  #rule(): void {
    for (const { session } of this.#case?.parts ?? []) session?.detect(this.#rules);
    this.requestUpdate();
  }

  /** How the rules are had that are looked for. */
  get #rules(): (() => Promise<string>) | undefined {
    const { rules } = this.#choice;
    return rules === undefined ? Viewer.tools?.rules : async () => rules.text;
  }

  #confirm(): void {
    const vkey = this.#asked;
    if (vkey === undefined) return;
    this.#ask(undefined);
    this.#choice.addKey({ kind: "emitter", vkey });
  }

  // Verifying

  async #verify(): Promise<void> {
    this.#looking.begin();
    this.#hadFocus = !this.#isFocusLost;
    this.requestUpdate();
    const { exports } = this.#choice;
    // Of another file one wants to see what comes of it, unless there is a question left.
    if (exports !== this.#verified && !this.#isAsking) this.#isChoosing = false;
    this.#verified = exports;
    this.#isAsking = false;
    if (exports.length === 0) {
      this.#case?.close();
      return;
    }
    try {
      const work = await this.#working();
      if (exports !== this.#choice.exports) return;
      await work.verify(exports, this.#choice.brought, this.#choice.usesMemory);
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
    const work = new Case(benchOf(workers, this.#memory, () => this.#rules));
    work.addEventListener("change", () => this.#changed(work));
    this.#case = work;
    return work;
  }

  #changed(work: Case): void {
    const entered = work.phase !== this.#wasPhase;
    this.#wasPhase = work.phase;
    if (entered || work.isRunning) this.#said = announcement(work, this.#texts) || this.#said;
    if (entered && !work.isRunning) this.#ended(work);
    this.requestUpdate();
  }

  #ended({ phase, parts }: Case): void {
    if (phase === "empty") return;
    // Where there is no verdict, something else is to be chosen.
    if (phase === "failed") this.#isChoosing = true;
    if (phase === "done" && this.#comparesNext && parts.length > 1)
      void this.#looking.compare({ one: 0, other: parts.length - 1, agreement: undefined });
    this.#comparesNext = false;
    // What had the focus may be gone with what was shown before.
    const hadFocus = this.#hadFocus || !this.#isFocusLost;
    if (phase === "done") void this.#drawn().then(() => this.#gather());
    void this.#drawn().then(() => {
      if (hadFocus && this.#isFocusLost) this.querySelector<HTMLElement>(".result h2")?.focus();
    });
  }

  get #isFocusLost(): boolean {
    return document.activeElement === null || document.activeElement === document.body;
  }

  // Language, words and paper

  #drawn(): Promise<unknown> {
    this.requestUpdate();
    return this.updateComplete;
  }

  #say(text: string): void {
    this.#said = text;
    this.requestUpdate();
  }

  #choose(language: Language): void {
    rememberLanguage(language);
    this.#speak(language);
  }

  #speak(language: Language): void {
    this.#language = language;
    this.#said = "";
    document.documentElement.lang = language;
    document.title = this.#texts.title;
    this.requestUpdate();
  }

  /** At once: the browser does not wait with printing. */
  readonly #printing = (event: Event): void => {
    const part = this.#case?.parts[this.#looking.shown];
    const evidence = this.#toPrint.now(this.#evidence.value);
    const filed = part?.from === "evidence" ? this.#filed : undefined;
    footPages(evidence, filed, part?.when, this.#texts.evidence);
    this.#prints = event.type === "beforeprint" || (event.type === "change" && this.#paper.matches);
    this.requestUpdate();
    this.performUpdate();
  };
}

/** How many errors and warnings there are. */
function problems({ findings, finding_counts }: Report): number {
  const codes = new Map(findings.map(({ code, severity }) => [code, severity]));
  const counted = [...codes].filter(([, severity]) => severity !== "info");
  return counted.reduce((sum, [code]) => sum + (finding_counts[code] ?? 0), 0);
}

/** What the viewer has a row for of what a finding is about. */
function rowOf({ coverage }: Part, { index }: Finding): ReturnType<RowOf> {
  if (index === undefined || coverage === undefined || !containsEntry(coverage.listed, index))
    return undefined;
  return containsEntry(coverage.withheld, index) ? "withheld" : "event";
}
