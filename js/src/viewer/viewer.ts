import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { createRef, ref } from "lit/directives/ref.js";
import type { Order, Row } from "../shelf/types.js";
import type { Slicer } from "../slice/types.js";
import { type Alarm, alarmView, isAlarming } from "./alarm.js";
import { type ChosenColumn, DEFAULT_COLUMNS, readColumns, writeColumns } from "./columns.js";
import "./drawer.js";
import type { Shown } from "./drawer.js";
import "./export-menu.js";
import "./facets.js";
import { type Failure, failure } from "./failure.js";
import type { Link } from "./following.js";
import { readFragment, writeFragment } from "./fragment.js";
import { helpView } from "./help.js";
import "./histogram.js";
import { icon } from "./icons.js";
import { Looking } from "./looking.js";
import { isEmpty, queryOf, toggled, within } from "./query.js";
import "./query-box.js";
import type { QueryBox } from "./query-box.js";
import { holds, type Ranges } from "./ranges.js";
import "./rows.js";
import type { Rows } from "./rows.js";
import { said } from "./said.js";
import { isLive, type Session, type Tools } from "./session.js";
import { Sources } from "./sources.js";
import type { Standing } from "./standing.js";
import { failureView, type Strip, shareOf, stripView, waitingView } from "./strip.js";
import { merged, type Some, textsOf } from "./texts/choose.js";
import type { Texts } from "./texts/texts.js";
import { orderOf, toolbarView, wordOf } from "./toolbar.js";
import { verdictWords } from "./verdict.js";
import { viewerStyles } from "./viewer.styles.js";
import type { Zone } from "./zone.js";

/** How far verifying must have come for a screen reader to be told again, of 1. */
const TOLD_EVERY = 0.1;

/** How wide it must be for a row's details to stand beside the rows, in pixels. */
const BESIDE = 960;

/** How an address is asked for. */
export type Request = (address: string, init: RequestInit) => Promise<Response>;

/**
 * `<countersign-viewer>`: verifies an export and shows what verified.
 *
 * It tells of `countersign-report` ({ report, pin }), `countersign-alarm` ({ report, pin }, where `pin` is the last good
 * one) and `countersign-open` ({ row }), all of which bubble and leave shadow trees.
 */
export class Viewer extends LitElement {
  static override styles = viewerStyles;
  static override properties = {
    src: {},
    trust: {},
    live: { type: Boolean },
    language: { attribute: "lang" },
    tz: {},
    theme: {},
    bare: { type: Boolean },
    fragment: {},
    file: { attribute: false },
    session: { attribute: false },
    link: { attribute: false },
    texts: { attribute: false },
    trustText: { attribute: false },
    pins: { attribute: false },
    request: { attribute: false },
  };

  /** What works in the background for viewers that verify by themselves. */
  static tools: Tools | undefined;

  /** The address of an export; with `live` of a collector's stream. */
  declare src: string | null;
  /** The address of a trust file. It must not come from where the export does. */
  declare trust: string | null;
  /** Whether the address gives a stream that goes on. */
  declare live: boolean;
  /** The language of its texts; without it that of what it stands in. */
  declare language: string | null;
  /** The zone in which times are shown at first: `utc` or `local`. */
  declare tz: string | null;
  /** `light` or `dark`; else as the reader prefers. */
  declare theme: string | null;
  /** Whether it goes without the strip: something else around it shows the verdict. */
  declare bare: boolean;
  /** Whether what is looked at is in the address of the page; its value stands before the names. */
  declare fragment: string | null;
  declare file: Blob | undefined;
  /** A session that somebody else made, and ends. */
  declare session: Session | undefined;
  /** How the connection of that session is, where it is live. */
  declare link: Link | undefined;
  /** Texts to show in place of the language's own. */
  declare texts: Some<Texts> | undefined;
  /** A trust file's text. */
  declare trustText: string | undefined;
  /** Checkpoints that were verified before. */
  declare pins: readonly string[];
  declare request: Request;

