import { LitElement, type PropertyDeclarations } from "lit";
import type { Zone } from "./parts/format.js";
import { en, type Texts } from "./texts/texts.js";

/**
 * A part of the viewer: an element that draws into itself, within the viewer's one shadow root. There the viewer's
 * styles, parts and ids reach it.
 */
export abstract class View extends LitElement {
  protected override createRenderRoot(): this {
    return this;
  }
}

/** Properties that whoever holds a part gives it, and no attribute does. */
export function given(...names: readonly string[]): PropertyDeclarations {
  return Object.fromEntries(names.map((name) => [name, { attribute: false }]));
}

/** Properties that a part has for itself: it draws anew where one changes. */
export function own(...names: readonly string[]): PropertyDeclarations {
  return Object.fromEntries(names.map((name) => [name, { state: true }]));
}

/** A part that says something in the viewer's language. */
export abstract class TextView extends View {
  static override properties = given("texts", "zone");

  texts: Texts = en;
  /** Of the times that it shows. */
  zone: Zone = "utc";

  constructor() {
    super();
    if (this.resized !== undefined) {
      const observer = new ResizeObserver(([entry]) => this.resized?.(entry?.contentRect.width ?? 0));
      this.addController({
        hostConnected: () => observer.observe(this),
        hostDisconnected: () => observer.disconnect(),
      });
    }
  }

  /** Told how wide it is, in pixels, when it is put into a page and whenever that changes there. */
  protected resized?(width: number): void;
}

/** Tells whoever holds this part that something is wanted of it. */
export function wish<T>(name: string, detail: T): CustomEvent<T> {
  return new CustomEvent(name, { detail, bubbles: true });
}

/** Registers a part. Two copies of the viewer on one page share it. */
export function define(name: string, part: CustomElementConstructor): void {
  if (customElements.get(name) === undefined) {
    customElements.define(name, part);
  }
}

/** Follows a pointer that presses something, until it lets go. */
export function dragged(press: PointerEvent, moved: (event: PointerEvent) => void, ended = () => {}): void {
  const grip = press.currentTarget as HTMLElement;
  press.preventDefault();
  grip.setPointerCapture(press.pointerId);
  grip.addEventListener("pointermove", moved);
  const end = () => {
    grip.removeEventListener("pointermove", moved);
    ended();
  };
  grip.addEventListener("lostpointercapture", end, { once: true });
}
