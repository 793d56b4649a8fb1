import { failure } from "@countersign/viewer/failure.js";
import { icon } from "@countersign/viewer/icons.js";
import { holds } from "@countersign/viewer/ranges.js";
import { Session } from "@countersign/viewer/session.js";
import { Viewer } from "@countersign/viewer/viewer.js";
import type { Finding, FindingCode, Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { createRef, ref } from "lit/directives/ref.js";
import { chooseView } from "./input/choose.ts";
import { confirmView } from "./input/confirm.ts";
import { join } from "./input/join.ts";
import type { Paste } from "./input/paste.ts";
import { onlyKey, recognise, recogniseText, SMALL } from "./input/recognise.ts";
import {
  NO_TRUST,
  type SessionKey,
  type TextFile,
  type TrustChoice,
  trustText,
  withKey,
  withoutKey,
} from "./input/trust.ts";
import { languageSwitch } from "./languages.ts";
import { privacyView } from "./privacy.ts";
import { aboutView } from "./result/about.ts";
import { checksView } from "./result/checks.ts";
import { compareView, type Pair } from "./result/compare.ts";
import { coverageView, HATCHES } from "./result/coverage.ts";
import { eventsView } from "./result/events.ts";
import { findingsView } from "./result/findings.ts";
import type { Kept } from "./result/keep.ts";
import { partsView } from "./result/parts.ts";
import { printedView } from "./result/printed.ts";
import { progressAnnouncement, progressView } from "./result/progress.ts";
import { signersView } from "./result/signers.ts";
import { cancelledView, failureView } from "./result/stopped.ts";
import { verdictAnnouncement, verdictView } from "./result/verdict.ts";
import { sample } from "./sample.ts";
import { type Bench, Case, type CasePhase, type Chosen, type Part } from "./state/case.ts";
import { Memory } from "./state/memory.ts";
import { both } from "./state/ranges.ts";
import { sha256 } from "./sum.ts";
import { LANGUAGES, type Language, rememberLanguage, spoken } from "./texts/index.ts";
import { tools } from "./tools.ts";
import { View } from "./view.ts";

/** How often a screen reader is told how far it is: each tenth. */
const TELL_EACH = 10;

const FIRST_TWO: Pair = { one: 0, other: 1, agreement: undefined };

/** The page: what was chosen, and what verifying it gave. */
export class Page extends View {
  #chosen: readonly Chosen[] = [];
  #trust: TrustChoice = NO_TRUST;
  #pins: readonly TextFile[] = [];
  readonly #memory = Memory.ofBrowser();
  #usesMemory = true;
  /** While the sample is shown: what was chosen before it, and the sample's own trust file. */
  #own: { trust: TrustChoice; pins: readonly TextFile[]; sampleTrust: TextFile } | undefined;
  #case: Case | undefined;
  #wasPhase: CasePhase = "empty";
  #shown = 0;
  #pair: Pair | undefined;
  #comparesNext = false;
  #asked: string | undefined;
  #complaint = "";
  #said = "";
  #dragged = false;
  /** Whether the report on paper is in the document: only while it is printed. */
  #prints = false;
  readonly #paper = window.matchMedia("print");
  #language: Language = spoken();
  readonly #viewer = createRef<Viewer>();
  readonly #paste = createRef<Paste>();

  override connectedCallback(): void {
    super.connectedCallback();
    this.#speak(this.#language);
    window.addEventListener("dragover", this.#drag);
    window.addEventListener("dragleave", this.#leave);
    window.addEventListener("drop", this.#drop);
    window.addEventListener("paste", this.#pasteAnywhere);
    window.addEventListener("beforeprint", this.#printing);
    window.addEventListener("afterprint", this.#printing);
    this.#paper.addEventListener("change", this.#printing);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("dragover", this.#drag);
    window.removeEventListener("dragleave", this.#leave);
    window.removeEventListener("drop", this.#drop);
    window.removeEventListener("paste", this.#pasteAnywhere);
    window.removeEventListener("beforeprint", this.#printing);
    window.removeEventListener("afterprint", this.#printing);
    this.#paper.removeEventListener("change", this.#printing);
    this.#case?.close();
  }

  protected override render(): TemplateResult {
    const t = LANGUAGES[this.#language];
    return html`
      ${HATCHES}
      <div
        class="page"
        @choose-files=${(event: CustomEvent<readonly File[]>) => void this.#take(event.detail, false)}
        @add-files=${(event: CustomEvent<readonly File[]>) => void this.#take(event.detail, true)}
        @remove-file=${(event: CustomEvent<File>) => this.#remove(event.detail)}
        @choose-trust=${(event: CustomEvent<readonly File[]>) => void this.#takeTrust(event.detail)}
        @choose-pins=${(event: CustomEvent<readonly File[]>) => void this.#takePins(event.detail)}
        @choose-sample=${() => void this.#takeSample()}
        @pasted=${(event: CustomEvent<string>) => this.#takeText(event.detail)}
        @remove-trust=${() => this.#changeTrust({ ...this.#trust, file: undefined })}
        @remove-key=${(event: CustomEvent<SessionKey>) => this.#changeTrust(withoutKey(this.#trust, event.detail))}
        @remove-pin=${(event: CustomEvent<TextFile>) => this.#changePins(this.#pins.filter((pin) => pin !== event.detail))}
        @add-key=${(event: CustomEvent<SessionKey>) => this.#changeTrust(withKey(this.#trust, event.detail))}
        @turn-memory=${(event: CustomEvent<boolean>) => this.#remembering(() => this.#memory.turn(event.detail))}
        @forget=${(event: CustomEvent<string>) => this.#remembering(() => this.#memory.forget(event.detail))}
        @forget-all=${() => this.#remembering(() => this.#memory.forgetAll())}
        @leave-memory-out=${() => this.#leaveMemoryOut()}
        @trust-signer=${(event: CustomEvent<string>) => this.#ask(event.detail)}
        @confirm=${() => this.#confirm()}
        @dismiss=${() => this.#ask(undefined)}
        @cancel=${() => this.#case?.cancel()}
        @verify-again=${() => void this.#verify()}
        @show-part=${(event: CustomEvent<number>) => this.#show(event.detail)}
        @show-line=${(event: CustomEvent<number>) => void this.#goTo(event.detail)}
        @show-leaf=${(event: CustomEvent<{ part: number; index: number }>) => void this.#goToLeaf(event.detail)}
        @show-code=${(event: CustomEvent<FindingCode>) => this.#openFindings(event.detail)}
        @compare=${(event: CustomEvent<Pair | null>) => void this.#compare(event.detail ?? FIRST_TWO)}
        @compare-close=${() => this.#closeComparison()}
        @compare-files=${(event: CustomEvent<readonly File[]>) => this.#takeToCompare(event.detail)}
        @speak=${(event: CustomEvent<Language>) => this.#choose(event.detail)}
        @print=${() => window.print()}
      >
        <header class="top">
          <div class="brand-line">
            <p class="brand">countersign</p>
            ${languageSwitch(this.#language)}
          </div>
          <h1>${t.heading}</h1>
          <p class="lead">${t.lead}</p>
          ${privacyView(t)}
        </header>
        <main>
          ${chooseView(
            {
              chosen: this.#chosen,
              trust: this.#trust,
              pins: this.#pins,
              memory: this.#memory,
              complaint: this.#complaint,
              paste: ref(this.#paste),
            },
            t,
          )}
          <div class="result" aria-busy=${this.#case?.isRunning ?? false}>${this.#result()}</div>
        </main>
        <footer class="bottom">
          <p>${t.truth}</p>
          ${aboutView(t)}
        </footer>
        <p class="sr" role="status" id="announcement">${this.#said}</p>
        ${this.#asked === undefined ? nothing : confirmView(this.#asked, t)}
        ${this.#dragged ? html`<div class="drop-sign" aria-hidden="true"><p>${icon("file")}${t.drop}</p></div>` : nothing}
      </div>
      ${this.#prints && this.#case?.phase === "done" ? printedView({ parts: this.#case.parts, trust: this.#trust, pins: this.#pins }, t) : nothing}
    `;
  }

  protected override updated(): void {
    const dialog = this.querySelector<HTMLDialogElement>("dialog.confirm");
    if (dialog && !dialog.open) dialog.showModal();
  }

  #result(): TemplateResult | typeof nothing {
    const t = LANGUAGES[this.#language];
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
        return failureView(work.failure ?? failure(new Error()), work.parts[work.at]?.file.name, t);
      case "done":
        return this.#done(work);
    }
  }

  #done({ parts }: Case): TemplateResult | typeof nothing {
    const t = LANGUAGES[this.#language];
    const part = parts[this.#shown] ?? parts[0];
    const report = part?.session?.report;
    if (!part || !report) return nothing;
    return html`
      ${parts.length > 1 ? partsView(parts, this.#shown, t) : nothing}
      ${this.#pair && parts.length > 1 ? compareView(parts, this.#pair, t) : nothing}
      ${verdictView(part, report, t)}
      ${checksView(report, t)}
      ${coverageView(part, report, t)}
      ${findingsView(report, (finding) => isShown(part, finding), t)}
      ${signersView(part, report, this.#trust, t)}
      ${eventsView(report, part.coverage?.events ?? 0, this.#viewerView(part), t)}
      <countersign-keep .texts=${t} .kept=${this.#kept(part, report)}></countersign-keep>
    `;
  }

  #viewerView({ session }: Part): TemplateResult {
    const { lang } = LANGUAGES[this.#language];
    return html`${keyed(session, html`<countersign-viewer bare lang=${lang} .session=${session} ${ref(this.#viewer)}></countersign-viewer>`)}`;
  }

  #kept(part: Part, report: Report): Kept {
    const isJoined = part.of.length > 0;
    const seen = part.seenBefore?.is === "unknown" ? undefined : part.seenBefore?.seen;
    return {
      report,
      pin: part.session?.pin ?? null,
      file: part.file.name,
      unsaved: part.from === "reader" ? undefined : part.file,
      isJoined,
      trust: this.#trustName(part),
      pins: this.#pins.map(({ name }) => name),
      seen: seen === undefined ? undefined : { name: `${seen.size}.pin.txt`, text: seen.pin },
    };
  }

  // What the reader brings

  /** Takes files of any kind. Exports come in place of what was there, or are added to it. */
  async #take(files: readonly File[], adds: boolean): Promise<void> {
    const exports: File[] = [];
    const t = LANGUAGES[this.#language];
    let trust: File | undefined;
    this.#complaint = "";
    for (const file of files) {
      try {
        const kind = await recognise(file);
        if (kind === "export") exports.push(file);
        else if (kind === "trust") {
          this.#trust = { ...this.#trust, file: await textFile(file) };
          if (trust) this.#complaint = `${trust.name}: ${t.trust.replaced(file.name)}`;
          trust = file;
        } else if (kind === "pin") this.#pins = [...this.#pins, await textFile(file)];
        else if (kind === "report") this.#complaint = `${file.name}: ${t.export.report}`;
        else this.#paste.value?.offer((await file.text()).trim());
      } catch (error) {
        this.#complaint = `${file.name}: ${failure(error).message}`;
      }
    }
    if (exports.length > 0) {
      const taken = (await join(exports)).map((whole): Chosen => ({ ...whole, from: "reader" }));
      this.#begin(adds ? [...this.#chosen, ...taken] : taken);
    }
    void this.#verify();
  }

  #takeToCompare(files: readonly File[]): void {
    this.#comparesNext = true;
    void this.#take(files, true);
  }

  #remove(file: File): void {
    this.#begin(this.#chosen.filter((one) => one.file !== file));
    void this.#verify();
  }

  async #takeTrust(files: readonly File[]): Promise<void> {
    const [file] = files;
    if (file) await this.#small([file], ([text]) => this.#changeTrust({ ...this.#trust, file: text }));
  }

  async #takePins(files: readonly File[]): Promise<void> {
    await this.#small(files, (texts) => this.#changePins([...this.#pins, ...texts]));
  }

  async #small(files: readonly File[], then: (texts: readonly TextFile[]) => void): Promise<void> {
    const large = files.find(({ size }) => size > SMALL);
    try {
      if (large) throw new Error(LANGUAGES[this.#language].trust.tooLarge);
      const texts = await Promise.all(files.map(textFile));
      this.#complaint = "";
      then(texts);
    } catch (error) {
      this.#complaint = `${(large ?? files[0])?.name}: ${failure(error).message}`;
      this.requestUpdate();
    }
  }

  /** Takes a text that was pasted or dropped. */
  #takeText(text: string): void {
    const names = LANGUAGES[this.#language].paste;
    switch (recogniseText(text)) {
      case "trust":
        this.#changeTrust({ ...this.#trust, file: { name: names.trustName, text } });
        break;
      case "pin":
        this.#changePins([...this.#pins, { name: names.pinName, text }]);
        break;
      case "key":
        this.#paste.value?.offer(onlyKey(text) ?? text);
        break;
      case "export":
      case "report":
        void this.#take([new File([text], names.exportName)], false);
    }
  }

  async #takeSample(): Promise<void> {
    const { exported, trust } = await sample();
    const sampleTrust = await textFile(trust);
    this.#own = { trust: this.#trust, pins: this.#pins, sampleTrust };
    this.#chosen = [{ file: exported, of: [], from: "sample" }];
    this.#trust = { file: sampleTrust, keys: [] };
    this.#pins = [];
    void this.#verify();
  }

  #begin(chosen: readonly Chosen[]): void {
    // Who tries the sample does not choose to trust its keys for anything else.
    if (this.#own) {
      const { trust, pins, sampleTrust } = this.#own;
      const { file } = this.#trust;
      this.#trust = { file: file === sampleTrust ? trust.file : file, keys: trust.keys };
      // Pins may have come with the exports.
      this.#pins = [...pins, ...this.#pins];
    }
    this.#own = undefined;
    this.#usesMemory = true;
    this.#chosen = chosen;
  }

  #changeTrust(trust: TrustChoice): void {
    this.#trust = trust;
    void this.#verify();
  }

  #changePins(pins: readonly TextFile[]): void {
    this.#pins = pins;
    void this.#verify();
  }

  #remembering(change: () => void): void {
    change();
    this.requestUpdate();
  }

  #leaveMemoryOut(): void {
    this.#usesMemory = false;
    void this.#verify();
  }

  #ask(vkey: string | undefined): void {
    this.#asked = vkey;
    this.requestUpdate();
  }

  #confirm(): void {
    if (this.#asked === undefined) return;
    const key: SessionKey = { kind: "emitter", vkey: this.#asked };
    this.#asked = undefined;
    this.#changeTrust(withKey(this.#trust, key));
  }

  // Verifying

  async #verify(): Promise<void> {
    this.#shown = 0;
    this.#pair = undefined;
    this.requestUpdate();
    if (this.#chosen.length === 0) {
      this.#case?.close();
      return;
    }
    const chosen = this.#chosen;
    const work = await this.#bench();
    if (chosen !== this.#chosen) return;
    await work.verify(chosen, this.#brought(), this.#usesMemory);
  }

  #brought(): { trust: string | undefined; pins: readonly string[] } {
    return { trust: trustText(this.#trust), pins: this.#pins.map(({ text }) => text) };
  }

  async #bench(): Promise<Case> {
    if (this.#case) return this.#case;
    const workers = await tools();
    Viewer.tools = workers;
    const bench: Bench = {
      session: (file, given) => new Session(file, given, workers),
      hold: async (file, given) => (await workers.verify(file, given)).report,
      sha256: (file, signal) => sha256(file, workers, signal),
      memory: this.#memory,
      failure,
      now: () => new Date(),
    };
    const made = new Case(bench);
    made.addEventListener("change", this.#changed);
    this.#case ??= made;
    return this.#case;
  }

  readonly #changed = (): void => {
    const work = this.#case;
    if (!work) return;
    if (work.phase === this.#wasPhase) {
      if (work.isRunning)
        this.#said = progressAnnouncement(work, TELL_EACH, LANGUAGES[this.#language]) || this.#said;
    } else this.#entered(work);
    this.requestUpdate();
  };

  #entered(work: Case): void {
    const t = LANGUAGES[this.#language];
    const wasRunning = this.#wasPhase === "verifying" || this.#wasPhase === "agreeing";
    this.#wasPhase = work.phase;
    const focusIsLost = this.querySelector(".progress")?.contains(document.activeElement) ?? false;
    const report = work.parts[0]?.session?.report;
    if (work.phase === "done" && report) {
      this.#said =
        work.parts.length === 1
          ? verdictAnnouncement(report, t)
          : work.parts
              .map(
                (part) =>
                  `${part.file.name}: ${part.session?.report ? verdictAnnouncement(part.session.report, t) : ""}`,
              )
              .join(" ");
      if (this.#comparesNext && work.parts.length > 1)
        void this.#compare({ one: 0, other: work.parts.length - 1, agreement: undefined });
      this.#comparesNext = false;
    } else if (work.phase === "cancelled") this.#said = t.stopped.cancelled;
    else if (work.phase === "failed") this.#said = `${t.stopped.said} ${work.failure?.message}`;
    this.requestUpdate();
    if (focusIsLost && wasRunning && !work.isRunning)
      void this.updateComplete.then(() => this.querySelector<HTMLElement>(".result h2")?.focus());
  }

  // What is looked at

  #show(place: number): void {
    this.#shown = place;
    this.requestUpdate();
  }

  async #goTo(line: number): Promise<void> {
    await this.updateComplete;
    const viewer = this.#viewer.value;
    if (viewer === undefined) return;
    viewer.scrollIntoView({ block: "nearest" });
    if (!(await viewer.goTo(line))) this.#say(LANGUAGES[this.#language].events.lost);
  }

  /** Goes to the first event or withheld event from a leaf on. */
  async #goToLeaf({ part, index }: { part: number; index: number }): Promise<void> {
    const { coverage, session } = this.#case?.parts[part] ?? {};
    const from = Float64Array.of(index, Number.MAX_SAFE_INTEGER);
    const [leaf = index] = coverage ? both(coverage.listed, from) : [];
    const line = await session?.shelf.lineOf(leaf);
    this.#show(part);
    if (line !== undefined) await this.#goTo(line);
  }

  #openFindings(code: FindingCode): void {
    const group = this.querySelector<HTMLDetailsElement>(`details[data-code="${CSS.escape(code)}"]`);
    if (!group) return;
    group.open = true;
    group.scrollIntoView({ block: "start" });
    group.querySelector<HTMLElement>("summary")?.focus();
  }

  async #compare(pair: Pair): Promise<void> {
    const wasOpen = this.#pair !== undefined;
    const wanted = { ...pair, agreement: undefined };
    this.#pair = wanted;
    this.requestUpdate();
    if (!wasOpen)
      void this.updateComplete.then(() => this.querySelector<HTMLElement>("#compare-heading")?.focus());
    const agreement = await this.#case?.compare(pair.one, pair.other, this.#brought());
    if (this.#pair === wanted) this.#pair = { ...wanted, agreement };
    this.requestUpdate();
  }

  #closeComparison(): void {
    this.#pair = undefined;
    this.requestUpdate();
    void this.updateComplete.then(() => this.querySelector<HTMLElement>("#parts-heading")?.focus());
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
    document.title = LANGUAGES[language].title;
    this.requestUpdate();
  }

  #trustName({ from }: Part): Kept["trust"] {
    const made = trustText(this.#trust);
    if (made === undefined) return undefined;
    const { file, keys } = this.#trust;
    const isFile =
      keys.length === 0 && from !== "sample" && file?.name !== LANGUAGES[this.#language].paste.trustName;
    return { name: file?.name ?? "trust.txt", made: isFile ? undefined : made };
  }

  /** At once: the browser does not wait with printing. */
  readonly #printing = (event: Event): void => {
    this.#prints = event.type === "beforeprint" || (event.type === "change" && this.#paper.matches);
    this.requestUpdate();
    this.performUpdate();
  };

  // Dropping and pasting anywhere

  readonly #drag = (event: DragEvent): void => {
    const types = event.dataTransfer?.types ?? [];
    if (!types.includes("Files") && (!types.includes("text/plain") || isField(event))) return;
    event.preventDefault();
    if (this.#dragged) return;
    this.#dragged = true;
    this.requestUpdate();
  };

  readonly #leave = (event: DragEvent): void => {
    // Leaving for another element of the page is not leaving the page.
    if (event.relatedTarget !== null) return;
    this.#dragged = false;
    this.requestUpdate();
  };

  readonly #drop = (event: DragEvent): void => {
    const files = [...(event.dataTransfer?.files ?? [])];
    this.#dragged = false;
    this.requestUpdate();
    const text = event.dataTransfer?.getData("text/plain").trim() ?? "";
    if (files.length > 0) void this.#take(files, false);
    else if (text !== "" && !isField(event)) this.#takeText(`${text}\n`);
    else return;
    event.preventDefault();
  };

  readonly #pasteAnywhere = (event: ClipboardEvent): void => {
    if (isField(event)) return;
    const files = [...(event.clipboardData?.files ?? [])];
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (files.length > 0) void this.#take(files, false);
    else if (text.trim() !== "") this.#takeText(`${text.trim()}\n`);
    else return;
    event.preventDefault();
  };
}

/** Whether text goes into a field by itself. */
function isField(event: Event): boolean {
  const [target] = event.composedPath();
  return target instanceof Element && target.matches("input, textarea, select");
}

/** Whether the viewer has a row for what a finding is about. */
function isShown({ coverage }: Part, { index }: Finding): boolean {
  if (index === undefined || coverage === undefined) return false;
  return holds(coverage.listed, index);
}

async function textFile(file: File): Promise<TextFile> {
  return { name: file.name, text: await file.text() };
}
