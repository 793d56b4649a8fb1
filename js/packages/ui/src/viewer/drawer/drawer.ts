import type { Report, TrustBasis } from "@countersign/shared/report.js";
import type { WithheldMark } from "@countersign/shared/verify.js";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { FoldRow, GapRow, Parsed, WholeEvent, WholeRow } from "../../index/types.js";
import type { Slicer } from "../../slice/types.js";
import "../parts/copy.js";
import type { Detection } from "../detection/detection.js";
import { clip, moment, visible } from "../parts/format.js";
import { changesView } from "./drawer-changes.js";
import { type Bounds, FIRST_BOUNDS, membersView, wider } from "./drawer-members.js";
import "../detection/entry-findings.js";
import { icon, SIGNER_LOOKS, SIGNER_TRUST_LOOKS, stateView } from "../parts/icons.js";
import { keyParts, keyView } from "../parts/key.js";
import "./proof.js";
import type { SignerTrustSoFar } from "../../index/signer-trust.js";
import { absent } from "../list/row.js";
import { outcomeWord } from "../parts/outcome-word.js";
import { NOT_STATED, type Party, type Summary, summaryOf } from "../parts/summary.js";
import { filled, value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";
import { define, dragged, emit, internal, props, TextView } from "../view.js";
import { isSameLine } from "./selected-row.js";

/** Maximum characters of the raw bytes rendered at first. */
const MAX_RAW_CHARS = 20_000;
/** Minimum, maximum, and keyboard step of the drawer's width next to the rows, in percent. */
const MIN_SHARE = 25;
const MAX_SHARE = 75;
const SHARE_STEP = 5;
/** Minimum distance of the panel from the window's top, in pixels. */
const MIN_TOP = 8;
/** Default type of actors, which isn't shown. */
const DEFAULT_TYPE = "user";

/**
 * Details of one row: an event as parsed from the bytes that matched, and those bytes; or the known data of a withheld
 * event or of omitted entries.
 *
 * A modal dialog on small screens, otherwise a panel next to the rows. Dispatches `step` ({ by }), `show-log-entry`,
 * `unfold`, and `close`.
 */
export class Drawer extends TextView {
  static override properties = {
    ...props("row", "signerTrust", "position", "of"),
    ...props("slicer", "source", "trust", "report", "detection", "modal"),
    ...internal("share", "bounds", "isWhole"),
  };

  /** The row to show; undefined closes the drawer. */
  declare row: WholeRow | undefined;
  signerTrust: SignerTrustSoFar = "unsettled";
  /** Index of the row, from 0. */
  position: number = 0;
  of: number = 0;
  declare slicer: Slicer | undefined;
  /** The whole export and the trust file's text, for proofs. */
  declare source: Blob | undefined;
  declare trust: string | undefined;
  declare report: Report | undefined;
  /** Findings among the events. */
  declare detection: Detection | undefined;
  /** True if the drawer covers the rows. */
  modal: boolean = false;

  /** Width next to the rows, in percent. */
  private share = 32;
  private bounds: Bounds = FIRST_BOUNDS;
  private isWhole = false;
  #isModal: boolean | undefined;

  /** Focuses the drawer. */
  override focus(): void {
    this.querySelector<HTMLElement>(".drawer-body")?.focus({ preventScroll: true });
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("row") && !isSameLine(changed.get("row"), this.row)) {
      this.bounds = FIRST_BOUNDS;
      this.isWhole = false;
    }
  }

  protected override render(): TemplateResult {
    const { texts, row } = this;
    return html`
      <dialog
        class="drawer"
        part="drawer"
        aria-labelledby="cs-drawer-heading"
        @click=${this.#clicked}
        @keydown=${this.#pressed}
        @cancel=${this.#canceled}
      >
        ${row === undefined ? nothing : this.#content(row, texts)}
        <div
          class="drawer-grip"
          role="separator"
          aria-orientation="vertical"
          aria-label=${texts.rows.drawer.widen}
          aria-valuemin=${MIN_SHARE}
          aria-valuemax=${MAX_SHARE}
          aria-valuenow=${this.share}
          tabindex="0"
          @pointerdown=${this.#grip}
          @keydown=${this.#widened}
        ></div>
      </dialog>
    `;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("scroll", this.#fillWindow, { passive: true, capture: true });
    addEventListener("resize", this.#fillWindow);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("scroll", this.#fillWindow, { capture: true });
    removeEventListener("resize", this.#fillWindow);
  }

  /** Sets the top of the panel, from where it fills the window. */
  readonly #fillWindow = (): void => {
    if (this.#isModal === false) {
      const top = Math.max(MIN_TOP, this.parentElement?.getBoundingClientRect().top ?? 0);
      this.style.setProperty("--cs-drawer-top", `${Math.round(top)}px`);
    }
  };

  protected override updated(changed: PropertyValues<this>): void {
    const dialog = this.querySelector<HTMLDialogElement>(":scope > dialog");
    if (dialog === null) {
      return;
    }
    const isModal = this.row === undefined ? undefined : this.modal;
    if (isModal !== this.#isModal) {
      this.#isModal = isModal;
      dialog.close();
      // Set before the dialog opens, because Firefox scrolls to its position.
      this.toggleAttribute("open", isModal !== undefined);
      this.toggleAttribute("panel", isModal === false);
      if (isModal === true) {
        dialog.showModal();
      } else if (isModal === false) {
        dialog.show();
      }
      this.#fillWindow();
      if (isModal !== undefined) {
        this.focus();
      }
      if (isModal === false) {
        this.scrollIntoView({ block: "nearest" });
      }
    }
    if (changed.has("row") && !isSameLine(changed.get("row"), this.row)) {
      this.querySelector(".drawer-body")?.scrollTo(0, 0);
    }
  }

  /** Resizes the drawer at its edge next to the rows. */
  readonly #grip = (event: PointerEvent): void => {
    const { left, right, width } = this.parentElement?.getBoundingClientRect() ?? { left: 0, right: 0, width: 1 };
    const isRight = getComputedStyle(this).direction !== "rtl";
    dragged(event, ({ clientX }) => this.#widen(((isRight ? right - clientX : clientX - left) / width) * 100));
  };

  readonly #widened = (event: KeyboardEvent): void => {
    const wider = getComputedStyle(this).direction === "rtl" ? "ArrowRight" : "ArrowLeft";
    const narrower = wider === "ArrowLeft" ? "ArrowRight" : "ArrowLeft";
    const by = event.key === wider ? SHARE_STEP : event.key === narrower ? -SHARE_STEP : 0;
    if (by !== 0) {
      event.preventDefault();
      event.stopPropagation();
      this.#widen(this.share + by);
    }
  };

  #widen(share: number): void {
    this.share = Math.round(Math.min(MAX_SHARE, Math.max(MIN_SHARE, share)));
    this.parentElement?.style.setProperty("--cs-drawer", `${this.share}%`);
  }

  #content(row: WholeRow, texts: Texts): TemplateResult {
    const { drawer } = texts.rows;
    return html`
      <div class="drawer-head">
        <h2 id="cs-drawer-heading">${headingView(row, texts)}</h2>
        <span class="faint position plain">${this.of > 0 ? drawer.position({ row: this.position + 1, of: this.of }) : nothing}</span>
        <div class="moves">
          ${this.#button("up", drawer.previous, this.position <= 0, () => this.#step(-1))}
          ${this.#button("down", drawer.next, this.position >= this.of - 1, () => this.#step(1))}
          ${this.#button("close", drawer.close, false, () => this.#close())}
        </div>
      </div>
      <div class="drawer-body" tabindex="0" role="group" aria-labelledby="cs-drawer-heading">
        ${row.kind === "event" ? this.#event(row, texts) : row.kind === "withheld" ? this.#withheld(row, texts) : this.#absent(row, texts)}
      </div>
    `;
  }

  #button(drawing: "up" | "down" | "close", label: string, isOff: boolean, act: () => void): TemplateResult {
    return html`<button type="button" class="quiet square" aria-label=${label} aria-disabled=${isOff} @click=${act}>${icon(drawing)}</button>`;
  }

  #event(row: WholeEvent, texts: Texts): TemplateResult {
    const { drawer } = texts.rows;
    const event = row.tree;
    let isCut = false;
    const cut = () => {
      isCut = true;
    };
    const drawn = event && membersView(texts, this.bounds, cut)(event);
    const changes = event === undefined ? nothing : changesView(event, texts, this.bounds, cut);
    return html`
      ${event === undefined ? nothing : html`<p class="sentence">${this.#when(row, texts)} ${sentence(summaryOf(row), texts)}</p>`}
      ${this.#signerTrust(texts)}
      <cs-found .detection=${this.detection} .index=${row.index} .zone=${this.zone} .texts=${texts} .slicer=${this.slicer}></cs-found>
      ${this.#parsed(row, texts)}
      ${changes === nothing ? nothing : html`<h3>${drawer.changes}</h3>${changes}`}
      <h3>${drawer.members}</h3>
      ${drawn ?? html`<p>${drawer.unreadable}</p>`}
      ${isCut ? html`<p class="actions"><button type="button" class="quiet" @click=${this.#showMore}>${drawer.showMore}</button></p>` : nothing}
      <h3>${drawer.place}</h3>
      ${this.#place(row, texts)}
      <cs-proof .event=${row} .slicer=${this.slicer} .source=${this.source} .trust=${this.trust} .report=${this.report} .texts=${texts}></cs-proof>
      <h3>${drawer.bytes}</h3>
      ${this.#bytes(row.json, texts)}
    `;
  }

  /** Renders when the event happened, and who says so. */
  #when({ happened, time }: WholeEvent, { rows }: Texts): TemplateResult {
    const { stated, recorded } = rows.drawer.sentences;
    const at = happened ?? time;
    const shown = html`<time datetime=${at} dir="ltr">${moment(at, this.zone)}</time>`;
    return html`<span class="when faint">${filled(happened === undefined ? recorded : stated, { time: shown })}</span>`;
  }

  #withheld(row: WithheldMark, texts: Texts): TemplateResult {
    const { drawer, list } = texts.rows;
    const look = SIGNER_TRUST_LOOKS[this.signerTrust];
    return html`
      <p class="absent tone-faint">${icon("withheld")}<span>${list.withheld[row.why ?? "unsaid"]}</span></p>
      <p>${drawer.withheldAbout(1)}${row.why === null ? nothing : ` ${drawer.withheldClaim}`}</p>
      <p class="signer-trust tone-${look.tone}">${stateView(look, texts.rows.signerTrust[this.signerTrust].word)}</p>
      <h3>${drawer.place}</h3>
      ${this.#place(row, texts)}
    `;
  }

  #absent(row: GapRow | FoldRow, texts: Texts): TemplateResult {
    const { drawer } = texts.rows;
    const [says, which] = absent(row, texts);
    const isFold = row.kind === "fold";
    const withheld = isFold ? row.withheld : 0;
    return html`
      <p class="absent tone-faint">${icon("gap")}<span>${says}</span></p>
      ${withheld > 0 ? html`<p>${drawer.withheldAbout(withheld)}</p>` : nothing}
      ${row.entries > 0 ? html`<p>${drawer.gapAbout(row.entries)}</p>` : nothing}
      ${isFold ? nothing : html`<p class="faint">${drawer.gapUnknown}</p><h3>${drawer.place}</h3>`}
      <dl class="facts">
        <div><dt>${drawer.facts.entries}</dt><dd>${which}</dd></div>
        <div><dt>${drawer.facts.line}</dt><dd>${texts.figures.count(row.line)}</dd></div>
      </dl>
      ${isFold ? html`<p class="actions"><button type="button" @click=${() => emit(this, "unfold", undefined)}>${drawer.unfold}</button></p>` : nothing}
    `;
  }

  #signerTrust({ rows }: Texts): TemplateResult {
    const look = SIGNER_TRUST_LOOKS[this.signerTrust];
    const { word, why } = rows.signerTrust[this.signerTrust];
    return html`<p class="signer-trust tone-${look.tone}">${stateView(look, word)} ${why}</p>`;
  }

  /** Renders a parser's facts separately from the signed event, with a link to it. */
  #parsed({ parsed, happened }: WholeEvent, texts: Texts): TemplateResult {
    const { parsedAs } = texts.rows.drawer;
    const { notStated } = texts.rows.list;
    if (parsed === undefined) {
      return html`<p class="faint">${parsedAs.unread}</p>`;
    }
    const { names } = texts.rows.columns;
    const { action, also = [], actor, on_behalf_of: person, target, address, outcome, reason } = parsed;
    const fact = (name: string, content: unknown) =>
      content === undefined ? nothing : html`<div class="wide"><dt>${name}</dt><dd>${content}</dd></div>`;
    return html`
      <section class="parsed" part="parsed" aria-labelledby="cs-parsed-heading">
        <h3 id="cs-parsed-heading">${filled(parsedAs.heading, { as: html`<bdi>${parsed.as}</bdi>` })}</h3>
        <dl class="facts">
          ${fact(names.time, happened === undefined ? html`<span class="faint">${parsedAs.untimed}</span>` : html`<time datetime=${happened} dir="ltr">${moment(happened, this.zone)}</time>`)}
          ${fact(names.action, action === undefined ? undefined : value([action, ...also].join(", "), 400))}
          ${fact(names.actor, actor === undefined ? undefined : readParty(actor))}
          ${fact(names.for, person === undefined ? undefined : readParty(person))}
          ${fact(names.target, target === undefined ? undefined : readParty(target))}
          ${fact(names.address, address === undefined ? undefined : html`<code>${value(address)}</code>`)}
          ${fact(names.outcome, outcome === NOT_STATED ? html`<span class="faint">${notStated}</span>` : value(outcome))}
          ${fact(names.reason, reason === undefined ? undefined : value(reason, 400))}
        </dl>
        <p class="actions"><span class="faint plain">${parsedAs.about}</span> <button type="button" class="quiet" @click=${this.#showSigned}>${parsedAs.signed}</button></p>
      </section>
    `;
  }

  #place(row: WholeEvent | WithheldMark, texts: Texts): TemplateResult {
    const { facts, bySigner } = texts.rows.drawer;
    const { count } = texts.figures;
    const trust = this.report?.signers.find(({ vkey }) => vkey === row.vkey)?.trust;
    const { name, id } = keyParts(row.vkey);
    return html`
      <dl class="facts">
        <div class="wide"><dt>${facts.time}</dt><dd><time datetime=${row.time} dir="ltr">${moment(row.time, this.zone)}</time> <span class="faint">${bySigner}</span></dd></div>
        <div class="wide"><dt>${facts.chain}</dt><dd><code>${row.chain}</code></dd></div>
        <div><dt>${facts.seq}</dt><dd>${count(row.seq)}</dd></div>
        <div><dt>${facts.index}</dt><dd>${count(row.index)}</dd></div>
        <div><dt>${facts.line}</dt><dd>${count(row.line)}</dd></div>
        <div class="wide"><dt>${facts.signer}</dt><dd>${value(name)}</dd></div>
        ${trust === undefined ? nothing : html`<div class="wide"><dt>${facts.trust}</dt><dd>${trusted(trust, texts)}</dd></div>`}
        <div class="wide"><dt>${facts.id}</dt><dd><code>${value(id)}</code></dd></div>
        <div class="wide"><dt>${facts.key}</dt><dd>${keyView(row.vkey, texts)}</dd></div>
      </dl>
    `;
  }

  #bytes(text: string, texts: Texts): TemplateResult {
    const { drawer } = texts.rows;
    const shown = this.isWhole ? text : clip(text, MAX_RAW_CHARS);
    const isClipped = shown.length < text.length;
    return html`
      <pre class="raw" tabindex="0" role="group" aria-label=${drawer.bytes}><code>${visible(shown).map((part) =>
        part.isMarked ? html`<span class="unseen">${part.text}</span>` : part.text,
      )}</code></pre>
      <p class="actions">
        <cs-copy .text=${text} .texts=${texts}></cs-copy>
        ${isClipped ? html`<button type="button" class="quiet" @click=${this.#showWhole}>${drawer.showAll} (${texts.figures.count(text.length)})</button>` : nothing}
      </p>
    `;
  }

  #step(by: 1 | -1): void {
    const to = this.position + by;
    if (to >= 0 && to < this.of) {
      emit(this, "step", { by });
    }
  }

  #close(): void {
    emit(this, "close", {});
  }

  /** Scrolls to the event as signed. */
  readonly #showSigned = (): void => {
    const bytes = this.querySelector<HTMLElement>(".raw");
    bytes?.scrollIntoView({ block: "start" });
    bytes?.focus({ preventScroll: true });
  };

  readonly #showMore = (): void => {
    this.bounds = wider(this.bounds);
    this.#stay();
  };

  readonly #showWhole = (): void => {
    this.isWhole = true;
    this.#stay();
  };

  /** Keeps the focus in the drawer if the focused button disappears. */
  #stay(): void {
    void this.updateComplete.then(() => {
      if ((this.getRootNode() as ShadowRoot).activeElement === null) {
        this.focus();
      }
    });
  }

  /** Closes the drawer on a click on the backdrop. */
  readonly #clicked = (event: MouseEvent): void => {
    if (this.#isModal && event.target instanceof HTMLDialogElement) {
      this.#close();
    }
  };

  /** The owner closes the drawer by removing the row. */
  readonly #canceled = (event: Event): void => {
    event.preventDefault();
    this.#close();
  };

  readonly #pressed = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const steps: Readonly<Record<string, 1 | -1>> = { j: 1, k: -1 };
    const by = steps[event.key];
    if (by !== undefined) {
      this.#step(by);
    } else if (event.key === "Escape") {
      this.#close();
    } else {
      return;
    }
    event.preventDefault();
  };
}

/** Returns the title. A fold of only one kind is titled as that kind. */
function titleOf(row: WholeRow, { rows }: Texts): string {
  const { drawer } = rows;
  const { kind, line } = row;
  if (kind !== "fold") {
    return drawer[kind](line);
  }
  return (row.withheld === 0 ? drawer.gap : row.entries === 0 ? drawer.foldWithheld : drawer.foldBoth)(line);
}

/** Renders the heading: the action if there is one, and where the row is in the export. */
function headingView(row: WholeRow, texts: Texts): TemplateResult {
  const title = titleOf(row, texts);
  const action = row.kind === "event" ? summaryOf(row).action : undefined;
  return action === undefined
    ? html`${title}`
    : html`<span class="drawer-title">${value(action)}</span> <small class="faint plain">${title}</small>`;
}

/** Renders the event's facts as a sentence, with the outcome if the event states one. */
function sentence(summary: Summary, texts: Texts): unknown {
  const { rows } = texts;
  const { sentences } = rows.drawer;
  const { action, actor, for: person, target, outcome } = summary;
  if (action === undefined) {
    return html`<span class="faint">${sentences.unparsed}</span>`;
  }
  const verb = outcome === "failure" || outcome === "denied" ? sentences.tried : sentences.did;
  const known = actor !== undefined && target !== undefined ? verb.all : undefined;
  const one = actor !== undefined ? verb.withoutTarget : undefined;
  const template = known ?? one ?? (target !== undefined ? verb.withoutActor : verb.actionAlone);
  const slots = {
    action: html`<strong>${value(action)}</strong>`,
    actor:
      actor &&
      (person === undefined
        ? party(actor)
        : filled(rows.list.actorFor, { actor: party(actor), person: party(person) })),
    target: target && party(target),
  };
  const end =
    outcome === undefined
      ? nothing
      : filled(sentences.outcome, { outcome: html`<strong>${value(outcomeWord(outcome, texts))}</strong>` });
  return html`${filled(template, slots)} ${end}`;
}

function party({ id, name, type }: Party): TemplateResult {
  const kind = type === undefined || type === DEFAULT_TYPE ? nothing : html`<span class="faint">${value(type)}</span> `;
  return name === undefined
    ? html`${kind}<strong>${value(id)}</strong>`
    : html`${kind}<strong>${value(name)}</strong> <span class="faint">(${value(id)})</span>`;
}

/** Renders a party with everything that the parser extracted. */
function readParty({ id, name, type }: NonNullable<Parsed["actor"]>): TemplateResult {
  return html`
    ${type === undefined ? nothing : html`<span class="faint">${value(type)}</span> `}${name === undefined ? nothing : html`<strong>${value(name, 400)}</strong> `}${id === undefined ? nothing : html`<code>${value(id, 400)}</code>`}
  `;
}

function trusted(trust: TrustBasis, { result }: Texts): TemplateResult {
  const { word, why } = result.signers[trust];
  return html`${stateView(SIGNER_LOOKS[trust], word)} <span class="faint">${why}</span>`;
}

define("cs-drawer", Drawer);
