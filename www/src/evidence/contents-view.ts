import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import type { Contents } from "./make.ts";

/** The choice between the contents of an evidence file with an answer. */
export interface ContentsChoice {
  /** Identifier of the explanation. */
  readonly id: string;
  readonly contents: Contents;
  /** False if the export is too large for a file. */
  readonly canContainAll: boolean;
  /** Number of events searched, and of those found. */
  readonly examined: number;
  readonly found: number;
  /** True if the export has events of others than those asked about. */
  readonly hasOthers: boolean;
  /** True if the export fails its own checks. */
  readonly isFaulty: boolean;
  readonly choose: (contents: Contents) => void;
}

/** Renders whether an evidence file contains all events that were searched, and what its readers can then check. */
export function contentsView(
  { id, contents, canContainAll, examined, found, hasOthers, isFaulty, choose }: ContentsChoice,
  t: PageTexts,
): TemplateResult {
  const { ask } = t.evidence;
  const all = t.viewer.figures.events(examined);
  const choice = ask.choice(all, found, hasOthers);
  const contain = (event: Event) =>
    choose((event.target as HTMLInputElement).checked ? "examined" : "selected");
  return html`
    ${
      canContainAll
        ? html`<label class="ask-contain"><input type="checkbox" name="contain" aria-describedby=${id} .checked=${contents === "examined"} @change=${contain} /><span>${ask.contain(all)}</span></label>`
        : html`<p class="help">${ask.tooLarge}</p>`
    }
    <p class="help" id=${id}>${canContainAll ? `${choice.ticked} ` : nothing}${isFaulty ? ask.statedFaulty(all) : choice.unticked}</p>
  `;
}
