import { LitElement, type PropertyDeclarations } from "lit";
import type { Zone } from "./parts/format.js";
import { en, type Texts } from "./texts/texts.js";

/**
 * Base class of the viewer's parts. A part renders into itself, within the viewer's one shadow root, where the
 * viewer's styles, parts, and IDs reach it.
 */
export abstract class View extends LitElement {
  protected override createRenderRoot(): this {
    return this;
  }
}

/** Declares properties that the owner of a part sets, without attributes. */
export function props(...names: readonly string[]): PropertyDeclarations {
  return Object.fromEntries(names.map((name) => [name, { attribute: false }]));
}

/** Declares internal state. The part is rendered again when it changes. */
export function internal(...names: readonly string[]): PropertyDeclarations {
  return Object.fromEntries(names.map((name) => [name, { state: true }]));
}

/** A part that shows text in the viewer's language. */
export abstract class TextView extends View {
  static override properties = props("texts", "zone");

  texts: Texts = en;
  /** Time zone of the times it shows. */
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

  /** Called with the width in pixels when the part is connected, and whenever the width changes. */
  protected resized?(width: number): void;
}

/** Dispatches an event that bubbles to the owner of a part. */
export function emit<T>(part: EventTarget, name: string, detail: T): void {
  part.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
}

/** Registers a part. Two copies of the viewer on one page share the registration. */
export function define(name: string, part: CustomElementConstructor): void {
  if (customElements.get(name) === undefined) {
    customElements.define(name, part);
  }
}

/** Tracks a pointer from the press until its release. */
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
