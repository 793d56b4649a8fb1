import type { ScenarioProblem } from "@countersign/ui/overview/types.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import type { ConsoleTexts } from "../texts/index.ts";

/** Maximum length of a problem, and of a name, in characters. */
const MAX_SENTENCE = 500;
const MAX_NAME = 200;

/** Renders a problem with its hint, as the core says it; with `hasLine`, also the line in the file. */
export function problemView(
  { file, line, member, problem, hint }: ScenarioProblem,
  hasLine: boolean,
  t: ConsoleTexts,
): TemplateResult {
  const place = hasLine && line > 0 ? t.exposure.line(line) : "";
  const name = file === "" ? nothing : html`<strong>${value(file, MAX_NAME)}</strong>`;
  const where =
    file === "" && place === ""
      ? nothing
      : html`${name}${file !== "" && place !== "" ? ", " : nothing}${place}: `;
  return html`
    ${where}${member === "" ? nothing : html`<code>${value(member, MAX_NAME)}</code> `}${sentenceView({ problem, hint })}
  `;
}

/** Renders the sentence and the hint of a problem. */
export function sentenceView({ problem, hint }: Pick<ScenarioProblem, "problem" | "hint">): TemplateResult {
  return html`<span lang="en">${value(problem, MAX_SENTENCE)}. <span class="help">${value(hint, MAX_SENTENCE)}</span></span>`;
}
