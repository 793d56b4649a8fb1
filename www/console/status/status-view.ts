/** The overview: cards that tell in a glance whether the log is fine. */

import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../../src/emit.ts";
import type { Tab } from "../address.ts";
import type { ConsoleTexts } from "../texts/index.ts";
import { emittersCard, findingsCard, liveCard } from "./activity-cards.ts";
import { CARD_LOOKS, CARDS, type Card, type CardState, type StatusInput } from "./card.ts";
import { alarmsCard, logCard, witnessesCard } from "./log-cards.ts";
import { storageCard } from "./storage-card.ts";

/** Returns the cards in their order. */
export function cardsOf(input: StatusInput, t: ConsoleTexts): readonly Card[] {
  return [logCard, alarmsCard, liveCard, findingsCard, emittersCard, witnessesCard, storageCard].map((card) =>
    card(input, t),
  );
}

/** The summary of all cards: its state, and the cards that it is about. */
export interface Summary {
  readonly state: CardState;
  readonly about: readonly Card[];
}

/**
 * Summarizes cards. The result is `good` only if everything that this browser can check was checked completely. The
 * storage counts only if something is wrong with it, because nobody can check it here.
 */
export function summaryOf(cards: readonly Card[]): readonly Summary[] {
  const of = (...states: readonly CardState[]) => cards.filter(({ state }) => states.includes(state));
  const [bad, attention, waiting] = [of("bad"), of("attention"), of("waiting")];
  const open = of("unchecked", "part");
  const all: readonly Summary[] = [
    ...(bad.length + attention.length > 0
      ? [{ state: bad.length > 0 ? "bad" : "attention", about: [...bad, ...attention] } as const]
      : []),
    ...(waiting.length > 0 ? [{ state: "waiting", about: waiting } as const] : []),
    ...(open.length > 0
      ? [
          {
            state: open.some(({ state }) => state === "unchecked") ? "unchecked" : "part",
            about: open,
          } as const,
        ]
      : []),
  ];
  return all.length > 0 ? all : [{ state: "good", about: cards }];
}

/**
 * Renders the summary and the cards. `address` returns the address of a section, and `toToken` is shown to a reader
 * without a token.
 */
export function statusView(
  input: StatusInput,
  address: (tab: Tab) => string,
  toToken: TemplateResult,
  t: ConsoleTexts,
): TemplateResult {
  const cards = cardsOf(input, t);
  return html`
    <div class="summary" role="status">${summaryOf(cards).map((summary) => summaryView(summary, t))}</div>
    ${input.mayRead ? nothing : toToken}
    <ul class="status-cards">${cards.map((card) => cardView(card, address, t))}</ul>
  `;
}

function summaryView({ state, about }: Summary, t: ConsoleTexts): TemplateResult {
  const { tone, icon: drawing } = CARD_LOOKS[state];
  const words = t.overview.summary;
  const names = new Intl.ListFormat(t.page.viewer.lang, { type: "conjunction" }).format(
    about.map(({ name }) => t.overview.names[name]),
  );
  const says = {
    bad: words.attention(names),
    attention: words.attention(names),
    waiting: words.waiting,
    unchecked: words.open(names),
    part: words.open(names),
    good: words.good,
    claimed: "",
    off: "",
  }[state];
  return html`<p class="state tone-${tone}" data-summary=${state}>${icon(drawing)}<span>${says}</span></p>`;
}

function cardView(
  { name, state, says, more, action }: Card,
  address: (tab: Tab) => string,
  t: ConsoleTexts,
): TemplateResult {
  const { tone, icon: drawing } = CARD_LOOKS[state];
  return html`
    <li class="status-card tone-${tone}" data-card=${name} data-state=${state}>
      <h3><a href=${address(CARDS[name])}>${t.overview.names[name]}</a></h3>
      <p class="card-says">${icon(drawing)}<span>${says}</span></p>
      ${more.map((sentence) => html`<p class="card-more">${sentence}</p>`)}
      ${action === undefined ? nothing : html`<div class="buttons"><button type="button" @click=${emits(action)}>${t.overview.actions[action]}</button></div>`}
    </li>`;
}
