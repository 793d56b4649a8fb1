/** The alarm raised when the history of a followed log changed. It stays until the page is left. */

import type { Judged, Report } from "@countersign/shared/report.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment, type Zone } from "../parts/format.js";
import { icon } from "../parts/icons.js";
import { save } from "../parts/save.js";
import { sentenceView } from "../parts/value.js";
import type { Session } from "../session/session.js";
import type { Texts } from "../texts/texts.js";
import { codeTitle, isInTitle, verdictWords } from "./verdict.js";

/** State of the log when the alarm was raised. */
export interface Alarm extends Pick<Judged, "report" | "phrases" | "why"> {
  readonly at: Date;
  /** The last good pin before the alarm. */
  readonly goodPin: string | null;
}

/** True if a report shows that the log's history changed, or that it is broken. */
export function isAlarming({ verdict, checks }: Report): boolean {
  return verdict === "altered" || verdict === "broken" || checks.append_only.state === "fail";
}

/** True if no problem is worse than that the log isn't the one that the trust file or the page names. */
function isOtherLog({ findings }: Report): boolean {
  return findings.every(({ severity, code }) => severity !== "error" || code === "expected.origin");
}

/** Returns the alarm that a session's report raises, if any. */
export function alarmOf({ verification, goodPin, pins }: Session): Alarm | undefined {
  if (verification === undefined || !isAlarming(verification.report)) {
    return undefined;
  }
  const { report, phrases, why } = verification;
  return { report, phrases, why, at: new Date(), goodPin: goodPin ?? pins.at(-1) ?? null };
}

/** Renders the alarm, with buttons to save the evidence. */
export function alarmView(alarm: Alarm, texts: Texts, zone: Zone): TemplateResult {
  const { report, phrases, at, goodPin } = alarm;
  const { live } = texts;
  const first = report.findings.find(({ severity }) => severity === "error");
  const settings = first !== undefined && isOtherLog(report) ? `${live.alarmSettings} ` : "";
  return html`
    <section class="alarm" part="alarm" role="alert">
      ${icon("altered")}
      <div>
        <h2>${live.alarmTitle}: ${summaryOf(alarm, texts)}</h2>
        ${first === undefined ? nothing : html`<p><strong>${codeTitle(first.code, texts)}.</strong> ${isInTitle(first) ? nothing : sentenceView(first.message, phrases, texts, 400)}</p>`}
        <p>${live.alarmSince(moment(at.getTime(), zone))} ${settings}${live.alarmKeep}</p>
        <div class="buttons">
          <button type="button" @click=${() => save("alarm-report.json", `${JSON.stringify(report, null, 2)}\n`, "application/json")}>${live.saveReport}</button>
          ${
            goodPin === null
              ? nothing
              : html`<button type="button" @click=${() => save("last-good-pin.txt", goodPin)}>${live.savePin}</button>`
          }
        </div>
      </div>
    </section>
  `;
}

/** Returns what happened: to the log's history, or to its content. */
function summaryOf(alarm: Alarm, texts: Texts): string {
  const { verdict, checks } = alarm.report;
  const { live, result } = texts;
  if (checks.append_only.state === "fail") {
    return live.alarmChanged;
  }
  if (verdict !== "broken") {
    return result.verdicts[verdict].says;
  }
  // Other problems, such as too few witnesses, aren't caused by the log's lines.
  const isOfLines = [checks.format, checks.chains, checks.tree].some(({ state }) => state === "fail");
  return isOfLines ? live.alarmBroken : verdictWords(alarm, texts).says;
}
