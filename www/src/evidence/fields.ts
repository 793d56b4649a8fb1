import { html, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";

/** Maximum length of a reference, and of an examiner's name, in characters. */
const MAX_LENGTH = 1000;

/** The texts in the fields, and who takes them. */
interface Origin {
  readonly typed: { readonly reference: string; readonly examiner: string };
  write(words: { readonly reference?: string; readonly examiner?: string }): void;
}

/** Renders the fields for the reference and the examiner, as the panel has them. */
export function originFields(panel: () => Origin | undefined, t: PageTexts): TemplateResult {
  const { reference = "", examiner = "" } = panel()?.typed ?? {};
  const { make } = t.evidence;
  return html`
    <div class="evidence-fields">
      ${originField("reference", make.reference, reference, (text) => panel()?.write({ reference: text }))}
      ${originField("examiner", make.examiner, examiner, (text) => panel()?.write({ examiner: text }))}
    </div>
    <p class="help">${make.typed}</p>
  `;
}

function originField(
  name: string,
  label: string,
  text: string,
  write: (text: string) => void,
): TemplateResult {
  return html`
    <label>${label}<input name=${name} autocomplete="off" maxlength=${MAX_LENGTH} .value=${text} @input=${({ target }: Event) => write((target as HTMLInputElement).value)} /></label>
  `;
}
