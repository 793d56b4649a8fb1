import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Finding, FindingGroup, ListedFinding } from "../../analyze/types.js";
import { icon } from "../parts/icons.js";
import { value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";
import { define, emit, internal, props, TextView } from "../view.js";
import type { Detection } from "./detection.js";
import { FindingAnswers } from "./detection-subscription.js";
import { levelView, periodView, subjectView, targetOf, valuesView } from "./finding-parts.js";

/** Number of a group's findings listed at first, and added each time. */
const PAGE_SIZE = 10;

/**
 * The findings of one rule about one subject: a line that expands to each of them, or the finding itself if it is the
 * only one. Dispatches `show-finding` ({ finding }).
 */
export class FindingGroupView extends TextView {
  static override properties = { ...props("detection", "group", "isSelected"), ...internal("isOpen") };

  declare detection: Detection | undefined;
  declare group: FindingGroup | undefined;
  /** True if only findings about the selected events are listed. */
  isSelected = false;
  private isOpen = false;
  #max = PAGE_SIZE;
  /** Targets by the ID of the finding; undefined if they are unknown. */
  readonly #targets = new Map<string, string | undefined>();
  readonly #members = new FindingAnswers<readonly ListedFinding[]>(this, [], async ({ members }) =>
    this.group === undefined || !this.#isListed ? [] : members(this.#max, this.group, this.isSelected),
  );

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("group");
    const isOther = changed.has("group") && (before === undefined || keyOf(before) !== keyOf(this.group));
    if (isOther || changed.has("detection") || changed.has("isSelected")) {
      this.#max = PAGE_SIZE;
      this.#targets.clear();
      this.#members.begin();
    }
  }

  protected override updated(): void {
    for (const member of this.#members.last) {
      void this.#readTarget(member);
    }
  }

  /** Reads the target of the event that a finding is about, if it is a single one. */
  async #readTarget({ finding: { id, entries }, total }: ListedFinding): Promise<void> {
    const [entry] = entries;
    const index = this.detection?.session.index;
    if (total !== 1 || entry === undefined || index === undefined || this.#targets.has(id)) {
      return;
    }
    this.#targets.set(id, undefined);
    // Without it, the list shows only the subject.
    const target = await targetOf(index, entry).catch(() => undefined);
    if (target !== undefined && this.#targets.has(id)) {
      this.#targets.set(id, target);
      this.requestUpdate();
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const { group, texts } = this;
    if (group === undefined) {
      return nothing;
    }
    const { last: members } = this.#members;
    const [only] = members;
    if (group.findings === 1 && only !== undefined) {
      return this.#finding(only, texts, true);
    }
    const { found, figures } = texts;
    const left = group.findings - members.length;
    return html`
      <details class="found-group" data-level=${group.level} @toggle=${this.#toggled}>
        <summary class="found-one">
          <span class="found-level">${levelView(group.level, texts)}</span>
          <span class="found-title">${value(group.title, 200)}</span>
          <span class="found-who">${valuesView(group.subject)}</span>
          <span class="found-when faint">${periodView(group, this.zone)}</span>
          <span class="found-entries"><strong class="plain">${figures.findings(group.findings)}</strong> ${icon("down")}</span>
        </summary>
        <ol class="found-members">${members.map((one) => html`<li>${this.#finding(one, texts, false)}</li>`)}</ol>
        ${
          this.isOpen && members.length > 0 && left > 0
            ? html`<p class="actions"><button type="button" class="quiet" @click=${this.#more}>${found.more(figures.count(left))}</button></p>`
            : nothing
        }
      </details>
    `;
  }

  /** True if the findings themselves are needed. */
  get #isListed(): boolean {
    return this.isOpen || this.group?.findings === 1;
  }

  #finding({ finding, total }: ListedFinding, texts: Texts, isAlone: boolean): TemplateResult {
    const { id, level, title } = finding;
    const target = this.#targets.get(id);
    return html`
      <button type="button" class="found-one" data-level=${level} @click=${() => this.#press(finding)}>
        <span class="found-level">${levelView(level, texts)}</span>
        ${isAlone ? html`<span class="found-title">${value(title, 200)}</span>` : nothing}
        <span class="found-who">${isAlone && this.group !== undefined ? valuesView(this.group.subject) : subjectView(finding)}${target === undefined ? nothing : html` → ${value(target, 80)}`}</span>
        <span class="found-when faint">${periodView(finding, this.zone)}</span>
        <span class="found-entries faint">${texts.found.entries(total)}</span>
      </button>
    `;
  }

  #press(finding: Finding): void {
    this.detection?.press(finding.id);
    emit(this, "show-finding", { finding });
  }

  readonly #toggled = (event: Event): void => {
    this.isOpen = (event.target as HTMLDetailsElement).open;
    void this.#members.ask();
  };

  readonly #more = (): void => {
    this.#max += PAGE_SIZE;
    void this.#members.ask();
  };
}

/** Identifies a group. */
export function keyOf(group: Pick<FindingGroup, "rule" | "subject"> | undefined): string {
  return JSON.stringify([group?.rule, group?.subject]);
}

define("cs-found-group", FindingGroupView);
