import { LitElement } from "lit";

/** An element that draws into the page itself, where the one style sheet applies. */
export abstract class View extends LitElement {
  protected override createRenderRoot(): this {
    // What stands in the document for browsers without scripts gives way.
    this.replaceChildren();
    return this;
  }
}
