import { html, nothing, type TemplateResult } from "lit";
import { icon } from "../parts/icons.js";
import { value } from "../parts/value.js";
import { define, emit, props, TextView } from "../view.js";
import {
  type ChosenColumn,
  DEFAULT_COLUMNS,
  isMember,
  MAX_COLUMNS,
  memberColumn,
  NAMED_COLUMNS,
  type NamedColumn,
  widthWithin,
} from "./columns.js";

/** Pixels by which "narrower" and "wider" change a width. */
const WIDTH_STEP = 24;
/** Width in pixels assumed for a column without one. */
const DEFAULT_WIDTH = 160;

/** A dialog to choose columns, their order, and their widths, also by keyboard. Dispatches `columns-changed`. */
export class ColumnsChooser extends TextView {
  static override properties = props("columns");

  columns: readonly ChosenColumn[] = [];

  /** Opens the dialog. */
  open(): void {
    const dialog = this.querySelector("dialog");
    if (dialog?.open === false) {
      dialog.showModal();
    }
  }

  protected override render(): TemplateResult {
    // Keys pressed in the dialog must not reach the list behind it.
    const texts = this.texts.rows.columns;
    const hidden = (Object.keys(NAMED_COLUMNS) as NamedColumn[]).filter((id) =>
      this.columns.every((column) => column.id !== id),
    );
    return html`
      <dialog class="chooser" part="dialog" aria-labelledby="cs-columns-heading" @click=${this.#clicked} @keydown=${(event: Event) => event.stopPropagation()}>
        <form method="dialog" class="chooser-head">
          <h2 id="cs-columns-heading">${texts.heading}</h2>
          <button class="quiet square" aria-label=${texts.close}>${icon("close")}</button>
        </form>
        <div class="chooser-body">
          <p class="faint">${texts.about}</p>
          <ul>
            ${this.columns.map((column, place) => this.#chosen(column, place))}
            ${hidden.map(
              (id) => html`<li>
                <label><input type="checkbox" .checked=${false} ?disabled=${this.#isFull} @change=${() => this.#change([...this.columns, { id }])} />${texts.names[id]}</label>
              </li>`,
            )}
          </ul>
          <form class="chooser-member" @submit=${this.#add}>
            <label for="cs-columns-member">${texts.member}</label>
            <input id="cs-columns-member" name="path" maxlength="200" autocomplete="off" spellcheck="false" aria-describedby="cs-columns-hint" />
            <button ?disabled=${this.#isFull}>${texts.add}</button>
            <small id="cs-columns-hint" class="faint">${texts.memberHint}</small>
          </form>
        </div>
        <form method="dialog" class="chooser-foot">
          <button type="button" class="quiet" @click=${() => this.#change(DEFAULT_COLUMNS)}>${texts.reset}</button>
          <button class="primary">${texts.close}</button>
        </form>
      </dialog>
    `;
  }

  get #isFull(): boolean {
    return this.columns.length >= MAX_COLUMNS;
  }

  #chosen(column: ChosenColumn, place: number): TemplateResult {
    const texts = this.texts.rows.columns;
    const { id, width } = column;
    const name = isMember(id) ? id.slice(1) : texts.names[id];
    const button = (label: string, drawing: "up" | "down" | "narrower" | "wider", isOff: boolean, act: () => void) =>
      html`<button type="button" class="quiet square" aria-label=${label} aria-disabled=${isOff} @click=${() => isOff || act()}>${icon(drawing)}</button>`;
    const wide = (by: number) => () =>
      this.#change(this.columns.with(place, { id, width: widthWithin((width ?? DEFAULT_WIDTH) + by) }));
    const move = (by: number, label: string) => () => {
      const others = this.columns.filter((_, other) => other !== place);
      this.#change(others.toSpliced(place + by, 0, column));
      // The focus moves along, so that the key can be pressed again.
      void this.updateComplete.then(() =>
        this.querySelector<HTMLElement>(`button[aria-label="${CSS.escape(label)}"]`)?.focus(),
      );
    };
    return html`
      <li class="chosen">
        <label>
          <input
            type="checkbox"
            .checked=${true}
            ?disabled=${this.columns.length === 1}
            @change=${() => this.#change(this.columns.filter((_, other) => other !== place))}
          />${isMember(id) ? html`<code>${value(name)}</code>` : name}
        </label>
        <span class="chooser-width">
          ${width === undefined ? nothing : `${width} px`}
          ${button(texts.narrower(name), "narrower", false, wide(-WIDTH_STEP))}
          ${button(texts.wider(name), "wider", false, wide(WIDTH_STEP))}
        </span>
        ${button(texts.earlier(name), "up", place === 0, move(-1, texts.earlier(name)))}
        ${button(texts.later(name), "down", place === this.columns.length - 1, move(1, texts.later(name)))}
      </li>
    `;
  }

  #change(columns: readonly ChosenColumn[]): void {
    this.columns = columns;
    emit(this, "columns-changed", { columns });
  }

  readonly #add = (event: SubmitEvent): void => {
    event.preventDefault();
    const input = (event.target as HTMLFormElement).querySelector("input");
    const column = memberColumn(input?.value ?? "");
    if (input !== null && column !== undefined && this.columns.every(({ id }) => id !== column.id)) {
      input.value = "";
      this.#change([...this.columns, column]);
    }
  };

  readonly #clicked = (event: MouseEvent): void => {
    if (event.target instanceof HTMLDialogElement) {
      event.target.close();
    }
  };
}

define("cs-columns", ColumnsChooser);
