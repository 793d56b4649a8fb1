/** The tab that searches many tenant logs. */

import type { EventRow, Party } from "@countersign/ui/index/types.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { verdictWords } from "@countersign/ui/viewer/verdict/verdict.js";
import { html, nothing, type TemplateResult } from "lit";
import { coreSentence, moment } from "../../src/core-sentence.ts";
import { emits } from "../../src/emit.ts";
import { DEFAULT_EXTENT, writeFragment } from "../address.ts";
import type { RequestFailure } from "../log.ts";
import type { ConsoleTexts } from "../texts/index.ts";
import { failureView, table } from "../verified.ts";
import { wordsOf } from "../words.ts";
import { addressOf, type Tenant } from "./tenant.ts";
import type { TenantList } from "./tenant-list.ts";
import { MAX_WHOLE, type TenantQuery, type TenantResult, type TenantSearch } from "./tenant-search.ts";

/** Number of logs shown at first, and with each click. */
export const SHOWN_AT_ONCE = 50;

interface TenantSearchViewInput {
  readonly search: TenantSearch;
  readonly list: TenantList;
  /** The tenants to search: those that the list shows. */
  readonly tenants: readonly Tenant[];
  readonly hasTrust: boolean;
  /** The form's values. */
  readonly form: TenantQuery;
  /** Maximum number of logs to show. */
  readonly limit: number;
  readonly run: (query: TenantQuery) => void;
  readonly cancel: () => void;
  readonly resume: () => void;
  readonly showMore: () => void;
}

export function tenantSearchView(input: TenantSearchViewInput, t: ConsoleTexts): TemplateResult {
  const { search, list, tenants, hasTrust, form, run, cancel } = input;
  const words = t.across;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    run({ query: String(fields.get("query") ?? "").trim(), isWhole: fields.get("whole") !== null });
  };
  const { invalid } = search;
  const canRun = tenants.length > 0 && !list.isLoading && !search.isRunning;
  return html`
    <p class="help wide-text">${words.about}</p>
    <form class="across" role="search" @submit=${submit} novalidate>
      <label for="across-query">${words.query}</label>
      <div class="across-line">
        <input id="across-query" name="query" type="search" class="mono" autocomplete="off" autocapitalize="off" spellcheck="false"
          placeholder=${words.example} .value=${form.query} aria-invalid=${invalid === undefined ? nothing : "true"} aria-describedby="across-complaint" />
        <button type="submit" class="primary" ?disabled=${!canRun}>${words.search(tenants.length)}</button>
        ${search.isRunning ? html`<button type="button" @click=${cancel}>${words.cancel}</button>` : nothing}
      </div>
      <p id="across-complaint" class="complaint" role="alert">${invalid === undefined ? nothing : html`${coreSentence(invalid.message, invalid.phrases, t.page)} ${coreSentence(invalid.hint, invalid.phrases, t.page)}`}</p>
      <label class="choice">
        <input type="checkbox" name="whole" .checked=${form.isWhole} aria-describedby="across-whole" />
        <span>${words.whole(MAX_WHOLE)}</span>
      </label>
      <p id="across-whole" class="help">${words.wholeHelp}</p>
    </form>
    ${tenants.length === list.tenants.length ? nothing : html`<p class="word tone-doubt" data-filtered=${tenants.length}>${icon("filter")}<span>${words.filtered(tenants.length, list.tenants.length)}</span></p>`}
    ${hasTrust ? nothing : html`<p class="word tone-doubt">${icon("untrusted")}<span>${words.noTrust}</span></p>`}
    ${(list.isComplete && list.unread === 0) || list.isLoading || list.tenants.length === 0 ? nothing : html`<p class="word tone-bad">${icon("warning")}<span>${words.listIncomplete}</span></p>`}
    ${search.asked === undefined || invalid !== undefined ? nothing : resultsView(input, t)}
  `;
}

function resultsView(
  { search, list, limit, resume, showMore }: TenantSearchViewInput,
  t: ConsoleTexts,
): TemplateResult {
  const words = t.across;
  const { results, total, looked, isRunning, isEnded, asked } = search;
  const unread = results.length - looked;
  const left = total - results.length;
  const found = results.filter(({ events }) => events > 0);
  const events = found.reduce((sum, result) => sum + result.events, 0);
  const shown = [...results.filter(isProblem), ...found.filter((result) => !isProblem(result))];
  const others = results.filter((result) => !isProblem(result) && result.events === 0);
  const unsure = others.filter((result) => !isProven(result)).length;
  const isShort = !isRunning && looked < total;
  const isSure = list.isComplete && list.unread === 0;
  const tone = isRunning ? "faint" : isShort || !isSure ? "bad" : "good";
  return html`
    ${isRunning ? html`<progress max=${total} .value=${results.length} aria-label=${words.progress}></progress>` : nothing}
    <p class="across-sum state tone-${tone}" data-looked=${looked} data-total=${total} data-running=${isRunning}>
      ${icon(isRunning ? "waiting" : isShort || !isSure ? "warning" : "pass")}
      <span><strong>${words.looked(looked, total)}</strong> ${words.found(events, found.length)}</span>
    </p>
    <p class="sr" role="status">${isRunning ? nothing : `${words.looked(looked, total)} ${words.found(events, found.length)}`}</p>
    ${
      isShort
        ? html`<div class="buttons">
          <p>${[unread > 0 ? words.unread(unread) : "", left > 0 ? words.left(left) : "", isEnded ? words.ended : ""].filter(Boolean).join(" ")}</p>
          <button type="button" @click=${resume}>${words.resume(total - looked)}</button>
        </div>`
        : nothing
    }
    <ul class="across-results">
      ${shown.slice(0, limit).map((result) => html`<li>${resultView(result, asked?.query ?? "", t)}</li>`)}
    </ul>
    ${shown.length > limit ? html`<div class="buttons"><button type="button" @click=${showMore}>${words.more(shown.length - limit)}</button></div>` : nothing}
    ${
      others.length === 0
        ? nothing
        : html`<p class="state tone-${unsure > 0 ? "doubt" : "good"}" data-none=${others.length}>${icon(unsure > 0 ? "unknown" : "pass")}<span>${words.nothing(others.length)} ${unsure > 0 ? words.unsure(unsure) : words.proven}</span></p>`
    }
  `;
}

