/** What is raised where a log that one follows is no longer the one that it was. It stays until the page goes. */

import type { Judged, Report } from "@countersign/shared/report.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment, type Zone } from "../parts/format.js";
import { icon } from "../parts/icons.js";
import { save } from "../parts/save.js";
import { said } from "../parts/value.js";
import type { Session } from "../session/session.js";
import type { Texts } from "../texts/texts.js";
import { codeTitle, isInTitle, verdictWords } from "./verdict.js";

/** What was noticed. */
export interface Alarm extends Pick<Judged, "report" | "phrases" | "why"> {
  readonly at: Date;
  /** The last checkpoint from before. */
  readonly goodPin: string | null;
}

/** Whether a report says that the log's history changed, or does not hold together. */
export function isAlarming({ verdict, checks }: Report): boolean {
  return verdict === "altered" || verdict === "broken" || checks.append_only.state === "fail";
}

/** The alarm that a session's report raises now. */
export function alarmOf({ verification, goodPin, pins }: Session): Alarm | undefined {
  if (verification === undefined || !isAlarming(verification.report)) {
    return undefined;
  }
  const { report, phrases, why } = verification;
  return { report, phrases, why, at: new Date(), goodPin: goodPin ?? pins.at(-1) ?? null };
}

/** The alarm, with what to keep of it. */
export function alarmView(alarm: Alarm, texts: Texts, zone: Zone): TemplateResult {
  const { report, phrases, at, goodPin } = alarm;
  const { live } = texts;
  const first = report.findings.find(({ severity }) => severity === "error");
  return html`
    <section class="alarm" part="alarm" role="alert">
      ${icon("altered")}
      <div>
        <h2>${live.alarmTitle}: ${what(alarm, texts)}</h2>
        ${first === undefined ? nothing : html`<p><strong>${codeTitle(first.code, texts)}.</strong> ${isInTitle(first) ? nothing : said(first.message, phrases, texts, 400)}</p>`}
        <p>${live.alarmSince(moment(at.getTime(), zone))} ${live.alarmKeep}</p>
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

/** What happened: to the log's history, or to what it holds. */
function what(alarm: Alarm, texts: Texts): string {
  const { verdict, checks } = alarm.report;
  const { live, result } = texts;
  if (checks.append_only.state === "fail") {
    return live.alarmChanged;
  }
  if (verdict !== "broken") {
    return result.verdicts[verdict].says;
  }
  // What else breaks a log, such as too few witnesses, its lines are not to blame for.
  const isOfLines = [checks.format, checks.chains, checks.tree].some(({ state }) => state === "fail");
  return isOfLines ? live.alarmBroken : verdictWords(alarm, texts).says;
}
