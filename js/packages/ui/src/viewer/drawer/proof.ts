import { type PlainError, plainError } from "@countersign/shared/error.js";
import type { CheckName, Report } from "@countersign/shared/report.js";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { WholeEvent } from "../../index/types.js";
import type { Explanation, ProofFact, ProofHash, ProofStep, Slicer } from "../../slice/types.js";
import { icon, outcomeOf, STATE_LOOKS, stateView, VERDICT_LOOKS } from "../parts/icons.js";
import { keyView } from "../parts/key.js";
import { save } from "../parts/save.js";
import { sentenceView, value } from "../parts/value.js";
import { faultOf } from "../search/faulty.js";
import type { Texts } from "../texts/texts.js";
import { define, internal, props, TextView } from "../view.js";
import { isSameLine } from "./selected-row.js";

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "loading"; readonly read: number; readonly of: number; readonly abort: AbortController }
  | { readonly kind: "explained"; readonly explanation: Explanation }
  | { readonly kind: "failed"; readonly failure: PlainError };

/** Number of a step's facts shown at first. A chain can have very many links. */
const MAX_FACTS = 12;
/** Maximum characters of a fact. */
const MAX_FACT_CHARS = 70_000;
/** Facts that are words or numbers. All others are bytes, or lines of the export. */
const PLAIN = ["bytes", "seq", "trust", "index", "size", "origin", "time", "reserialized", "signer"];

/** Steps with the result of the check `tree`. Other steps are named like a check, or are always needed. */
const TREE_STEPS: readonly string[] = ["leaf", "path", "checkpoint"];

/** The proof of one event. Computed on request, because the whole export is read again for it. */
export class Proof extends TextView {
  static override properties = {
    ...props("event", "slicer", "source", "trust", "report"),
    ...internal("state", "allFacts"),
  };

  declare event: WholeEvent | undefined;
  declare slicer: Slicer | undefined;
  /** The whole export, once it has been read. */
  declare source: Blob | undefined;
  declare trust: string | undefined;
  /** The report on the whole export. */
  declare report: Report | undefined;

  private state: State = { kind: "idle" };
  private allFacts = false;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#reset();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const isOther = changed.has("event") && !isSameLine(changed.get("event"), this.event);
    if (isOther || changed.has("source") || changed.has("trust")) {
      this.#reset();
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const { texts, event, slicer, source } = this;
    if (event === undefined || slicer === undefined || source === undefined) {
      return nothing;
    }
    const { drawer, proof } = texts.rows;
    return html`
      <h3>${drawer.proof}</h3>
      <p class="faint">${proof.about}</p>
      <div class="proof-state" aria-live="polite">${this.#content(this.state, texts)}</div>
    `;
  }

