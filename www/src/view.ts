import { LitElement } from "lit";

/** Base class of elements that render into the page itself, where the one style sheet applies. */
export abstract class View extends LitElement {
  protected override createRenderRoot(): this {
    // Replaces the fallback for browsers without scripts.
    this.replaceChildren();
    return this;
  }
}
