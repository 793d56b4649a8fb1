/** What a part of the viewer draws, as it reads without its elements. */

import type { TemplateResult } from "lit";
import { isTemplateResult } from "lit/directive-helpers.js";

/** The text of what is drawn; empty where nothing is. */
export function textOf(drawn: unknown): string {
  return written(drawn)
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll(/\s+/g, " ")
    .trim();
}

function written(drawn: unknown): string {
  if (Array.isArray(drawn)) {
    return drawn.map(written).join("");
  }
  if (isTemplateResult(drawn)) {
    const { strings, values } = drawn as TemplateResult;
    return strings.map((text, place) => text + written(values[place])).join("");
  }
  return typeof drawn === "string" || typeof drawn === "number" ? String(drawn) : "";
}
