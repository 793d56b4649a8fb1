/** The newest events: the page's own from the click on, and all that this page verified in the log. */

import type { AuditEvent, Status } from "countersign";
import type { Click } from "./audit.ts";
import type { Tally } from "./delivery.ts";
import { clock, counted, el, type IconName, icon } from "./dom.ts";
import type { Entry, Log, View } from "./log.ts";

type State = "queued" | "sending" | "proven" | "verified" | "doubt" | "failed";

const WORDS: Record<State, string> = {
  queued: "Queued",
  sending: "Sending",
  proven: "Proven",
  verified: "Verified",
  doubt: "Unconfirmed",
  failed: "Failed",
};

/** One line of the trail. */
interface Row {
  readonly key: string;
  readonly state: State;
  readonly isOwn: boolean;
  readonly at: Date;
  readonly event: AuditEvent | Entry["event"];
  readonly entry?: Entry | undefined;
  readonly why?: string | undefined;
}

/** What to make of a verdict. Which one it is, the verifier alone says. */
const VERDICTS: Record<View["report"]["verdict"], { state: State; word: string; means: string }> = {
  verified: {
    state: "verified",
    word: "Intact",
    means: "signed by keys that this dashboard trusts, in order, and in the log",
  },
  partial: {
    state: "verified",
    word: "Intact",
    means: "signed by keys that this dashboard trusts, in order, and in the log",
  },
  unconfirmed: {
    state: "doubt",
    word: "Unconfirmed",
    means: "signed by a key that this dashboard has no reason to trust",
  },
  not_checked: { state: "doubt", word: "Not checked", means: "it could not be checked to the end" },
  broken: { state: "failed", word: "Broken", means: "something is missing, repeated or out of order" },
  altered: { state: "failed", word: "Altered", means: "something here is not what was recorded" },
};

/** The panel with the trail. */
export class Trail {
  readonly element: HTMLElement;
  readonly #verdict = el("div", { class: "verdict" });
  readonly #list = el("ol", { class: "trail" });
  readonly #empty = el("p", { class: "empty" }, "Nothing is recorded yet. Run a job: it shows up here.");
  readonly #said = el("p", { class: "sr", role: "status" });
  readonly #shown = new Map<string, { element: HTMLElement; text: string; state: State }>();
  /** Own events that verified, also when newer ones have pushed them out of sight. */
  readonly #verified = new Set<string>();
  #first: Date | undefined;
  #judged = "";

  constructor() {
    this.element = el(
      "section",
      { class: "panel", "aria-labelledby": "trail" },
      el("h2", { id: "trail" }, "Audit trail"),
      this.#verdict,
      this.#empty,
      this.#list,
      this.#said,
    );
  }

  /** Shows how things stand, and says how many of the page's events are how far. */
  show(clicks: readonly Click[], status: Status | undefined, log: Log): Tally {
    const rows = join(clicks, status, log.view);
    this.#judge(log);
    this.#draw(rows);
    this.#empty.hidden = rows.length > 0 || log.view === undefined;
    const proven = clicks.filter(({ place }) => place !== undefined).length;
    const inFlight = status?.inFlight ?? 0;
    for (const { key } of rows.filter(({ isOwn, state }) => isOwn && state === "verified")) {
      this.#verified.add(key);
    }
    return { queued: (status?.waiting ?? 0) - inFlight, sending: inFlight, proven, verified: this.#verified.size };
  }

  #draw(rows: readonly Row[]): void {
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, { element }] of this.#shown) {
      if (!keys.has(key)) {
        element.remove();
        this.#shown.delete(key);
      }
    }
    let before: Element | null = this.#list.firstElementChild;
    for (const row of rows) {
      const element = this.#item(row);
      if (element === before) {
        before = before.nextElementSibling;
      } else {
        this.#list.insertBefore(element, before);
      }
    }
  }

  /** The line's element, the same for as long as the line is there. */
  #item(row: Row): HTMLElement {
    const text = JSON.stringify([row.state, row.entry?.index, row.why]);
    const shown = this.#shown.get(row.key);
    if (shown?.text === text) {
      return shown.element;
    }
    if (row.isOwn && row.state === "verified" && shown !== undefined) {
      this.#said.textContent = `${describe(row.event)}: verified`;
    }
    const element = shown?.element ?? el("li", {}, el("details", {}, el("summary")));
    element.className = `row ${row.state}`;
    const details = element.firstElementChild;
    details?.replaceChildren(summary(row), ...facts(row));
    this.#shown.set(row.key, { element, text, state: row.state });
    return element;
  }

  #judge({ view, problem }: Log): void {
    const text = JSON.stringify([problem, view?.at]);
    if (text === this.#judged) {
      return;
    }
    this.#judged = text;
    if (view === undefined) {
      const waiting = el("p", { class: "faint" }, "Reading the log…");
      this.#verdict.replaceChildren(problem === undefined ? waiting : unread(problem, undefined));
      return;
    }
    const { report, at } = view;
    this.#first ??= at;
    const { state, word, means } = VERDICTS[report.verdict];
    const size = report.log === null ? "" : `${counted(report.log.size, "entry", "entries")} in the log. `;
    const grown = report.checks.append_only.state === "pass" && at.getTime() - this.#first.getTime() >= 1000;
    const findings = report.findings.filter(({ severity }) => severity === "error").slice(0, 3);
    this.#verdict.replaceChildren(
      el("p", { class: `judged ${state}` }, icon(state), el("span", {}, el("strong", {}, word), `: ${means}.`)),
      ...findings.map(({ message, line }) => el("p", { class: "finding" }, `Line ${line}: ${message}`)),
      el(
        "p",
        { class: "faint" },
        size,
        `This page checked the newest ${counted(report.counts.events, "event")} at `,
        clock(at),
        grown ? ". Since " : ".",
        ...(grown && this.#first ? [clock(this.#first), " the log has only grown."] : []),
      ),
      ...(problem === undefined ? [] : [unread(problem, at)]),
    );
  }
}