  #texts = textsOf("en");
  #sources: Sources | undefined;
  #current: Session | undefined;
  #isOwn = false;
  #isLoading = false;
  #failure: Failure | undefined;
  #looking: Looking | undefined;
  #slicer: Slicer | undefined;
  #text = "";
  /** The order that the reader chose. */
  #chosenOrder: Order | undefined;
  #zone: Zone = "utc";
  #columns: readonly ChosenColumn[] = DEFAULT_COLUMNS;
  #alarm: Alarm | undefined;
  /** How the connection to a live log is. */
  #link: Link | undefined;
  #opened: { readonly row: Row; readonly position: number } | undefined;
  /** A line to show once it can be. */
  #wanted: number | undefined;
  #said = "";
  #toldAt = 0;
  #isHelpOpen = false;
  #shown: Shown = { source: undefined };
  /** Leaves with a row. */
  #listed: Ranges = new Float64Array();
  /** Whether there is no room for a row's details beside the rows. */
  #isSmall = false;
  readonly #resized = new ResizeObserver(([entry]) => {
    const isSmall = (entry?.contentRect.width ?? 0) < BESIDE;
    if (isSmall !== this.#isSmall) {
      this.#isSmall = isSmall;
      this.requestUpdate();
    }
  });
  readonly #query = createRef<QueryBox>();
  readonly #rows = createRef<Rows>();

  constructor() {
    super();
    this.src = null;
    this.trust = null;
    this.live = false;
    this.tz = null;
    this.theme = null;
    this.bare = false;
    this.fragment = null;
    this.language = null;
    this.pins = [];
    this.request = (address, init) => fetch(address, init);
  }

  /** Takes a piece of an export, as bytes or text. Resolves when there is room for more. */
  async feed(chunk: Uint8Array | string): Promise<void> {
    if (this.#sources === undefined || !this.#sources.isFed) {
      this.#restart(true);
    }
    await this.#sources?.feed(chunk);
  }

  /** Ends what was fed. */
  async end(): Promise<void> {
    if (this.#sources === undefined || !this.#sources.isFed) {
      this.#restart(true);
    }
    await this.#sources?.end();
  }

  /** Shows what stands at a line of the export, and says whether there is anything. A search that hides it is dropped. */
  async goTo(line: number): Promise<boolean> {
    const looking = this.#looking;
    if (looking === undefined) {
      return false;
    }
    let row = await looking.session.shelf.rowOf(line);
    if (row === undefined && this.#text !== "") {
      this.#text = "";
      await this.#ask();
      row = await looking.session.shelf.rowOf(line);
    }
    if (row === undefined || looking !== this.#looking) {
      return false;
    }
    this.#rows.value?.goTo(row);
    await this.#open(row);
    return true;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("hashchange", this.#readAddress);
    this.#resized.observe(this);
    if (this.hasUpdated && this.#current === undefined) {
      this.#restart(false);
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("hashchange", this.#readAddress);
    this.#resized.disconnect();
    // An element that is only moved is connected again by then.
    queueMicrotask(() => {
      if (!this.isConnected) {
        this.#stop();
      }
    });
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("language") || changed.has("texts") || !this.hasUpdated) {
      const lang = this.language ?? this.parentElement?.closest<HTMLElement>("[lang]")?.lang ?? "en";
      this.#texts = this.texts === undefined ? textsOf(lang) : merged(textsOf(lang), this.texts);
    }
    if (changed.has("tz") && this.tz !== null) {
      this.#zone = this.tz === "local" ? "local" : "utc";
    }
    if (changed.has("fragment")) {
      this.#readAddress();
    }
    const given = ["src", "trust", "live", "file", "session", "trustText", "pins"] as const;
    if (given.some((name) => changed.has(name))) {
      this.#restart(false);
    }
  }

  protected override render(): TemplateResult {
    const session = this.#current;
    const isShown = session !== undefined && session.phase !== "cancelled" && session.phase !== "failed";
    return html`
      <div class="viewer" part="viewer" lang=${this.#texts.lang} @keydown=${this.#key}>
        ${this.#alarm === undefined ? nothing : alarmView(this.#alarm, this.#texts, this.#zone)}
        ${this.bare ? nothing : this.#strip(session)}
        ${isShown ? this.#body(session) : nothing}
        <p class="sr" role="status">${this.bare ? "" : this.#said}</p>
        ${helpView(this.#texts, this.#isHelpOpen, () => this.#help(false))}
      </div>
    `;
  }

  #strip(session: Session | undefined): TemplateResult {
    const strip: Strip = {
      texts: this.#texts,
      zone: this.#zone,
      link: this.link ?? this.#link,
      cancel: () => session?.cancel(),
      again: this.#sources?.isFed || !(this.#isOwn || this.#failure) ? undefined : () => this.#restart(false),
      isShown: (index) => holds(this.#listed, index),
      show: (line) => void this.goTo(line),
    };
    if (this.#failure !== undefined) {
      return failureView(this.#failure, strip);
    }
    return session === undefined ? waitingView(this.#texts, this.#isLoading) : stripView(session, strip);
  }

  #body(session: Session): TemplateResult {
    const texts = this.#texts;
    const found = this.#looking?.found;
    return html`
      <div class="tools" part="tools">
        <cs-query
          ${ref(this.#query)}
          .text=${this.#text}
          .found=${found}
          .texts=${texts}
          @query-changed=${(event: CustomEvent<{ text: string }>) => this.#look(event.detail.text)}
          @query-left=${() => this.#rows.value?.focus()}
        ></cs-query>
        ${toolbarView({
          texts,
          order: this.#order,
          zone: this.#zone,
          reorder: (order) => this.#reorder(order),
          rezone: (zone) => this.#rezone(zone),
        })}
        <cs-export .looking=${this.#looking} .events=${found?.events ?? 0} .phase=${session.phase} .slicer=${this.#slicer} .texts=${texts}></cs-export>
        <button type="button" class="square" aria-label=${texts.help.open} title=${`${texts.help.open} (?)`} @click=${() => this.#help(true)}>
          ${icon("help")}
        </button>
      </div>
      <cs-facets
        .text=${this.#text}
        .found=${found}
        .texts=${texts}
        @value-toggled=${({ detail }: CustomEvent<{ member: string; value: string }>) =>
          this.#look(toggled(this.#text, detail.member, detail.value))}
      ></cs-facets>
      <cs-histogram
        .found=${found}
        .zone=${this.#zone}
        .texts=${texts}
        .theme=${this.theme ?? ""}
        @time-chosen=${({ detail }: CustomEvent<{ since: number; until: number }>) =>
          this.#look(within(this.#text, detail.since, detail.until))}
      ></cs-histogram>
      <div class="main" ?hidden=${session.phase === "verifying" && (found?.rows ?? 0) === 0} data-beside=${this.#opened !== undefined && !this.#isSmall}>
        <cs-rows
          ${ref(this.#rows)}
          .shelf=${session.shelf}
          .found=${found}
          .standing=${this.#standing}
          .columns=${this.#columns}
          .zone=${this.#zone}
          .texts=${texts}
          .bar=${this.#notice(session)}
          .grows=${this.#order.descending ? "before" : "after"}
          @open-row=${({ detail }: CustomEvent<{ row: number }>) => void this.#open(detail.row)}
          @mark-row=${({ detail }: CustomEvent<{ row: number }>) => void this.#mark(detail.row)}
          @columns-changed=${({ detail }: CustomEvent<{ columns: readonly ChosenColumn[] }>) => this.#recolumn(detail.columns)}
          @ask-help=${() => this.#help(true)}
          @ask-find=${() => this.#query.value?.focus()}
          @ask-close=${() => this.#close()}
        ></cs-rows>
        <cs-drawer
          .row=${this.#opened?.row}
          .standing=${this.#standingOf(this.#opened?.row)}
          .position=${this.#opened?.position ?? 0}
          .modal=${this.#isSmall}
          .of=${found?.rows ?? 0}
          .zone=${this.#zone}
          .texts=${texts}
          .slicer=${this.#slicer}
          .session=${this.#proven(session)}
          @step=${({ detail }: CustomEvent<{ by: number }>) => void this.#step(detail.by)}
          @close=${() => this.#close()}
        ></cs-drawer>
      </div>
    `;
  }

  /** What stands between the search and the rows: whether they are all there is. */
  #notice(session: Session): TemplateResult {
    const { query, figures } = this.#texts;
    const looking = this.#looking;
    const found = looking?.found;
    if (looking?.failure !== undefined) {
      return html`<p class="notice tone-bad" role="alert">${icon("fail")}<span>${said(looking.failure.message, 400)}</span></p>`;
    }
    if (found === undefined) {
      return html`<p class="notice"></p>`;
    }
    const isFiltered = !isEmpty(queryOf(this.#text));
    const events = figures.events(found.events);
    const of = figures.count(found.of);
    // Something else around a bare viewer says it.
    const unlisted = session.phase === "done" && !this.bare ? (session.report?.counts.events ?? 0) - found.of : 0;
    return html`
      <div class="notice ${isFiltered ? "tone-fair filtered" : ""}" part="notice" data-filtered=${isFiltered}>
        ${isFiltered ? icon("filter") : nothing}
        <p role="status">
          ${isFiltered ? html`<strong>${query.filtered(figures.count(found.events), figures.events(found.of))}</strong>` : query.found(events)}
          ${session.phase === "verifying" ? html`<span class="faint">${query.soFar}</span>` : nothing}
          ${isFiltered && found.events === 0 && !looking?.isBusy ? query.nothing : nothing}
          ${isFiltered && found.unknown.withheld > 0 ? html`<span class="faint">${query.unknownWithheld(found.unknown.withheld)}</span>` : nothing}
          ${isFiltered && found.unknown.gaps > 0 ? html`<span class="faint">${query.unknownGaps(found.unknown.gaps)}</span>` : nothing}
          ${unlisted > 0 ? html`<span class="unlisted">${icon("warning")}${query.unlisted(unlisted)}</span>` : nothing}
          ${looking?.isBusy && found.searched < found.of ? html`<span class="faint">${query.searching(figures.count(found.searched), of)}</span>` : nothing}
        </p>
        ${isFiltered ? html`<button type="button" class="quiet" @click=${() => this.#look("")}>${query.showAll}</button>` : nothing}
      </div>
    `;
  }

  /** What is known of who signed: another function whenever it may answer otherwise. */
  #standing: Rows["standing"] = () => "unsettled";

  /** What an event is proven from: the bytes that were read, wherever they came from. */
  #proven({ bytes, trust, report }: Session): Shown {
    const { source, report: before } = this.#shown;
    if (bytes !== source || report !== before) {
      this.#shown = { source: bytes, trust, report };
    }
    return this.#shown;
  }

  #standingOf(row: Row | undefined): Standing {
    return row === undefined || row.kind === "gap" ? "unsettled" : (this.#current?.standing(row) ?? "unsettled");
  }

  // What is verified

  #restart(isFed: boolean): void {
    this.#stop();
    this.#alarm = undefined;
    this.#link = undefined;
    this.#failure = undefined;
    if (this.session !== undefined && !isFed) {
      this.#use(this.session, false);
      return;
    }
    if (Viewer.tools === undefined || (!isFed && this.src === null && this.file === undefined)) {
      this.requestUpdate();
      return;
    }
    const sources = new Sources(Viewer.tools, {
      src: this.src,
      trust: this.trust,
      live: this.live,
      file: isFed ? undefined : this.file,
      isFed,
      trustText: this.trustText,
      pins: this.pins,
      request: this.request,
    });
    this.#sources = sources;
    this.#isLoading = true;
    sources.onSession = (session) => this.#use(session, true);
    sources.onLink = (link) => {
      this.#link = link;
      this.requestUpdate();
    };
    sources.onFailure = (error) => {
      this.#isLoading = false;
      this.#failure = failure(error);
      this.requestUpdate();
    };
    sources.open();
    this.requestUpdate();
  }

  #use(session: Session, isOwn: boolean): void {
    this.#leave();
    this.#isLoading = false;
    this.#current = session;
    this.#isOwn = isOwn;
    this.#standing = (event) => session.standing(event);
    session.addEventListener("change", this.#changed);
    session.addEventListener("report", this.#reported);
    this.#looking = new Looking(session, this.#answered);
    void this.#looking.ask(queryOf(this.#text), this.#order);
    this.#slicer = Viewer.tools?.slicer?.();
    if (session.report !== undefined) {
      this.#reported();
    }
    this.requestUpdate();
  }

  #stop(): void {
    this.#sources?.stop();
    this.#sources = undefined;
    this.#isLoading = false;
    this.#leave();
  }

  #leave(): void {
    this.#looking?.close();
    this.#looking = undefined;
    this.#opened = undefined;
    this.#listed = new Float64Array();
    this.#toldAt = 0;
    const session = this.#current;
    this.#current = undefined;
    session?.removeEventListener("change", this.#changed);
    session?.removeEventListener("report", this.#reported);
    if (this.#isOwn) {
      session?.close();
    }
  }

  readonly #changed = (): void => {
    const session = this.#current;
    if (session?.phase === "verifying") {
      const share = shareOf(session.progress);
      if (session.progress.total !== undefined && share >= this.#toldAt + TOLD_EVERY) {
        this.#toldAt = share;
        this.#said = this.#texts.progress.percent(Math.floor(share * 100));
      }
    } else if (session?.phase === "cancelled") {
      this.#said = this.#texts.progress.cancelled;
    }
    this.#seek();
    this.requestUpdate();
  };

  readonly #reported = (): void => {
    const session = this.#current;
    const report = session?.report;
    if (session === undefined || report === undefined) {
      return;
    }
    const { pin } = session;
    this.#standing = (event) => session.standing(event);
    if (isLive(session.source) && isAlarming(report) && this.#alarm === undefined) {
      const goodPin = session.goodPin ?? session.pins.at(-1) ?? null;
      this.#alarm = { report, at: new Date(), goodPin };
      this.#tell("countersign-alarm", { report, pin: goodPin });
    }
    const { word, says } = verdictWords(report, this.#texts);
    const errors = report.findings.filter(({ severity }) => severity === "error").length;
    if (session.phase !== "live") {
      this.#said = this.#texts.strip.announce(word, says, errors);
    }
    this.#tell("countersign-report", { report, pin });
    this.requestUpdate();
    void this.#list(session);
  };

  /** Asks which leaves have a row. */
  async #list(session: Session): Promise<void> {
    const coverage = await session.shelf.coverage().catch(() => undefined);
    if (coverage !== undefined && session === this.#current) {
      this.#listed = coverage.listed;
      this.requestUpdate();
    }
  }

  // What is looked at

  #look(text: string): void {
    this.#text = text;
    void this.#ask();
  }

  /** Who follows a log wants to see what arrives. */
  get #usualOrder(): Order {
    const isLog = this.session === undefined ? this.live : isLive(this.session.source);
    return { by: "place", descending: isLog };
  }

  get #order(): Order {
    return this.#chosenOrder ?? this.#usualOrder;
  }

  #reorder(order: Order): void {
    this.#chosenOrder = order;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#opened = undefined;
    this.#writeAddress();
    this.requestUpdate();
    await this.#looking?.ask(queryOf(this.#text), this.#order);
  }

  #rezone(zone: Zone): void {
    this.#zone = zone;
    this.#writeAddress();
    this.requestUpdate();
  }

  #recolumn(columns: readonly ChosenColumn[]): void {
    this.#columns = columns;
    this.#writeAddress();
    this.requestUpdate();
  }

  readonly #answered = (): void => {
    this.requestUpdate();
    this.#seek();
  };

  /** Goes to the line that was wanted, once all lines are known. */
  #seek(): void {
    const line = this.#wanted;
    if (line !== undefined && this.#current?.phase !== "verifying" && this.#looking?.isBusy === false) {
      this.#wanted = undefined;
      void this.goTo(line);
    }
  }

  async #open(position: number): Promise<void> {
    const shelf = this.#current?.shelf;
    const [row] = (await shelf?.rows(position, position + 1).catch(() => undefined)) ?? [];
    if (row === undefined || shelf !== this.#current?.shelf) {
      return;
    }
    this.#opened = { row, position };
    this.#writeAddress();
    this.#tell("countersign-open", { row });
    this.requestUpdate();
  }

  async #mark(position: number): Promise<void> {
    if (this.#opened !== undefined && this.#opened.position !== position) {
      await this.#open(position);
    }
  }

  async #step(by: number): Promise<void> {
    if (this.#opened !== undefined) {
      const position = this.#opened.position + by;
      if (position >= 0 && position < (this.#looking?.found?.rows ?? 0)) {
        this.#rows.value?.goTo(position);
        await this.#open(position);
      }
    }
  }

  #close(): void {
    if (this.#opened !== undefined) {
      this.#opened = undefined;
      this.#writeAddress();
      this.requestUpdate();
      void this.updateComplete.then(() => this.#rows.value?.focus());
    }
  }

  #help(isOpen: boolean): void {
    this.#isHelpOpen = isOpen;
    this.requestUpdate();
  }

  readonly #key = (event: KeyboardEvent): void => {
    const [target] = event.composedPath();
    const isTaken = event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.isComposing;
    if (isTaken || (target instanceof Element && target.matches("input, select, textarea, dialog, dialog *"))) {
      return;
    }
    switch (event.key) {
      case "/":
        this.#query.value?.focus();
        break;
      case "?":
        this.#help(true);
        break;
      case "Escape":
        this.#close();
        break;
      case "j":
      case "k":
        this.#rows.value?.focus();
        this.#rows.value?.press(event);
        break;
      default:
        return;
    }
    event.preventDefault();
  };

  // The page's address

  readonly #readAddress = (): void => {
    if (this.fragment === null) {
      return;
    }
    const { q, order, tz, columns, line } = readFragment(location.hash, this.fragment);
    if (tz !== "") {
      this.#zone = tz === "local" ? "local" : "utc";
    }
    this.#columns = readColumns(columns) ?? DEFAULT_COLUMNS;
    const chosen = orderOf(order);
    if (q !== this.#text || wordOf(chosen ?? this.#usualOrder) !== wordOf(this.#order)) {
      this.#text = q;
      this.#chosenOrder = chosen;
      void this.#looking?.ask(queryOf(q), this.#order);
    }
    if (/^[1-9]\d{0,14}$/.test(line) && Number(line) !== this.#opened?.row.line) {
      this.#wanted = Number(line);
      this.#seek();
    }
    this.requestUpdate();
  };

  #writeAddress(): void {
    if (this.fragment === null) {
      return;
    }
    const hash = writeFragment(location.hash, this.fragment, {
      q: this.#text,
      order: wordOf(this.#order) === wordOf(this.#usualOrder) ? "" : wordOf(this.#order),
      tz: this.#zone === (this.tz === "local" ? "local" : "utc") ? "" : this.#zone,
      columns: this.#columns === DEFAULT_COLUMNS ? "" : writeColumns(this.#columns),
      line: this.#opened === undefined ? "" : String(this.#opened.row.line),
    });
    if (hash !== undefined && hash !== location.hash) {
      history.replaceState(history.state, "", `${location.pathname}${location.search}${hash}`);
    }
  }

  #tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}
