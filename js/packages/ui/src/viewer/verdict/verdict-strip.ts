/** The strip as an element of its own, for a page that shows the verdict apart from the viewer. */

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import host from "../host.css.js";
import basics from "../parts/basics.css.js";
import palette from "../parts/palette.css.js";
import parts from "../parts/parts.css.js";
import type { Link } from "../session/live-connection.js";
import type { Session } from "../session/session.js";
import { en, type Texts } from "../texts/texts.js";
import { define, emit, props } from "../view.js";
import { Announcer } from "./announcer.js";
import stripStyles from "./strip.css.js";
import { stripView } from "./strip.js";
import type { Strip } from "./strip-details.js";

/** `<cs-verdict>`: the verdict of a session, as a `bare` viewer omits it. Dispatches `show-line` (the line). */
export class VerdictStrip extends LitElement {
  static override styles = [palette, host, basics, parts, stripStyles];
  static override properties = props("session", "link", "texts", "isShown");

  declare session: Session | undefined;
  /** State of the connection to a live log. */
  declare link: Link | undefined;
  texts: Texts = en;
  /** True if the page can show an entry. */
  isShown: Strip["isShown"] = () => false;

  #subscribed: Session | undefined;
  readonly #announcer = new Announcer();

  override connectedCallback(): void {
    super.connectedCallback();
    this.#subscribe(this.session);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#subscribe(undefined);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("session") && this.isConnected) {
      this.#subscribe(this.session);
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const { session, link, texts, isShown } = this;
    if (session === undefined) {
      return nothing;
    }
    const strip: Strip = {
      texts,
      zone: "utc",
      link,
      cancel: () => session.cancel(),
      again: undefined,
      isShown,
      show: (line) => emit(this, "show-line", line),
    };
    return html`${stripView(session, strip)}<p class="sr" role="status">${this.#announcer.message}</p>`;
  }

  #subscribe(session: Session | undefined): void {
    if (session === this.#subscribed) {
      return;
    }
    this.#subscribed?.removeEventListener("change", this.#changed);
    this.#subscribed?.removeEventListener("report", this.#reported);
    this.#subscribed = session;
    this.#announcer.begin();
    session?.addEventListener("change", this.#changed);
    session?.addEventListener("report", this.#reported);
    if (session?.report !== undefined) {
      this.#announcer.report(session, this.texts);
    }
  }

  readonly #changed = (): void => {
    if (this.session !== undefined) {
      this.#announcer.change(this.session, this.texts);
    }
    this.requestUpdate();
  };

  readonly #reported = (): void => {
    if (this.session !== undefined) {
      this.#announcer.report(this.session, this.texts);
    }
    this.requestUpdate();
  };
}

define("cs-verdict", VerdictStrip);
