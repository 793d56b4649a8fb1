/** Contents of a row's cells. */

import { html, type TemplateResult } from "lit";
import type { EventRow, Row } from "../../index/types.js";
import { moment, type Zone } from "../parts/format.js";
import { icon, type Look } from "../parts/icons.js";
import { keyParts } from "../parts/key.js";
import { outcomeWord } from "../parts/outcome-word.js";
import { type Party, summaryOf } from "../parts/summary.js";
import { filled, value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";
import { type ChosenColumn, type ColumnId, type EventColumn, isMember, isOfEvent, type LinkColumn } from "./columns.js";

/** How times are shown. */
interface Times {
  readonly zone: Zone;
  /** True if times of recording are marked, because other rows show the event's own time. */
  readonly marksRecorded: boolean;
}

/**
 * Renders a row's cells in the order of the columns; undefined for empty ones. Also returns the start of the event's
 * text, if no cell shows anything of the event.
 */
export function cellsOf(row: Row, columns: readonly ChosenColumn[], times: Times, texts: Texts) {
  const cells = columns.map(({ id }) => {
    if (!isOfEvent(id)) {
      return ofLink(row, id, times, texts);
    }
    return row.kind === "event" ? ofEvent(row, id, columns, texts) : undefined;
  });
  if (row.kind !== "event") {
    return { cells, excerpt: undefined };
  }
  const { outcome } = summaryOf(row);
  const shows = (id: ColumnId, cell: unknown) => isOfEvent(id) && (id === "outcome" ? outcome : cell) !== undefined;
  const hasContent = columns.some(({ id }, place) => shows(id, cells[place]));
  return { cells, excerpt: hasContent ? undefined : row.begin };
}

function ofEvent(
  row: EventRow,
  id: EventColumn | `.${string}`,
  columns: readonly ChosenColumn[],
  texts: Texts,
): unknown {
  const { rows } = texts;
  if (isMember(id)) {
    return text(row.fields.get(id.slice(1))?.join(", "));
  }
  const summary = summaryOf(row);
  const { outcome } = summary;
  switch (id) {
    case "actor":
      return summary.for === undefined || columns.some((column) => column.id === "for")
        ? summary.actor && named(summary.actor)
        : actorFor(summary.actor, summary.for, rows.list.actorFor);
    case "for":
    case "target":
      return summary[id] && named(summary[id]);
    case "outcome":
      return outcome === undefined
        ? html`<span class="outcome implied">${rows.list.notStated}</span>`
        : outcomeView(outcome, texts);
    case "tenant":
      return text(row.tenant);
    case "action":
      return withOutcome(
        summary.action,
        columns.some((column) => column.id === "outcome") ? undefined : outcome,
        texts,
      );
    case "address":
    case "reason":
    case "as":
      return text(summary[id]);
    default:
      return id satisfies never;
  }
}

function ofLink(row: Row, id: LinkColumn, { zone, marksRecorded }: Times, { figures, rows }: Texts): unknown {
  if (id === "line" || id === "index") {
    return figures.count(row[id]);
  }
  if (row.kind === "gap" || row.kind === "fold") {
    return undefined;
  }
  switch (id) {
    case "time": {
      const own = row.kind === "event" ? row.happened : undefined;
      const mark = html`<span class="time-mark" title=${rows.list.recordedTime}>${icon("key")}<span class="sr">${rows.list.recordedTime}</span></span>`;
      return own === undefined && marksRecorded
        ? html`<span class="marked-time">${timeView(row.time, zone)}${mark}</span>`
        : timeView(own ?? row.time, zone);
    }
    case "recorded":
      return timeView(row.time, zone);
    case "place":
      return html`<bdi dir="ltr"><code>${row.chain.slice(0, 8)}</code> / ${figures.count(row.seq)}</bdi>`;
    case "signer":
      return named(keyParts(row.vkey));
    default:
      return id satisfies never;
  }
}

function text(content: string | undefined): TemplateResult | undefined {
  return content === undefined ? undefined : value(content);
}

function timeView(time: string, zone: Zone): TemplateResult {
  return html`<time datetime=${time} dir="ltr">${moment(time, zone)}</time>`;
}

function named({ id, name }: Pick<Party, "id" | "name">): TemplateResult {
  return name === undefined
    ? value(id)
    : html`<span class="named">${value(name)} <span class="faint">${value(id)}</span></span>`;
}

/** Renders an actor and the party for whom it acted, such as `support-bot for Grace Hopper`. */
function actorFor(actor: Party | undefined, person: Party, words: Texts["rows"]["list"]["actorFor"]): TemplateResult {
  const short = ({ id, name }: Party) => html`<span title=${id}>${value(name ?? id)}</span>`;
  return html`<span class="named">${filled(words, { actor: actor === undefined ? "…" : short(actor), person: short(person) })}</span>`;
}

/** Appearance of outcomes that failed, or may have. */
const OUTCOME_LOOKS: ReadonlyMap<string, Look> = new Map([
  ["failure", { icon: "fail", tone: "bad" }],
  ["denied", { icon: "warning", tone: "doubt" }],
  ["unknown", { icon: "unknown", tone: "faint" }],
]);

/** Renders an event's outcome, emphasized unless it is a success. */
function outcomeView(outcome: string, texts: Texts): TemplateResult {
  const look = OUTCOME_LOOKS.get(outcome);
  const word = value(outcomeWord(outcome, texts));
  return look === undefined ? word : html`<span class="outcome tone-${look.tone}">${icon(look.icon)}${word}</span>`;
}

/** Renders an action, with an icon for an outcome that isn't a success and has no column. */
function withOutcome(
  action: string | undefined,
  outcome: string | undefined,
  texts: Texts,
): TemplateResult | undefined {
  const look = outcome === undefined ? undefined : OUTCOME_LOOKS.get(outcome);
  const word = outcomeWord(outcome ?? "", texts);
  return action === undefined || look === undefined
    ? text(action)
    : html`<span class="outcome"><span class="tone-${look.tone}" title=${word}>${icon(look.icon)}<span class="sr">${word}</span></span>${value(action)}</span>`;
}
