import { html, nothing, type TemplateResult } from "lit";
import type { Slicer } from "../../slice/types.js";
import { icon } from "../parts/icons.js";
import { save, stem } from "../parts/save.js";
import { value } from "../parts/value.js";
import { factsOf } from "../session/facts.js";
import type { Phase } from "../session/phase.js";
import type { Texts } from "../texts/texts.js";
import { define, internal, props, TextView } from "../view.js";
import { faultInName, faultOf } from "./faulty.js";
import type { SearchController } from "./search-controller.js";
import {
  checkResult,
  type ReadySelection,
  reasonOf,
  type Selection,
  SelectionMismatch,
  selectionView,
} from "./selection.js";

/** Export format. */
type Kind = "csv" | "ndjson" | "slice";

/** A menu that exports the selected events. */
export class ExportMenu extends TextView {
  static override properties = {
    ...props("search", "selection", "now", "phase", "slicer"),
    ...internal("isOpen", "message", "running"),
  };

  declare search: SearchController | undefined;
  /** The selection to export. */
  declare selection: Selection;
  /** Returns the current selection, which may not be rendered yet. */
  declare now: () => Selection;
  declare phase: Phase | undefined;
  /** Slices require it, and a complete export. */
  declare slicer: Slicer | undefined;
  private isOpen = false;
  private message = "";
  declare private running: AbortController | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.running?.abort();
    removeEventListener("pointerdown", this.#outside);
  }

  protected override render(): TemplateResult {
    const { save: texts } = this.texts;
    const reason = reasonOf(this.selection, this.texts);
    const canSlice = this.slicer !== undefined && this.search?.session.bytes !== undefined;
    return html`
      <div class="menu" @keydown=${this.#key} @focusout=${this.#left}>
        <button
          type="button"
          class="with-icon"
          part="export"
          aria-expanded=${this.isOpen}
          aria-controls="export-choices"
          aria-disabled=${reason !== undefined}
          aria-describedby="export-selection"
          title=${reason ?? nothing}
          @click=${() => this.#open(!this.isOpen)}
        >${icon("save")}<span>${texts.label}</span></button>
        <div id="export-choices" class="menu-choices" role="group" aria-label=${texts.label} ?hidden=${!this.isOpen}>
          <p id="export-selection">${selectionView(this.selection, this.texts)}${reason !== undefined && this.selection.state === "ready" ? html` <span>${reason}</span>` : nothing}</p>
          ${this.#fault === undefined ? nothing : html`<p class="tone-bad menu-fault" id="export-fault">${icon("warning")}<span>${texts.faulty[this.#fault]}</span></p>`}
          ${this.#choice("csv", texts.csv)}
          ${this.#choice("ndjson", texts.ndjson)}
          ${canSlice ? this.#choice("slice", texts.slice) : nothing}
          ${
            this.running === undefined
              ? nothing
              : html`<button type="button" class="quiet" @click=${() => this.running?.abort()}>${texts.cancel}</button>`
          }
          <p role="status">${this.message === "" ? nothing : value(this.message, 300)}</p>
        </div>
      </div>
    `;
  }

  /** The verdict of an export that fails its own checks. */
  get #fault(): ReturnType<typeof faultOf> {
    return faultOf(this.search?.session.report);
  }

  #choice(kind: Kind, { name, about }: Texts["save"]["csv"]): TemplateResult {
    // A slice verifies by itself, and wouldn't show that the export fails its checks.
    const isRefused = kind === "slice" && this.#fault !== undefined;
    const isDisabled = isRefused || this.running !== undefined || reasonOf(this.selection, this.texts) !== undefined;
    return html`
      <button type="button" class="choice" data-kind=${kind} aria-disabled=${isDisabled} aria-describedby=${this.#fault === undefined ? "export-selection" : "export-fault"} @click=${() => void this.#save(kind)}>
        <strong>${name}</strong> <span class="faint">${isRefused ? this.texts.save.noSlice : about}</span>
      </button>
    `;
  }

  async #save(kind: Kind): Promise<void> {
    const { search } = this;
    const { save: texts, figures } = this.texts;
    const selection = this.now();
    if (search === undefined || this.running !== undefined) {
      return;
    }
    if (selection.state !== "ready" || selection.events === 0) {
      this.message = reasonOf(selection, this.texts) ?? "";
      return;
    }
    if (kind === "slice" && this.#fault !== undefined) {
      this.message = texts.noSlice;
      return;
    }
    const running = new AbortController();
    this.running = running;
    this.message = "";
    try {
      const { blob, events } = await this.#create(kind, search, selection, running.signal);
      running.signal.throwIfAborted();
      const name = `${stem(search.session.name ?? "")}${faultInName(search.session.report)}${ENDINGS[kind]}`;
      save(name, blob);
      this.message = texts.done({ events: figures.events(events), name });
    } catch (error) {
      const why = error instanceof SelectionMismatch ? error.describe(this.texts) : texts.failed;
      this.message = running.signal.aborted ? "" : why;
    }
    this.running = undefined;
  }

  /** Creates a file, and checks its number of events against the selection shown. */
  async #create(
    kind: Kind,
    { session }: SearchController,
    selection: ReadySelection,
    signal: AbortSignal,
  ): Promise<{ readonly blob: Blob; readonly events: number }> {
    const { save: texts, figures } = this.texts;
    if (kind !== "slice") {
      let events = 0;
      const onProgress = (written: number) => {
        events = written;
        this.message = texts.working(figures.events(written));
      };
      const blob = await session.index.save(kind === "csv" ? "csv-with-bom" : kind, onProgress, {
        signers: session.verification && factsOf(session.verification),
        signal,
      });
      // Another search replaces the events being written.
      checkResult(selection, events, this.now());
      return { blob, events };
    }
    const { bytes } = session;
    if (bytes === undefined || this.slicer === undefined) {
      throw new Error("a slice needs the bytes of the export and a slicer");
    }
    const indexes = await session.index.indexes();
    checkResult(selection, indexes.length, this.now());
    const slice = await this.slicer.slice(bytes, { indexes }, { trust: session.trust, signal });
    if (slice.events !== selection.events) {
      throw new SelectionMismatch([selection.events, slice.events]);
    }
    return { blob: slice.bytes, events: slice.events };
  }

  #open(isOpen: boolean): void {
    this.isOpen = isOpen;
    if (isOpen) {
      addEventListener("pointerdown", this.#outside);
    } else {
      removeEventListener("pointerdown", this.#outside);
      this.message = this.running === undefined ? "" : this.message;
    }
  }

  readonly #outside = (event: Event): void => {
    if (!event.composedPath().includes(this)) {
      this.#open(false);
    }
  };

  /** Closes the menu when the focus leaves it. */
  readonly #left = ({ relatedTarget }: FocusEvent): void => {
    if (this.isOpen && relatedTarget instanceof Node && !this.contains(relatedTarget)) {
      this.#open(false);
    }
  };

  readonly #key = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && this.isOpen) {
      event.stopPropagation();
      this.#open(false);
      this.querySelector("button")?.focus();
    }
  };
}

const ENDINGS: Readonly<Record<Kind, string>> = {
  csv: "-events.csv",
  ndjson: "-events.ndjson",
  slice: "-slice.countersign.ndjson",
};

define("cs-export", ExportMenu);
