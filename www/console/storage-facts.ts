/** Shows the log's own statements about its storage: disk space, backup, self-check, index, and witnesses. */

import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../src/core-sentence.ts";
import type { Health } from "./health.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { fact } from "./words.ts";

/** Maximum number of witnesses listed. */
const MAX_LISTED = 20;

/** Renders the storage, or nothing if the log doesn't report it, for example because its version is older. */
export function keptView(health: Health, t: ConsoleTexts): TemplateResult | typeof nothing {
  const words = t.storage.kept;
  const { kind } = health.storage;
  if (kind === undefined) return nothing;
  return html`
    <section aria-labelledby="kept-heading">
      <h3 id="kept-heading">${words.heading}</h3>
      <dl class="facts">
        ${fact(words.kind, words.kinds[kind])}
        ${fact(words.room, roomView(health, t))}
        ${fact(words.backup, backupView(health, t))}
        ${fact(words.check, checkView(health, t))}
        ${fact(words.index, indexWords(health, t))}
        ${health.clock.witnesses.length === 0 ? nothing : fact(words.witnesses, witnessesView(health, t))}
      </dl>
    </section>
  `;
}

function roomView({ storage: { kind, room, full } }: Health, t: ConsoleTexts): unknown {
  const words = t.storage.kept;
  if (room === undefined) return kind === "object" ? words.byPlatform : t.storage.unknown;
  const { bytes } = t.viewer.figures;
  return html`<span class=${full ? "tone-bad" : nothing} data-room>${words.free({ free: bytes(room.free), total: bytes(room.total) })}</span>
    <span class="help">${words.least}</span>`;
}

function backupView({ storage: { kind }, backup, size }: Health, t: ConsoleTexts): unknown {
  const words = t.storage.kept;
  if (backup === undefined) {
    if (kind === "bucket") return words.backupOfBucket;
    return kind === "object" ? words.backupOfObject : words.noBackup;
  }
  const since = size === undefined ? 0 : size - backup.size;
  return html`${moment(backup.at)}, ${t.viewer.figures.entries(backup.size)}
    ${since > 0 ? html`<span class="help">${words.since(since)}</span>` : nothing}`;
}

function checkView({ storage: { kind }, check }: Health, t: ConsoleTexts): unknown {
  const words = t.storage.kept;
  if (check === undefined) return kind === "object" ? words.noCheck : words.checkOff;
  const { at, problems, percent, within } = check;
  const pace = html`<span class="help">${words.pace(percent, t.viewer.figures.duration(within))}</span>`;
  if (at === undefined) return html`${words.firstCheck} ${pace}`;
  const isGood = problems === 0;
  return html`<span class=${isGood ? nothing : "tone-bad"} data-problems=${problems ?? nothing}>${
    problems === undefined ? t.storage.unknown : isGood ? words.whole : words.problems(problems)
  }</span>, ${moment(at)} ${pace}`;
}

function indexWords({ storage: { kind }, index, size }: Health, t: ConsoleTexts): string {
  const words = t.storage.kept;
  if (index === undefined) return kind === "object" ? words.noIndex : words.indexOff;
  if (!index.isWhole) return words.indexDamaged;
  return size === undefined ? t.viewer.figures.entries(index.indexed) : words.indexed(index.indexed, size);
}

function witnessesView({ clock: { witnesses } }: Health, t: ConsoleTexts): unknown {
  const more = witnesses.length - MAX_LISTED;
  const shown = witnesses.slice(0, MAX_LISTED);
  return html`${shown.map(
    ([name, skew], place) =>
      html`${place > 0 ? ", " : nothing}${value(name, 100)} (${skew > 0 ? "+" : ""}${t.viewer.figures.count(skew)} s)`,
  )}${more > 0 ? html` <span class="faint">(${t.keys.more(more)})</span>` : nothing}
    <span class="help">${t.storage.kept.skews}</span>`;
}
