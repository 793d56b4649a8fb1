import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import type { Chosen } from "../state/case.ts";
import type { PageTexts } from "../texts/en.ts";
import { picker } from "./choose.ts";
import { keyParts, type TextFile, type TrustChoice } from "./trust.ts";

/** Inputs of a verification, for display in one line. */
export interface Inputs {
  readonly chosen: readonly Chosen[];
  /** Origin of the file's log, once known. */
  readonly origin: string | undefined;
  readonly trust: TrustChoice;
  readonly pins: readonly TextFile[];
  /** True if the form is shown. */
  readonly isOpen: boolean;
  /** The verdict in one line, if it is folded. */
  readonly verdict: TemplateResult | typeof nothing;
}

/** Maximum number of file names. */
const MAX_NAMED = 2;

/** Renders in one line what is checked, and with what. */
export function inputsView(
  { chosen, origin, trust, pins, isOpen, verdict }: Inputs,
  t: PageTexts,
): TemplateResult {
  const more = chosen.length - MAX_NAMED;
  return html`
    <section class="inputs" aria-label=${t.inputs.heading}>
      ${verdict}
      <ul>
        ${chosen.slice(0, MAX_NAMED).map(({ file }) => html`<li class="input-file">${icon("file")}<span>${value(file.name, 80)} <span class="faint size">${t.viewer.figures.bytes(file.size)}</span></span></li>`)}
        ${more > 0 ? html`<li class="faint">${t.inputs.more(more)}</li>` : nothing}
        ${trustView(trust, isOpen, t)}
        ${pins.length > 0 ? html`<li>${icon("pin")}<span>${t.inputs.pins(pins.length)} <span class="faint">${pins.slice(0, MAX_NAMED).map(({ name }, place) => html`${place > 0 ? ", " : nothing}${value(name, 80)}`)}${pins.length > MAX_NAMED ? ", …" : nothing}</span></span></li>` : nothing}
        ${origin === undefined ? nothing : html`<li class="input-log"><span class="faint">${t.verdict.log}</span> ${value(origin, 80)}</li>`}
      </ul>
      <button type="button" class="quiet" aria-expanded=${isOpen} aria-controls="choose" @click=${emits("turn-inputs")}>${isOpen ? t.inputs.done : t.inputs.change}</button>
    </section>
  `;
}

function trustView({ file, keys }: TrustChoice, isOpen: boolean, t: PageTexts): TemplateResult {
  if (file === undefined && keys.length === 0)
    return html`<li class="input-trust tone-doubt"><span class="state tone-doubt">${icon("key")}${t.inputs.noTrust}</span>${isOpen ? nothing : picker(t.trust.choose, "choose-trust", { quiet: true })}</li>`;
  const [first] = keys;
  const name = file?.name ?? keyParts(first?.vkey ?? "")?.name ?? "";
  const more = keys.length - (file === undefined ? 1 : 0);
  return html`<li class="input-trust">${icon("key")}<span>${value(name, 80)}${more > 0 ? html` <span class="faint">${t.inputs.more(more)}</span>` : nothing}</span></li>`;
}
