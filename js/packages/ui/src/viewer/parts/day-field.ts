import { html, type TemplateResult } from "lit";
import type { Texts } from "../texts/texts.js";
import { parseDay } from "./day.js";

/** A day as it is typed, in every language. */
const EXAMPLE = "2026-10-01";
/** Maximum characters of a day, which may have the name of its month. */
const MAX_LENGTH = 40;

const CALENDAR = html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="M4 6h16v14H4zM4 10h16M8 3v5M16 3v5" fill="none" stroke="currentColor" stroke-width="2" /></svg>`;

interface DayField {
  readonly name: string;
  readonly label: string;
  /** Initial day. */
  readonly value?: string;
  readonly isInvalid: boolean;
}

/**
 * Renders a text field for a day, with a day in ISO form as an example, and a button that opens the browser's calendar.
 * The browser's own field shows days in the order of its locale, which is ambiguous.
 */
export function dayField(
  { name, label, value = "", isInvalid }: DayField,
  { pickDay }: Texts["view"]["period"],
): TemplateResult {
  return html`
    <div class="day-field">
      <label>${label}<input name=${name} autocomplete="off" maxlength=${MAX_LENGTH} placeholder=${EXAMPLE} .defaultValue=${value} aria-invalid=${isInvalid} /></label>
      <input type="date" class="sr" tabindex="-1" aria-hidden="true" @input=${(event: Event) => event.stopPropagation()} @change=${pick} />
      <button type="button" class="quiet" aria-label=${pickDay(label)} title=${pickDay(label)} @click=${openCalendar}>${CALENDAR}</button>
    </div>
  `;
}

function partsOf(event: Event): readonly [text: HTMLInputElement | null, calendar: HTMLInputElement | null] {
  const field = (event.currentTarget as HTMLElement).parentElement;
  return [
    field?.querySelector<HTMLInputElement>("label input") ?? null,
    field?.querySelector<HTMLInputElement>("input[type=date]") ?? null,
  ];
}

function openCalendar(event: Event): void {
  const [text, calendar] = partsOf(event);
  if (text === null || calendar === null) return;
  const typed = parseDay(text.value);
  if ("day" in typed) calendar.value = typed.day;
  try {
    calendar.showPicker();
  } catch {
    // Without a calendar, the day is typed.
    text.focus();
  }
}

/** Writes the day that was picked into the field. */
function pick(event: Event): void {
  const [text, calendar] = partsOf(event);
  if (text === null || calendar === null || calendar.value === "") return;
  text.value = calendar.value;
  text.dispatchEvent(new Event("input", { bubbles: true }));
  text.focus();
}
