import { copy, save, stem } from "@countersign/ui/viewer/parts/save.js";
import { reasonOf, type Selection, selectionView } from "@countersign/ui/viewer/search/selection.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import { picker } from "../input/choose.ts";
import type { TextFile } from "../input/trust.ts";
import { command } from "../shell.ts";
import type { PageTexts } from "../texts/en.ts";
import { View } from "../view.ts";

/** The parts of a result that can be saved. */
export interface KeptResult {
  readonly report: Report;
  readonly pin: string | null;
  readonly file: string;
  /** The export itself, if the reader has no file of it. */
  readonly unsaved: File | undefined;
  /** True if the export was joined from pieces. The command needs it as one file. */
  readonly isJoined: boolean;
  /** Name of the trust file, and its text unless it is the file that was chosen. */
  readonly trust: { readonly name: string; readonly made: string | undefined } | undefined;
  readonly pins: readonly TextFile[];
  /** The remembered pin, if it influenced the verdict. */
  readonly seen: { readonly name: string; readonly text: string } | undefined;
}

/**
 * Buttons for the report and pin as files and for the printed report, and the command that reaches the same
 * verdict.
 */
export class Keep extends View {
  static override properties = {
    texts: { attribute: false },
    result: { attribute: false },
    selection: { attribute: false },
    sampled: { attribute: false },
  };
  declare texts: PageTexts;
  /** The selection that the report and the printed page refer to. */
  declare selection: Selection;
  /** Number of events in a sample of the selection, if one was drawn: only these are in the report and on paper. */
  declare sampled: number | undefined;
  declare result: KeptResult;
  #message: "" | "copied" | "copyRefused" = "";

  protected override willUpdate(changed: Map<string, unknown>): void {
    const before = changed.get("result") as KeptResult | undefined;
    if (before && before.report !== this.result.report) this.#message = "";
  }

  protected override render(): TemplateResult {
    const { result } = this;
    const t = this.texts.keep;
    const { report, pin, trust, unsaved, seen } = result;
    const isBlocked = reasonOf(this.selection, this.texts.viewer, true) !== undefined;
    const unlessBlocked = (name: string) => (isBlocked ? nothing : emits(name));
    const line = command(
      result.file,
      trust?.name,
      [...result.pins, ...(seen ? [seen] : [])].map(({ name }) => name),
    );
    return html`
      <section class="keep" aria-labelledby="keep-heading">
        <h2 id="keep-heading">${t.heading}</h2>
        <p id="keep-selection" class="evidence-selection"><span class="faint">${t.selection}</span> ${this.sampled === undefined ? nothing : html`<strong class="plain">${t.sampled(this.texts.viewer.figures.events(this.sampled))}</strong> `}${selectionView(this.selection, this.texts.viewer)}</p>
        <div class="buttons">
          ${unsaved === undefined ? nothing : html`<button type="button" @click=${() => save(unsaved.name, unsaved)}>${t.saveExport}</button>`}
          <button type="button" aria-disabled=${isBlocked} aria-describedby="keep-selection" @click=${unlessBlocked("save-report")}>${t.report}</button>
          <button type="button" aria-disabled=${isBlocked} aria-describedby="keep-selection" @click=${unlessBlocked("print")}>${t.print}</button>
          ${
            pin === null
              ? nothing
              : html`<button type="button" @click=${() => save(`${stem(report.origin ?? "log")}.${report.log?.size ?? 0}.pin.txt`, pin)}>${t.pin}</button>`
          }
          ${
            trust?.made === undefined
              ? nothing
              : html`<button type="button" @click=${() => save(trust.name, trust.made ?? "")}>${t.trust}</button>`
          }
          ${result.pins.map(({ name, text, source }) => (source === undefined ? nothing : html`<button type="button" @click=${() => save(name, text)}>${t.savePin[source]} <span class="sr">${name}</span></button>`))}
          ${seen === undefined ? nothing : html`<button type="button" @click=${() => save(seen.name, seen.text)}>${t.seen}</button>`}
          ${picker(t.compare, "compare-files", { multiple: true })}
        </div>
        <p class="help">${pin === null ? t.noPin : t.pinHelp}</p>
        <p id="command-help">${t.command(unsavedParts(result, this.texts))}</p>
        <div class="command">
          <pre tabindex="0" role="group" aria-labelledby="command-help"><code>${line}</code></pre>
          <button type="button" class="quiet" @click=${() => void this.#copy(line)}>${t.copy}</button>
        </div>
        <p role="status" class="help">${this.#message === "" ? nothing : t[this.#message]}</p>
      </section>
    `;
  }

  async #copy(line: string): Promise<void> {
    this.#message = (await copy(line)) ? "copied" : "copyRefused";
    this.requestUpdate();
  }
}

/** Returns the inputs of the command that the reader must save first. */
function unsavedParts({ unsaved, trust, pins, seen, isJoined }: KeptResult, { keep }: PageTexts): string {
  const missing = [
    ...(unsaved === undefined ? [] : [keep.theExport]),
    ...(trust?.made === undefined ? [] : [keep.theTrust]),
    ...(["pasted", "evidence"] as const)
      .filter((source) => pins.some((pin) => pin.source === source))
      .map((source) => keep.thePin[source]),
    ...(seen === undefined ? [] : [keep.theSeen]),
  ];
  return `${missing.length === 0 ? "" : keep.once(missing)}${isJoined ? keep.joinedFirst : ""}`;
}
