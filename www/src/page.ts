import { html, nothing, type TemplateResult } from "lit";
import { createRef, ref } from "lit/directives/ref.js";
import { type Failure, failure, type Outcome, type Progress, verify } from "./engine.ts";
import type { EventDetails } from "./events/details.ts";
import type { EventList } from "./events/list.ts";
import { standings } from "./events/standing.ts";
import { icon } from "./icons.ts";
import { chooseView } from "./input/choose.ts";
import { confirmView } from "./input/confirm.ts";
import { recognise, SMALL } from "./input/recognise.ts";
import {
  NO_TRUST,
  type SessionKey,
  type TextFile,
  type TrustChoice,
  trustText,
  withKey,
  withoutKey,
} from "./input/trust.ts";
import type { LogPanel } from "./log/panel.ts";
import { privacy, servedPrivacy } from "./privacy.ts";
import { checksView } from "./result/checks.ts";
import { eventsView } from "./result/events.ts";
import { findingsView } from "./result/findings.ts";
import type { Keep } from "./result/keep.ts";
import { progressAnnouncement, progressView } from "./result/progress.ts";
import { signersView } from "./result/signers.ts";
import { cancelledView, failureView } from "./result/stopped.ts";
import { verdictAnnouncement, verdictView } from "./result/verdict.ts";
import { sample } from "./sample.ts";
import { SERVED } from "./variant.ts";
import { View } from "./view.ts";

type Phase =
  | { readonly is: "empty" }
  | { readonly is: "verifying"; readonly progress: Progress }
  | { readonly is: "done"; readonly outcome: Outcome }
  | { readonly is: "cancelled" }
  | { readonly is: "failed"; readonly failure: Failure };

/** What is verified, and where it comes from. */
export interface Chosen {
  readonly file: File;
  readonly from: "reader" | "log" | "sample";
}

