import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { emit, emits } from "../emit.ts";
import { phoneView } from "../phrase.ts";
import type { Chosen } from "../state/case.ts";
import type { Memory } from "../state/memory.ts";
import type { PageTexts } from "../texts/en.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { memoryView } from "./remembered.ts";
import { account, keyParts, LINE_KINDS, type SessionKey, type TextFile, type TrustChoice } from "./trust.ts";

interface Choices {
  readonly chosen: readonly Chosen[];
  readonly trust: TrustChoice;
  readonly pins: readonly TextFile[];
  readonly memory: Memory;
  /** True if the trust file is that of an evidence file, chosen by its author. */
  readonly isAuthors: boolean;
  /** True if the form is folded behind a line with the inputs. */
  readonly isFolded: boolean;
  /** Lit directive that receives the element for pasted text. */
  readonly paste: unknown;
}

/** Renders the form where exports and trust are chosen. */
export function chooseView(
  { chosen, trust, pins, memory, isAuthors, isFolded, paste }: Choices,
  t: PageTexts,
): TemplateResult {
  const isSample = chosen.some(({ from }) => from === "sample");
  return html`
    <div id="choose" class="choose ${chosen.length > 0 ? "chosen" : ""}" ?hidden=${isFolded}>
      <section class="panel drop" aria-labelledby="export-heading">
        <h2 id="export-heading" tabindex="-1">${t.export.heading}</h2>
        ${
          chosen.length > 0
            ? html`<ul class="chosen-files">${chosen.map((one) => fileView(one, chosen.length > 1, t))}</ul>`
            : html`<p class="drop-hint">${icon("file")}${t.export.hint}<span class="faint">${t.export.formats}</span></p>`
        }
        <div class="buttons">
          ${picker(chosen.length > 0 ? t.export.another : t.export.choose, "choose-files", { primary: chosen.length === 0, multiple: true })}
          ${chosen.length > 0 && !isSample ? picker(t.export.add, "add-files", { multiple: true }) : nothing}
          ${chosen.length === 0 || isSample ? nothing : html`<button type="button" class="quiet" @click=${emits("choose-sample")}>${t.export.sample}</button>`}
        </div>
      </section>
      <section class="panel trust" aria-labelledby="trust-heading">
        <h2 id="trust-heading" tabindex="-1">${isAuthors ? t.trust.authors : t.trust.heading}</h2>
        ${trust.file === undefined && trust.keys.length === 0 ? html`<p class="help">${t.trust.none}</p>` : nothing}
        <ul class="chosen-list">
          ${trust.file ? trustFile(trust.file, t) : nothing}
          ${trust.keys.map((key) => sessionKey(key, t))}
          ${pins.map((pin) => pinFile(pin, t))}
        </ul>
        ${trust.file ? phoneView(trust.file.text, undefined, t) : nothing}
        <div class="buttons">
          ${picker(trust.file ? t.trust.another : t.trust.choose, "choose-trust", {})}
          ${picker(t.trust.pin, "choose-pins", { multiple: true })}
        </div>
        <countersign-paste .texts=${t} ${paste}></countersign-paste>
        ${memoryView(memory, t)}
      </section>
    </div>
  `;
}

/** Renders why an input was rejected. */
export function complaintView(complaint: string): TemplateResult {
  return html`<p class="complaint complaint-line" role="alert">${complaint ? html`${icon("warning")}<span>${value(complaint, 600)}</span>` : nothing}</p>`;
}

function fileView(one: Chosen, isOneOfSeveral: boolean, t: PageTexts): TemplateResult {
  const { file, of } = one;
  return html`
    <li class="file">
      ${icon("file")}<span>${value(file.name)} <span class="faint">${t.viewer.figures.bytes(file.size)}${of.length > 0 ? html`, ${t.export.joined(of.length)}` : nothing}</span></span>
      ${
        isOneOfSeveral
          ? html`<button type="button" class="quiet" @click=${emits("remove-file", file)}>${t.export.remove}<span class="sr"> ${file.name}</span></button>`
          : nothing
      }
    </li>
  `;
}

function trustFile({ name, text }: TextFile, t: PageTexts): TemplateResult {
  return html`
    <li>
      ${icon("key")}<span>${value(name)} <span class="faint">${accountView(text, t)}</span></span>
      <button type="button" class="quiet" @click=${emits("remove-trust")}>${t.trust.remove}<span class="sr"> ${name}</span></button>
    </li>
  `;
}

/** Returns the number of keys, such as `1 log, 2 emitters`. */
function accountView(text: string, t: PageTexts): string {
  const counts = account(text);
  const { count } = t.viewer.figures;
  const parts = LINE_KINDS.filter((kind) => counts[kind] > 0).map(
    (kind) => `${count(counts[kind])} ${(counts[kind] === 1 ? t.trust.account : t.trust.accounts)[kind]}`,
  );
  return parts.join(", ") || t.trust.noKey;
}

function sessionKey(key: SessionKey, t: PageTexts): TemplateResult {
  const parts = keyParts(key.vkey);
  return html`
    <li>
      ${icon("key")}<span>${value(parts?.name ?? key.vkey)} <code>${parts?.id}</code> <span class="faint">${t.trust.account[key.kind]}, ${t.trust.forSession}</span></span>
      <button type="button" class="quiet" @click=${emits("remove-key", key)}>${t.trust.remove}<span class="sr"> ${parts?.name}</span></button>
    </li>
  `;
}

function pinFile(pin: TextFile, t: PageTexts): TemplateResult {
  const { origin = "", size } = readCheckpoint(pin.text) ?? {};
  return html`
    <li>
      ${icon("pin")}<span>${value(pin.name)} <span class="faint">${value(origin)} ${size === undefined ? nothing : t.trust.pinOf(t.viewer.figures.count(size))}</span></span>
      <button type="button" class="quiet" @click=${emits("remove-pin", pin)}>${t.trust.remove}<span class="sr"> ${pin.name}</span></button>
    </li>
  `;
}

/** The input of the open file dialog. Some browsers lose an input that nothing refers to. */
let asking: HTMLInputElement | undefined;

/** Renders a button that opens the browser's file dialog. */
export function picker(
  label: string,
  then: string,
  options: { primary?: boolean; quiet?: boolean; multiple?: boolean },
): TemplateResult {
  const open = (event: Event) => {
    const input = document.createElement("input");
    asking = input;
    input.type = "file";
    input.multiple = options.multiple ?? false;
    const target = event.currentTarget;
    input.addEventListener("change", () => {
      if (asking === input) asking = undefined;
      emit(target, then, [...(input.files ?? [])]);
    });
    input.click();
  };
  return html`<button type="button" class=${options.primary ? "primary" : options.quiet ? "quiet" : ""} @click=${open}>${label}</button>`;
}
