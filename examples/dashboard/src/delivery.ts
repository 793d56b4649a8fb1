/** Shows the state of this page's events, and problems in delivery. */

import type { Status } from "countersign";
import type { Audit } from "./audit.ts";
import { counted, el, type IconName, icon } from "./dom.ts";
import type { Tally } from "./progress.ts";

const STEPS: readonly { step: keyof Tally; word: string; means: string }[] = [
  { step: "queued", word: "Queued", means: "kept in this browser" },
  { step: "sending", word: "Sending", means: "on its way to the log" },
  { step: "proven", word: "Proven", means: "the log’s proof was checked" },
  { step: "verified", word: "Verified", means: "read back and checked" },
];

/** The panel with the steps from a click to a verified event. */
export class Delivery {
  readonly element: HTMLElement;
  readonly #audit: Audit;
  readonly #counts = new Map<string, HTMLElement>();
  readonly #notice = el("div", { class: "notice", role: "status" });
  #noticed = "";

  constructor(audit: Audit) {
    this.#audit = audit;
    const steps = STEPS.map(({ step, word, means }) => {
      const count = el("span", { class: "count" }, "0");
      this.#counts.set(step, count);
      return el(
        "li",
        { class: `step ${step}` },
        icon(step),
        el("span", { class: "word" }, word),
        count,
        el("span", { class: "means" }, means),
      );
    });
    this.element = el(
      "section",
      { class: "panel", "aria-labelledby": "delivery" },
      el("h2", { id: "delivery" }, "What you do here"),
      el("ol", { class: "steps" }, ...steps),
      this.#notice,
      this.#switch(),
    );
  }

  show(tally: Tally): void {
    for (const [step, count] of this.#counts) {
      const text = String(tally[step as keyof Tally]);
      if (count.textContent !== text) {
        count.textContent = text;
      }
      count.parentElement?.classList.toggle("busy", text !== "0");
    }
    this.#showProblem();
  }

  #switch(): HTMLElement {
    const input = el("input", {
      type: "checkbox",
      role: "switch",
      id: "cut",
      "aria-describedby": "cut-help",
      change: ({ currentTarget }) => this.#audit.cut((currentTarget as HTMLInputElement).checked),
    });
    return el(
      "div",
      { class: "switch" },
      input,
      el(
        "div",
        {},
        el("label", { for: "cut" }, "Cut the connection to the log"),
        el(
          "p",
          { id: "cut-help", class: "faint" },
          "Your actions then wait in this browser, even if you close the page.",
        ),
      ),
    );
  }

  /** Shows what delays events. The text is announced when it changes, so it doesn't include the remaining seconds. */
  #showProblem(): void {
    const { status } = this.#audit;
    const shown = status === undefined ? undefined : problem(status);
    const key = JSON.stringify(shown);
    if (key === this.#noticed) {
      return;
    }
    this.#noticed = key;
    this.#notice.replaceChildren();
    if (shown === undefined) {
      return;
    }
    this.#notice.append(
      notice(shown.icon, shown.title, shown.text),
      el("button", { type: "button", click: () => this.#audit.retry() }, "Send now"),
    );
  }
}

/** Returns a notice with a problem and its explanation. */
export function notice(name: IconName, title: string, text: string): HTMLElement {
  return el(
    "div",
    { class: `callout ${name === "failed" ? "bad" : "doubt"}` },
    icon(name),
    el("div", {}, el("strong", {}, title), el("p", {}, text)),
  );
}

function problem({ waiting, lastError, dead }: Status): { icon: IconName; title: string; text: string } | undefined {
  const [first] = dead;
  if (first !== undefined) {
    return { icon: "failed", title: "The log rejected a chain", text: sentence(first.error) };
  }
  if (lastError === undefined || waiting === 0) {
    return undefined;
  }
  return {
    icon: "warning",
    title: `${counted(waiting, "event waits", "events wait")}, none are lost`,
    text: sentence(lastError),
  };
}

/** Formats an error's message and hint as sentences. */
export function sentence({ message, hint }: { message: string; hint?: string | undefined }): string {
  const sentences = [message, hint].flatMap((text) => text ?? []);
  return sentences.map((text) => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`).join(" ");
}