/** The page: what was chosen, and what verifying it gave. */
export class Page extends View {
  #chosen: Chosen | undefined;
  #trust: TrustChoice = NO_TRUST;
  #pins: readonly TextFile[] = [];
  /** While the sample is shown: what was chosen before it, and the sample's own trust file. */
  #own: { trust: TrustChoice; pins: readonly TextFile[]; sampleTrust: TextFile } | undefined;
  #phase: Phase = { is: "empty" };
  #running: AbortController | undefined;
  #asked: string | undefined;
  #complaint = "";
  #said = "";
  #dragged = false;
  readonly #list = createRef<EventList>();
  readonly #details = createRef<EventDetails>();
  readonly #keep = createRef<Keep>();
  readonly #log = createRef<LogPanel>();

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("dragover", this.#drag);
    window.addEventListener("dragleave", this.#leave);
    window.addEventListener("drop", this.#drop);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("dragover", this.#drag);
    window.removeEventListener("dragleave", this.#leave);
    window.removeEventListener("drop", this.#drop);
    this.#running?.abort();
  }

  protected override render(): TemplateResult {
    return html`
      <div
        class="page"
        @choose-files=${(event: CustomEvent<readonly File[]>) => void this.#take(event.detail)}
        @choose-trust=${(event: CustomEvent<readonly File[]>) => void this.#takeTrust(event.detail)}
        @choose-pins=${(event: CustomEvent<readonly File[]>) => void this.#takePins(event.detail)}
        @choose-loaded=${(event: CustomEvent<File>) => this.#takeLoaded(event.detail)}
        @choose-sample=${() => void this.#takeSample()}
        @remove-trust=${() => this.#changeTrust({ ...this.#trust, file: undefined })}
        @remove-key=${(event: CustomEvent<SessionKey>) => this.#changeTrust(withoutKey(this.#trust, event.detail))}
        @remove-pin=${(event: CustomEvent<TextFile>) => this.#changePins(this.#pins.filter((pin) => pin !== event.detail))}
        @add-key=${(event: CustomEvent<SessionKey>) => this.#changeTrust(withKey(this.#trust, event.detail))}
        @trust-signer=${(event: CustomEvent<string>) => this.#ask(event.detail)}
        @confirm=${() => this.#confirm()}
        @dismiss=${() => this.#ask(undefined)}
        @cancel=${() => this.#running?.abort()}
        @verify-again=${() => void this.#verify()}
        @show-event=${(event: CustomEvent<number>) => void this.#showEvent(event.detail)}
      >
        <header class="top">
          <p class="brand">countersign</p>
          <h1>Verify an export of an audit log</h1>
          <p class="lead">Find out whether a log is what was recorded, by keys that you choose to trust.</p>
          ${SERVED ? servedPrivacy(location.host || "the log") : privacy}
        </header>
        <main>
          ${SERVED ? html`<countersign-log ${ref(this.#log)}></countersign-log>` : nothing}
          ${chooseView({
            chosen: this.#chosen,
            trust: this.#trust,
            pins: this.#pins,
            complaint: this.#complaint,
          })}
          <div class="result" aria-busy=${this.#phase.is === "verifying"}>${this.#result()}</div>
        </main>
        <footer class="bottom">
          <p>A verdict says whether this is what was signed, and by whom. Nothing can tell from a file whether an event is true.</p>
        </footer>
        <p class="sr" role="status" id="announcement">${this.#said}</p>
        ${this.#asked === undefined ? nothing : confirmView(this.#asked)}
        <countersign-details ${ref(this.#details)}></countersign-details>
        ${this.#dragged ? html`<div class="drop-sign" aria-hidden="true"><p>${icon("file")}Drop exports, trust files and pins</p></div>` : nothing}
      </div>
    `;
  }

  protected override updated(): void {
    const dialog = this.querySelector<HTMLDialogElement>("dialog.confirm");
    if (dialog && !dialog.open) dialog.showModal();
    this.#log.value?.show(this.#pins.map(({ text }) => text));
    if (this.#phase.is !== "done" || this.#chosen === undefined) return;
    const { report, pin, events } = this.#phase.outcome;
    this.#list.value?.show(events, standings(report));
    this.#keep.value?.show({
      report,
      pin,
      file: this.#chosen.file.name,
      loaded: this.#chosen.from === "log" ? this.#chosen.file : undefined,
      trust: this.#trustName(),
      pins: this.#pins.map(({ name }) => name),
    });
  }

  #result(): TemplateResult | typeof nothing {
    const phase = this.#phase;
    switch (phase.is) {
      case "empty":
        return nothing;
      case "verifying":
        return progressView(this.#chosen?.file.name ?? "", phase.progress);
      case "cancelled":
        return cancelledView();
      case "failed":
        return failureView(phase.failure);
      case "done":
        return this.#done(phase.outcome);
    }
  }

  #done({ report, events }: Outcome): TemplateResult {
    const { file, from } = this.#chosen ?? { file: new File([], ""), from: "reader" };
    const forSession = new Set(
      this.#trust.keys.filter(({ kind }) => kind === "emitter").map(({ vkey }) => vkey),
    );
    return html`
      ${verdictView(report, file, from === "sample")}
      ${checksView(report)}
      ${findingsView(report, events)}
      ${signersView(report, forSession)}
      ${eventsView(report, events.size, html`<countersign-events ${ref(this.#list)}></countersign-events>`)}
      <countersign-keep ${ref(this.#keep)}></countersign-keep>
    `;
  }

  async #take(files: readonly File[]): Promise<void> {
    for (const file of files) {
      try {
        const kind = await recognise(file);
        if (kind === "trust") this.#trust = { ...this.#trust, file: await textFile(file) };
        else if (kind === "pin") this.#pins = [...this.#pins, await textFile(file)];
        else this.#choose({ file, from: "reader" });
        this.#complaint = "";
      } catch (error) {
        this.#complaint = `${file.name}: ${failure(error).message}`;
      }
    }
    void this.#verify();
  }

  /** Always an export: a log does not say what the reader trusts. */
  #takeLoaded(file: File): void {
    this.#complaint = "";
    this.#choose({ file, from: "log" });
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
      if (large) throw new Error("larger than a trust file or a pin can be");
      const texts = await Promise.all(files.map(textFile));
      this.#complaint = "";
      then(texts);
    } catch (error) {
      this.#complaint = `${(large ?? files[0])?.name}: ${failure(error).message}`;
      this.requestUpdate();
    }
  }

  async #takeSample(): Promise<void> {
    const { exported, trust } = await sample();
    const sampleTrust = await textFile(trust);
    this.#own = { trust: this.#trust, pins: this.#pins, sampleTrust };
    this.#chosen = { file: exported, from: "sample" };
    this.#trust = { file: sampleTrust, keys: [] };
    this.#pins = [];
    void this.#verify();
  }

  #choose(chosen: Chosen): void {
    // Who tries the sample does not choose to trust its keys for anything else.
    if (this.#own && this.#trust.file === this.#own.sampleTrust) {
      this.#trust = this.#own.trust;
      this.#pins = this.#own.pins;
    }
    this.#own = undefined;
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

  async #verify(): Promise<void> {
    this.#running?.abort();
    this.#details.value?.close();
    if (this.#chosen === undefined) {
      this.requestUpdate();
      return;
    }
    const running = new AbortController();
    this.#running = running;
    const { file } = this.#chosen;
    this.#enter({ is: "verifying", progress: { bytes: 0, total: file.size, events: 0, seconds: 0 } });
    try {
      const outcome = await verify(file, {
        trust: trustText(this.#trust),
        pins: this.#pins.map(({ text }) => text),
        signal: running.signal,
        onProgress: (progress) => this.#running === running && this.#progress(progress),
      });
      if (this.#running === running) this.#finish({ is: "done", outcome });
    } catch (error) {
      if (this.#running !== running) return;
      this.#finish(running.signal.aborted ? { is: "cancelled" } : { is: "failed", failure: failure(error) });
    }
  }

  #progress(progress: Progress): void {
    this.#enter({ is: "verifying", progress });
    this.#said = progressAnnouncement(progress);
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.requestUpdate();
  }

  #finish(phase: Phase): void {
    const focusIsLost = this.querySelector(".progress")?.contains(document.activeElement) ?? false;
    this.#enter(phase);
    if (phase.is === "done") this.#said = verdictAnnouncement(phase.outcome.report);
    else if (phase.is === "cancelled") this.#said = "Cancelled";
    else if (phase.is === "failed") this.#said = `No verdict: ${phase.failure.message}`;
    if (focusIsLost)
      void this.updateComplete.then(() => this.querySelector<HTMLElement>(".result h2")?.focus());
  }

  async #showEvent(row: number): Promise<void> {
    if (this.#phase.is !== "done") return;
    const { report, events } = this.#phase.outcome;
    this.#list.value?.goTo(row);
    const event = await events.read(row).catch(() => undefined);
    if (event === undefined) this.#say("The browser has lost this event. Verify the file again.");
    else this.#details.value?.show({ event, standing: standings(report)(event), row, of: events.size });
  }

  #say(text: string): void {
    this.#said = text;
    this.requestUpdate();
  }

  #trustName(): { name: string; made: string | undefined } | undefined {
    const made = trustText(this.#trust);
    if (made === undefined) return undefined;
    const isFile = this.#trust.keys.length === 0 && this.#chosen?.from !== "sample";
    return { name: this.#trust.file?.name ?? "trust.txt", made: isFile ? undefined : made };
  }

  readonly #drag = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes("Files")) return;
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
    // Text can still be dropped into a field.
    if (files.length === 0) return;
    event.preventDefault();
    void this.#take(files);
  };
}

async function textFile(file: File): Promise<TextFile> {
  return { name: file.name, text: await file.text() };
}
