import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { copy, save } from "../save.ts";
import { command } from "../shell.ts";
import { View } from "../view.ts";

/** What one may want to keep of a result. */
export interface Kept {
  readonly report: Report;
  readonly pin: string | null;
  readonly file: string;
  /** The export itself, where the reader has no file of it. */
  readonly loaded: File | undefined;
  /** The trust file's name, and its text where it is not simply the file that was chosen. */
  readonly trust: { readonly name: string; readonly made: string | undefined } | undefined;
  readonly pins: readonly string[];
}

/** The report and the pin as files, and the command that comes to the same verdict. */
export class Keep extends View {
  #kept: Kept | undefined;
  #said = "";

  show(kept: Kept): void {
    if (this.#kept?.report !== kept.report) this.#said = "";
    this.#kept = kept;
    this.requestUpdate();
  }

  protected override render(): TemplateResult | typeof nothing {
    const kept = this.#kept;
    if (kept === undefined) return nothing;
    const { report, pin, trust, loaded } = kept;
    const line = command(kept.file, trust?.name, kept.pins);
    return html`
      <section aria-labelledby="keep-heading">
        <h2 id="keep-heading">Keep and repeat</h2>
        <div class="buttons">
          ${loaded === undefined ? nothing : html`<button type="button" @click=${() => save(loaded.name, loaded)}>Save export</button>`}
          <button type="button" @click=${() => save(`${stem(kept.file)}.report.json`, `${JSON.stringify(report)}\n`, "application/json")}>Download report</button>
          ${
            pin === null
              ? nothing
              : html`<button type="button" @click=${() => save(`${stem(report.origin ?? "log")}.${report.log?.size ?? 0}.pin.txt`, pin)}>Save pin</button>`
          }
          ${
            trust?.made === undefined
              ? nothing
              : html`<button type="button" @click=${() => save(trust.name, trust.made ?? "")}>Save trust file</button>`
          }
        </div>
        <p class="help">
          ${
            pin === null
              ? "There is no pin to save: that needs a log whose tree and signature pass, and no check that fails."
              : "The pin is the log’s checkpoint. Give it next time, and a log that was rewritten or cut back since is noticed."
          }
        </p>
        <p id="command-help">The same with the program${unsaved(kept)}:</p>
        <div class="command">
          <pre tabindex="0" role="group" aria-labelledby="command-help"><code>${line}</code></pre>
          <button type="button" class="quiet" @click=${() => void this.#copy(line)}>Copy</button>
        </div>
        <p role="status" class="help">${this.#said}</p>
      </section>
    `;
  }

  async #copy(line: string): Promise<void> {
    this.#said = (await copy(line))
      ? "Copied."
      : "The browser does not allow it: select the command and copy it.";
    this.requestUpdate();
  }
}

/** What the command needs, and the reader has no file of yet. */
function unsaved({ loaded, trust }: Kept): string {
  const missing = [
    ...(loaded === undefined ? [] : ["the export"]),
    ...(trust?.made === undefined ? [] : ["the trust file"]),
  ];
  if (missing.length === 0) return "";
  return `, once ${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} saved`;
}

/** A name without what follows its first dot, fit for a file name. */
function stem(name: string): string {
  const safe = name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[.-]+/, "");
  return safe.replace(/\.(countersign\.)?(ndjson|jsonl|json)?(\.(gz|zst))?$/i, "") || "export";
}
