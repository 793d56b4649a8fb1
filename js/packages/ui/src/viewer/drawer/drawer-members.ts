/** The fields of a JSON value, as parsed from the bytes that matched. */

import { html, nothing, type TemplateResult } from "lit";
import type { Json } from "../parts/json-view.js";
import { filled, value } from "../parts/value.js";
import { lookAlikes } from "../parts/value-alike.js";
import type { Texts } from "../texts/texts.js";

/** Limits of what is rendered; the rest is rendered on demand. */
export interface Bounds {
  /** Fields and items of all objects and arrays together. */
  readonly members: number;
  /** Characters per value. */
  readonly characters: number;
}

export const FIRST_BOUNDS: Bounds = { members: 250, characters: 2_000 };

/** Returns the limits after "show more". */
export function wider({ members, characters }: Bounds): Bounds {
  return { members: members * 8, characters: characters * 16 };
}

/** Maximum indentation of nested fields. */
const MAX_INDENT = 8;

/**
 * Returns a function that renders values with their content, up to the limits. `onCut` is called if the output is
 * truncated.
 */
export function membersView(texts: Texts, { members: maxMembers, characters }: Bounds, onCut: () => void) {
  const { drawer } = texts.rows;
  /** Fields and items that may still be rendered. */
  let room = maxMembers;

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
    onCut();
    return html`${value(text, characters)} <small class="faint">${drawer.clipped({ shown: characters, of: text.length })}</small>`;
  }

  function drawMembers(members: readonly (readonly [string, Json])[], none: string, depth: number, isArray = false) {
    if (members.length === 0) {
      return html`<span class="faint">${none}</span>`;
    }
    const shown = members.slice(0, room);
    const more = members.length - shown.length;
    room -= shown.length;
    if (more > 0) {
      onCut();
    }
    const alike = isArray ? new Map<string, string>() : lookAlikes(shown.map(([name]) => name));
    return html`
      <dl class="members ${depth > MAX_INDENT ? "deep" : ""}">
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

/** Shown instead of an empty name. */
const NAMELESS = '""';

/** Renders a field's name, which may be empty. */
export function memberName(name: string, { rows }: Texts): TemplateResult {
  return name === "" ? html`<span class="faint">${NAMELESS} ${rows.drawer.empty}</span>` : value(name);
}
