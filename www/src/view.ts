import { html, LitElement, nothing, type TemplateResult } from "lit";
import { clip, visible } from "./format.ts";

/** An element that draws into the page itself, where the one style sheet applies. */
export abstract class View extends LitElement {
  protected override createRenderRoot(): this {
    // What stands in the document for browsers without scripts gives way.
    this.replaceChildren();
    return this;
  }
}

/** Longer values are clipped in rows and captions. */
const SHORT = 200;

/**
 * A value from a file: text and nothing else, kept apart from its surroundings in direction, with what cannot be seen
 * named.
 */
export function value(text: string, length = SHORT): TemplateResult {
  const parts = visible(clip(text, length)).map((part) =>
    part.unseen ? html`<span class="unseen">${part.text}</span>` : part.text,
  );
  return html`<bdi>${parts}</bdi>`;
}

/** The same, or nothing. */
export function optional(text: string | undefined, length = SHORT): TemplateResult | typeof nothing {
  return text === undefined ? nothing : value(text, length);
}

/** Tells the page that something is wanted of it. */
export function wish<T>(name: string, detail: T): CustomEvent<T> {
  return new CustomEvent(name, { detail, bubbles: true });
}