/** True if a result must be looked at even if it has no matching event. */
function isProblem({ outcome, verdict, undecided }: TenantResult): boolean {
  return outcome === "unread" || verdict === "altered" || verdict === "broken" || undecided > 0;
}

/** True if the log was verified whole, or is empty, so that no match is missing. */
function isProven({ outcome, verdict, isWhole }: TenantResult): boolean {
  return isWhole && (outcome === "empty" || verdict === "verified");
}

function resultView(result: TenantResult, query: string, t: ConsoleTexts): TemplateResult {
  const { tenant, outcome, events, isCut, undecided, rows, verdict, judged, compared, refusal, failure } =
    result;
  const words = t.across;
  const fragment = writeFragment("", { tab: "search", extent: DEFAULT_EXTENT, query });
  const look = judged === undefined ? undefined : verdictWords(judged, t.viewer, { compared });
  return html`
    <section class="across-log" data-log=${tenant.id} data-outcome=${outcome} data-verdict=${verdict ?? nothing}>
      <div class="across-head">
        <h3><a href=${`${addressOf(tenant)}${fragment}`} @click=${emits("open-tenant", tenant)}>${value(tenant.name, 200)}</a></h3>
        ${outcome === "searched" ? html`<span>${words.matches(events)}${isCut ? html` <span class="faint">${words.cut}</span>` : nothing}</span>` : nothing}
        <code class="faint">${tenant.id}</code>
      </div>
      ${look === undefined ? nothing : html`<p class="state tone-${look.tone}">${icon(look.icon)}<span><strong>${look.word}</strong> ${look.says}</span></p>`}
      ${outcome === "unread" && refusal === undefined && failure === undefined ? html`<p class="state tone-bad">${icon("fail")}${words.noResult}</p>` : nothing}
      ${refusal === undefined ? nothing : refusedView(refusal, t)}
      ${failure === undefined ? nothing : failureView(failure, t)}
      ${undecided > 0 ? html`<p class="state tone-doubt">${icon("withheld")}${words.undecided(undecided)}</p>` : nothing}
      ${rows.length === 0 ? nothing : eventsView(rows, t)}
      ${events > rows.length && events > 0 ? html`<p class="help">${words.moreEvents(events - rows.length)}</p>` : nothing}
    </section>
  `;
}

/** Renders why a log didn't answer, in a line: many logs may not. */
function refusedView(refusal: RequestFailure, { refusals }: ConsoleTexts): TemplateResult {
  const { title, todo } = refusals[wordsOf(refusal)];
  const { reply, status } = refusal;
  return html`
    <p class="state tone-bad" data-status=${status}>${icon("fail")}<span><strong>${title}${status > 0 ? ` (${status})` : nothing}.</strong> ${todo}</span></p>
    ${reply === undefined ? nothing : html`<p class="help">${refusals.says} <span lang="en">${value(reply.message, 300)}${reply.hint === undefined ? nothing : html` (${value(reply.hint, 300)})`}</span></p>`}
  `;
}

function eventsView(rows: readonly EventRow[], t: ConsoleTexts): TemplateResult {
  const words = t.across;
  const { count } = t.viewer.figures;
  const heads = [words.time, words.action, words.actor, words.target, words.outcome, words.entry];
  return table(
    words.events,
    heads,
    rows.map((row) => {
      const facts = row.parsed ?? row.own;
      return html`
        <tr>
          <td>${moment(row.happened ?? row.time)}</td>
          <th scope="row">${facts?.action === undefined ? value(row.begin ?? "", 80) : value(facts.action, 80)}</th>
          <td>${partyView(facts?.actor)}</td>
          <td>${partyView(facts?.target)}</td>
          <td>${facts?.outcome === undefined || facts.outcome === "not-stated" ? nothing : value(facts.outcome, 20)}</td>
          <td class="number">${count(row.index)}</td>
        </tr>`;
    }),
  );
}

function partyView(party: Party | undefined): TemplateResult | typeof nothing {
  const id = party?.id ?? party?.name ?? party?.type;
  return id === undefined
    ? nothing
    : html`${value(id, 80)}${party?.id === undefined || party.name === undefined ? nothing : html` <span class="faint">${value(party.name, 60)}</span>`}`;
}
