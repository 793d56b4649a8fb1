/** The members of a value, as parsed from the bytes that matched. */

import { html, nothing, type TemplateResult } from "lit";
import type { Json } from "./json-view.js";
import type { Texts } from "./texts/texts.js";
import { filled, value } from "./value.js";
import { lookAlikes } from "./value-alike.js";

/** How much is drawn: the rest on demand. */
export interface Bounds {
  /** Members and items of all objects and arrays together. */
  readonly members: number;
  /** Characters of one value. */
  readonly characters: number;
}

export const FIRST_BOUNDS: Bounds = { members: 250, characters: 2_000 };

/** What is drawn when more is asked for. */
export function wider({ members, characters }: Bounds): Bounds {
  return { members: members * 8, characters: characters * 16 };
}

/** Deeper members are not moved in further: there would be no room. */
const DEEPEST_SHOWN = 8;

/** Draws values until their bounds are met, and says what was left out. */
export class MembersView {
  readonly #texts: Texts;
  readonly #bounds: Bounds;
  #drawn = 0;
  /** Whether something was left out so far. */
  isCut: boolean = false;

  constructor(texts: Texts, bounds: Bounds) {
    this.#texts = texts;
    this.#bounds = bounds;
  }

  /** A value with all that is in it. */
  draw(json: Json, depth = 0): TemplateResult {
    switch (json.kind) {
      case "literal":
        return html`<span class="literal">${this.#text(json.source)}</span>`;
      case "string":
        return json.value === ""
          ? html`<span class="faint">${this.#texts.rows.drawer.empty}</span>`
          : html`<span class="string">${this.#text(json.value)}</span>`;
      case "object":
        return this.#members(json.members, "{ }", depth);
      case "array":
        return this.#members(
          json.items.map((item, place) => [String(place), item] as const),
          "[ ]",
          depth,
          true,
        );
    }
  }

  #text(text: string): TemplateResult {
    if (text.length <= this.#bounds.characters) {
      return value(text, this.#bounds.characters);
    }
    this.isCut = true;
    const { clipped } = this.#texts.rows.drawer;
    return html`${value(text, this.#bounds.characters)} <small class="faint">${clipped(this.#bounds.characters, text.length)}</small>`;
  }

  #members(
    members: readonly (readonly [string, Json])[],
    none: string,
    depth: number,
    isArray = false,
  ): TemplateResult {
    if (members.length === 0) {
      return html`<span class="faint">${none}</span>`;
    }
    const room = Math.max(0, this.#bounds.members - this.#drawn);
    const shown = members.slice(0, room);
    const more = members.length - shown.length;
    this.#drawn += shown.length;
    this.isCut ||= more > 0;
    const alike = isArray ? new Map<string, string>() : lookAlikes(shown.map(([name]) => name));
    return html`
      <dl class="members ${depth > DEEPEST_SHOWN ? "deep" : ""}">
        ${shown.map(([name, of]) => this.#member(name, of, alike.get(name), depth, isArray))}
      </dl>
      ${more > 0 ? html`<p class="faint">${this.#texts.rows.drawer.moreMembers(more)}</p>` : nothing}
    `;
  }

  #member(name: string, of: Json, other: string | undefined, depth: number, isPlace: boolean): TemplateResult {
    const { drawer } = this.#texts.rows;
    const holds = (of.kind === "object" && of.members.length > 0) || (of.kind === "array" && of.items.length > 0);
    return html`
      <div class=${holds ? "nested" : ""}>
        <dt class=${isPlace ? "item" : ""}>
          ${memberName(name, this.#texts)}
          ${other === undefined ? nothing : html`<small class="alike">${filled(drawer.looksLike, { other: value(other) })}</small>`}
        </dt>
        <dd>${this.draw(of, depth + 1)}</dd>
      </div>
    `;
  }
}

/** A text without characters, as it is written. */
const NAMELESS = '""';

/** A member's name. An empty one is a name too. */
export function memberName(name: string, { rows }: Texts): TemplateResult {
  return name === "" ? html`<span class="faint">${NAMELESS} ${rows.drawer.empty}</span>` : value(name);
}