  #content(state: State, texts: Texts): TemplateResult {
    const { proof } = texts.rows;
    switch (state.kind) {
      case "idle":
        return html`<p class="actions"><button type="button" @click=${this.#explain}>${proof.explain}</button></p>`;
      case "loading":
        return html`
          <div class="proof-progress">
            <label for="cs-proof-progress">${proof.explaining}</label>
            <progress id="cs-proof-progress" max=${Math.max(1, state.of)} .value=${state.read}></progress>
            <span class="faint" aria-hidden="true">${proof.read({ read: texts.figures.bytes(state.read), of: texts.figures.bytes(state.of) })}</span>
            <button type="button" class="quiet" @click=${this.#reset}>${proof.cancel}</button>
          </div>
        `;
      case "failed":
        return html`
          <div class="proof-failed tone-bad">
            <p>${stateView(STATE_LOOKS.fail, proof.failed)}</p>
            <p>${sentenceView(state.failure.message, state.failure.phrases, texts, 1_000)}</p>
            ${state.failure.hint === undefined ? nothing : html`<p class="faint">${sentenceView(state.failure.hint, state.failure.phrases, texts, 1_000)}</p>`}
            <p class="actions"><button type="button" @click=${this.#explain}>${proof.again}</button></p>
          </div>
        `;
      case "explained":
        return this.#explained(state.explanation, texts);
    }
  }

  #explained(explanation: Explanation, texts: Texts): TemplateResult {
    const { proof } = texts.rows;
    const { steps, report } = explanation;
    const { verdict } = report;
    return html`
      <ol class="steps" tabindex="-1">${steps.map((step) => this.#step(step, explanation, texts))}</ol>
      <p class="proof-verdict">
        ${proof.verdict} ${stateView(VERDICT_LOOKS[verdict], html`<span class="plain">${texts.result.verdicts[verdict].word}</span>`)}
      </p>
      <p class="actions">
        <button type="button" aria-disabled=${this.#isRefused} aria-describedby="cs-proof-about" @click=${this.#save}>${icon("save")} ${proof.save}</button>
        <small class="faint" id="cs-proof-about">${this.#isRefused ? texts.save.noProof : proof.saveAbout}</small>
      </p>
    `;
  }

  #step({ id, state, facts, hashes = [] }: ProofStep, explanation: Explanation, texts: Texts): TemplateResult {
    const { proof, drawer } = texts.rows;
    const check = TREE_STEPS.includes(id) ? "tree" : id;
    const outcome =
      state === "not_checked" && check in explanation.report.checks
        ? outcomeOf(check as CheckName, explanation)
        : state;
    const look = STATE_LOOKS[outcome];
    const shown = this.allFacts ? facts : facts.slice(0, MAX_FACTS);
    const more = facts.length - shown.length;
    return html`
      <li class="step step-${state} tone-${look.tone}">
        <div class="step-head">
          <span class="step-mark">${icon(look.icon)}</span>
          <h4>${proof.steps[id].title}</h4>
          <span class="state tone-${look.tone}">${texts.result.states[outcome]}</span>
        </div>
        <p class="faint">${proof.steps[id].about}</p>
        ${
          facts.length === 0 && hashes.length === 0
            ? nothing
            : html`<details ?open=${state === "fail" || (id === "key" && state !== "pass")}>
                <summary>${facts.length === 0 ? proof.hashes(hashes.length) : summary(facts, texts)}</summary>
                ${shown.length === 0 ? nothing : html`<dl class="step-facts">${shown.map((fact) => this.#fact(fact, texts))}</dl>`}
                ${
                  more === 0
                    ? nothing
                    : html`<p><button type="button" class="quiet" @click=${this.#showAll}>${drawer.showMore} (${texts.figures.count(more)})</button></p>`
                }
                ${hashes.length === 0 ? nothing : hashTable(hashes, texts)}
              </details>`
        }
      </li>
    `;
  }

  #fact({ name, value: text }: ProofFact, texts: Texts): TemplateResult {
    const title = factName(name, texts) ?? value(name);
    return html`
      <div>
        <dt>${title}</dt>
        <dd>${name === "vkey" ? keyView(text, texts) : PLAIN.includes(name) ? value(fact(name, text, texts), MAX_FACT_CHARS) : html`<code>${value(text, MAX_FACT_CHARS)}</code>`}</dd>
      </div>
    `;
  }

  readonly #explain = async (): Promise<void> => {
    const { event, slicer, source, trust } = this;
    if (event === undefined || slicer === undefined || source === undefined) {
      return;
    }
    const abort = new AbortController();
    const { chain, seq } = event;
    this.#setState({ kind: "loading", read: 0, of: source.size, abort });
    const setState = (state: State) => {
      if (this.state.kind === "loading" && this.state.abort === abort) {
        this.#setState(state);
      }
    };
    try {
      const onProgress = (read: number, of: number) => setState({ kind: "loading", read, of, abort });
      const explanation = await slicer.explain(source, { chain, seq }, { trust, signal: abort.signal, onProgress });
      setState({ kind: "explained", explanation });
    } catch (error) {
      setState(abort.signal.aborted ? { kind: "idle" } : { kind: "failed", failure: plainError(error) });
    }
  };

  /** True if the export fails its own checks: the saved proof would verify by itself, and hide that. */
  get #isRefused(): boolean {
    return faultOf(this.report) !== undefined;
  }

  readonly #save = (): void => {
    if (this.state.kind === "explained" && this.event !== undefined && !this.#isRefused) {
      save(`proof-${this.event.chain.slice(0, 8)}-${this.event.seq}.ndjson`, this.state.explanation.proof);
    }
  };

  readonly #showAll = (): void => {
    this.allFacts = true;
  };

  #reset(): void {
    if (this.state.kind === "loading") {
      this.state.abort.abort(new DOMException("the proof is no longer needed", "AbortError"));
    }
    this.allFacts = false;
    this.#setState({ kind: "idle" });
  }

  /** Changes the state. If the button with the focus disappears, the focus moves to the result. */
  #setState(state: State): void {
    const { activeElement } = this.getRootNode() as ShadowRoot;
    const hadFocus = activeElement !== null && this.contains(activeElement);
    const isOther = state.kind !== this.state.kind;
    this.state = state;
    if (hadFocus && isOther) {
      void this.updateComplete.then(() => this.querySelector<HTMLElement>(".proof-state :is(button, .steps)")?.focus());
    }
  }
}

/** Returns the names of the facts, as a summary of the folded content. */
function summary(facts: readonly ProofFact[], texts: Texts): string {
  const names = new Set(facts.flatMap(({ name }) => factName(name, texts) ?? []));
  return names.size === 0 ? texts.rows.drawer.showMore : [...names].join(" · ");
}

/** Returns a fact's display name; undefined if unknown. */
function factName(name: string, { rows }: Texts): string | undefined {
  const { facts } = rows.proof;
  return Object.hasOwn(facts, name) ? facts[name as keyof typeof facts] : undefined;
}

/** Formats numbers for the language, and a key's trust in words. */
function fact(name: string, text: string, { figures, result }: Texts): string {
  if (name === "trust" && Object.hasOwn(result.signers, text)) {
    return result.signers[text as keyof typeof result.signers].word;
  }
  const isCount = ["bytes", "seq", "index", "size"].includes(name) && /^[0-9]{1,15}$/.test(text);
  return isCount ? figures.count(Number(text)) : text;
}

function hashTable(hashes: readonly ProofHash[], { rows, figures }: Texts): TemplateResult {
  const { proof } = rows;
  return html`
    <table class="hashes">
      <thead>
        <tr><th scope="col">${proof.level}</th><th scope="col">${proof.side}</th><th scope="col">${proof.hash}</th></tr>
      </thead>
      ${hashes.map(
        ({ level, side, hash, node }) => html`<tbody>
          <tr><th scope="rowgroup" rowspan="2">${figures.count(level)}</th><td>${proof.sides[side]}</td><td><code>${value(hash)}</code></td></tr>
          <tr><td class="faint">${proof.node}</td><td><code>${value(node)}</code></td></tr>
        </tbody>`,
      )}
    </table>
  `;
}

define("cs-proof", Proof);
