/** The members of a value, as parsed from the bytes that matched. */

import { html, nothing, type TemplateResult } from "lit";
import type { Json } from "../parts/json-view.js";
import { filled, value } from "../parts/value.js";
import { lookAlikes } from "../parts/value-alike.js";
import type { Texts } from "../texts/texts.js";

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

/** What draws values, with all that is in them, until their bounds are met. `cut` is told where something is left out. */
export function membersView(texts: Texts, { members: most, characters }: Bounds, cut: () => void) {
  const { drawer } = texts.rows;
  /** How many members and items may still be drawn. */
  let room = most;

  function draw(json: Json, depth = 0): TemplateResult {
    switch (json.kind) {
      case "literal":
        return html`<span class="literal">${drawText(json.source)}</span>`;
      case "string":
        return json.value === ""
          ? html`<span class="faint">${drawer.empty}</span>`
          : html`<span class="string">${drawText(json.value)}</span>`;
      case "object":
        return drawMembers(json.members, "{ }", depth);
      case "array": {
        const items = json.items.map((item, place) => [String(place), item] as const);
        return drawMembers(items, "[ ]", depth, true);
      }
    }
  }

  function drawText(text: string): TemplateResult {
    if (text.length <= characters) {
      return value(text, characters);
    }
    cut();
    return html`${value(text, characters)} <small class="faint">${drawer.clipped(characters, text.length)}</small>`;
  }

  function drawMembers(members: readonly (readonly [string, Json])[], none: string, depth: number, isArray = false) {
    if (members.length === 0) {
      return html`<span class="faint">${none}</span>`;
    }
    const shown = members.slice(0, room);
    const more = members.length - shown.length;
    room -= shown.length;
    if (more > 0) {
      cut();
    }
    const alike = isArray ? new Map<string, string>() : lookAlikes(shown.map(([name]) => name));
    return html`
      <dl class="members ${depth > DEEPEST_SHOWN ? "deep" : ""}">
        ${shown.map(([name, of]) => drawMember(name, of, alike.get(name), depth, isArray))}
      </dl>
      ${more > 0 ? html`<p class="faint">${drawer.moreMembers(more)}</p>` : nothing}
    `;
  }

  function drawMember(name: string, of: Json, other: string | undefined, depth: number, isPlace: boolean) {
    const holds = (of.kind === "object" && of.members.length > 0) || (of.kind === "array" && of.items.length > 0);
    return html`
      <div class=${holds ? "nested" : ""}>
        <dt class=${isPlace ? "item" : ""}>
          ${memberName(name, texts)}
          ${other === undefined ? nothing : html`<small class="alike">${filled(drawer.looksLike, { other: value(other) })}</small>`}
        </dt>
        <dd>${draw(of, depth + 1)}</dd>
      </div>
    `;
  }

  return draw;
}

/** A text without characters, as it is written. */
const NAMELESS = '""';

/** A member's name. An empty one is a name too. */
export function memberName(name: string, { rows }: Texts): TemplateResult {
  return name === "" ? html`<span class="faint">${NAMELESS} ${rows.drawer.empty}</span>` : value(name);
}
