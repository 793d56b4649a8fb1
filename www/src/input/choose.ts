import { html, nothing, type TemplateResult } from "lit";
import { bytes } from "../format.ts";
import { icon } from "../icons.ts";
import { value, wish } from "../view.ts";
import { KEY_KINDS } from "../words.ts";
import { account, keyParts, type SessionKey, type TextFile, type TrustChoice } from "./trust.ts";

interface Choices {
  readonly chosen: { readonly file: File; readonly from: "reader" | "log" | "sample" } | undefined;
  readonly trust: TrustChoice;
  readonly pins: readonly TextFile[];
  readonly complaint: string;
}

/** Where an export is chosen, and what one trusts. */
export function chooseView({ chosen, trust, pins, complaint }: Choices): TemplateResult {
  return html`
    <div class="choose ${chosen ? "chosen" : ""}">
      <section class="panel drop" aria-labelledby="export-heading">
        <h2 id="export-heading">Export</h2>
        ${
          chosen
            ? html`<p class="file">${icon("file")}<span>${value(chosen.file.name)} <span class="faint">${bytes(chosen.file.size)}</span></span></p>`
            : html`<p class="drop-hint">${icon("file")}Drop a file anywhere on this page<span class="faint">.ndjson, also as .gz or .zst</span></p>`
        }
        <div class="buttons">
          ${picker(chosen ? "Choose another export" : "Choose an export", "choose-files", { primary: !chosen, multiple: true })}
          ${chosen?.from === "sample" ? nothing : html`<button type="button" @click=${send("choose-sample")}>Try the sample</button>`}
        </div>
      </section>
      <section class="panel" aria-labelledby="trust-heading">
        <h2 id="trust-heading">What you trust</h2>
        ${
          trust.file === undefined && trust.keys.length === 0
            ? html`<p class="help">Without a key from someone you trust, the best answer is that a file is consistent in itself.</p>`
            : nothing
        }
        <ul class="chosen-list">
          ${trust.file ? trustFile(trust.file) : nothing}
          ${trust.keys.map(sessionKey)}
          ${pins.map(pinFile)}
        </ul>
        <p class="complaint" role="alert">${complaint ? value(complaint) : nothing}</p>
        <div class="buttons">
          ${picker(trust.file ? "Choose another trust file" : "Choose a trust file", "choose-trust", {})}
          ${picker("Add a pin", "choose-pins", { multiple: true })}
        </div>
        <countersign-add-key></countersign-add-key>
      </section>
    </div>
  `;
}

function trustFile({ name, text }: TextFile): TemplateResult {
  return html`
    <li>
      ${icon("key")}<span>${value(name)} <span class="faint">${account(text)}</span></span>
      <button type="button" class="quiet" @click=${send("remove-trust")}>Remove<span class="sr"> ${name}</span></button>
    </li>
  `;
}

function sessionKey(key: SessionKey): TemplateResult {
  const parts = keyParts(key.vkey);
  return html`
    <li>
      ${icon("key")}<span>${value(parts?.name ?? key.vkey)} <code>${parts?.id}</code> <span class="faint">${KEY_KINDS[key.kind].title.toLowerCase()}, for this session</span></span>
      <button type="button" class="quiet" @click=${send("remove-key", key)}>Remove<span class="sr"> ${parts?.name}</span></button>
    </li>
  `;
}

function pinFile(pin: TextFile): TemplateResult {
  const [origin = "", size = ""] = pin.text.split("\n");
  return html`
    <li>
      ${icon("pin")}<span>${value(pin.name)} <span class="faint">pin of ${value(origin)} at ${value(size, 20)} leaves</span></span>
      <button type="button" class="quiet" @click=${send("remove-pin", pin)}>Remove<span class="sr"> ${pin.name}</span></button>
    </li>
  `;
}

/** The file dialog that is open: some browsers forget an input that nothing refers to. */
let asking: HTMLInputElement | undefined;

/** A button that opens the browser's file dialog. */
function picker(
  label: string,
  then: string,
  options: { primary?: boolean; multiple?: boolean },
): TemplateResult {
  const open = (event: Event) => {
    const input = document.createElement("input");
    asking = input;
    input.type = "file";
    input.multiple = options.multiple ?? false;
    const target = event.currentTarget;
    input.addEventListener("change", () => {
      if (asking === input) asking = undefined;
      target?.dispatchEvent(wish(then, [...(input.files ?? [])]));
    });
    input.click();
  };
  return html`<button type="button" class=${options.primary ? "primary" : ""} @click=${open}>${label}</button>`;
}

function send(name: string, detail?: unknown): (event: Event) => void {
  return (event) => event.currentTarget?.dispatchEvent(wish(name, detail));
}
