/** Text of rendered templates, without their elements. */

import type { TemplateResult } from "lit";
import { isTemplateResult } from "lit/directive-helpers.js";

/** Returns the text of a template; empty for nothing. */
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