function unread(problem: string, since: Date | undefined): HTMLElement {
  return el(
    "div",
    { class: "callout doubt", role: "alert" },
    icon("warning"),
    el(
      "div",
      {},
      el("strong", {}, "The log cannot be read now"),
      el(
        "p",
        {},
        `${problem}. It is tried again when the connection is back.`,
        since === undefined ? "" : " What is below was verified before.",
      ),
    ),
  );
}

/** Clicks that are on their way, then what the log has. A click that came there is one line with its entry. */
function join(clicks: readonly Click[], status: Status | undefined, view: View | undefined): Row[] {
  const own = new Map<string, string>();
  const pending: Row[] = [];
  const there = new Set(view?.entries.map(place));
  const last = view?.report.log?.size ?? 0;
  let sending = status?.inFlight ?? 0;
  clicks.forEach(({ event, at, place: taken, error }, number) => {
    const key = `click ${number}`;
    if (taken !== undefined) {
      own.set(place(taken), key);
    }
    const isSeen = taken !== undefined && (there.has(place(taken)) || (taken.index ?? 0) < last);
    if (isSeen) {
      return;
    }
    const state: State =
      error !== undefined ? "failed" : taken !== undefined ? "proven" : sending-- > 0 ? "sending" : "queued";
    pending.push({ key, state, isOwn: true, at, event, why: error?.message });
  });
  const verdict = VERDICTS[view?.report.verdict ?? "not_checked"];
  const entries = view?.entries.map((entry): Row => {
    const click = own.get(place(entry));
    return {
      key: click ?? place(entry),
      state: verdict.state,
      isOwn: click !== undefined,
      at: new Date(entry.time),
      event: entry.event,
      entry,
    };
  });
  return [...pending.reverse(), ...(entries ?? [])];
}

const place = ({ chain, seq }: { chain: string; seq: number }): string => `${chain}/${seq}`;

function summary({ state, isOwn, at, event }: Row): HTMLElement {
  return el(
    "summary",
    {},
    el("span", { class: "state" }, icon(state satisfies IconName), WORDS[state]),
    el("span", { class: "what" }, el("span", { class: "action" }, text(event.action)), " ", named(event.target)),
    el(
      "span",
      { class: "who" },
      el("span", {}, named(event.actor)),
      isOwn && el("span", { class: "own" }, "this page"),
    ),
    clock(at),
  );
}

function facts({ entry, event, why }: Row): HTMLElement[] {
  const pairs: [string, string][] =
    entry === undefined
      ? []
      : [
          ["Entry", `${entry.index}`],
          ["Chain", `${entry.chain}, link ${entry.seq}`],
          ["Signed by", entry.vkey],
        ];
  return [
    ...(why === undefined ? [] : [el("p", { class: "finding" }, why)]),
    el("dl", {}, ...pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    el("pre", { tabindex: "0", "aria-label": "The event" }, JSON.stringify(entry?.event ?? event, null, 2)),
  ];
}

function describe(event: Row["event"]): string {
  return `${text(event.action)} ${named(event.target)}`;
}

/** Events hold whatever their emitters said. */
function named(value: unknown): string {
  const { name, id } = typeof value === "object" && value !== null ? (value as { name?: unknown; id?: unknown }) : {};
  return text(name ?? id ?? "");
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
