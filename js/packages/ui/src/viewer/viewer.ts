import { inTurn } from "@countersign/shared/promises.js";
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { createRef, ref } from "lit/directives/ref.js";
import type { Finding } from "../analyze/types.js";
import type { Column, EventIndex, Order, WholeRow } from "../index/types.js";
import type { Slicer } from "../slice/types.js";
import type { ChosenColumn } from "./list/columns.js";
import { type Criteria, isSameCriteria, queryOf, withField, withTime, withToggled } from "./search/criteria.js";
import { alarmView } from "./verdict/alarm.js";
import { Announcer } from "./verdict/announcer.js";
import "./detection/detections.js";
import "./drawer/drawer.js";
import "./search/export-menu.js";
import "./search/facets.js";
import { drawn } from "./chart/histogram.js";
import { type Extent, extentOf } from "./chart/period.js";
import { Opening } from "./drawer/opening.js";
import { helpView } from "./help.js";
import { icon } from "./parts/icons.js";
import { Looking } from "./search/looking.js";
import { noticeView } from "./search/notice.js";
import { Outlook, type Usual } from "./search/outlook.js";
import type { Link } from "./session/following.js";
import "./search/query-box.js";
import { holds } from "./parts/ranges.js";
import type { QueryBox } from "./search/query-box.js";
import "./list/rows.js";
import type { SignerTrustSoFar } from "../index/signer-trust.js";
import found from "./detection/found.css.js";
import drawer from "./drawer/drawer.css.js";
import frame from "./frame.css.js";
import host from "./host.css.js";
import rows from "./list/rows.css.js";
import type { RowAt, Rows } from "./list/rows.js";
import { orderOf, toolbarView } from "./list/toolbar.js";
import basics from "./parts/basics.css.js";
import palette from "./parts/palette.css.js";
import parts from "./parts/parts.css.js";
import { isSameSelection, type Selection, selectionOf } from "./search/selection.js";
import { isLive, type Session, type Tools } from "./session/session.js";
import { SessionController } from "./session/session-controller.js";
import { en, merged, type Some, type Texts, textsOf } from "./texts/texts.js";
import strip from "./verdict/strip.css.js";
import { failureView, stripView, waitingView } from "./verdict/strip.js";
import type { Strip } from "./verdict/strip-details.js";
import { given, own } from "./view.js";

/** How wide it must be for a row's details to stand beside the rows, in pixels. */
const BESIDE = 960;

/** How an address is asked for. */
export type Request = (address: string, init: RequestInit) => Promise<Response>;

/**
 * `<countersign-viewer>`: verifies an export and shows what verified.
 *
 * It tells of `countersign-report` ({ report, pin }), `countersign-alarm` ({ report, pin }, where `pin` is the last good
 * one), `countersign-open` ({ row }) and `countersign-query` ({ query }), all of which bubble and leave shadow trees.
 */
export class Viewer extends LitElement {
  static override styles = [palette, host, basics, parts, frame, strip, rows, drawer, found];
  static override properties = {
    src: {},
    trust: {},
    live: { type: Boolean },
    language: { attribute: "lang" },
    tz: {},
    order: {},
    theme: {},
    bare: { type: Boolean },
    fragment: {},
    rules: {},
    ...given("file", "session", "link", "texts", "trustText", "pins", "request"),
    ...own("isSmall"),
  };

  /** What works in the background for viewers that verify by themselves. */
  static tools: Tools | undefined;
  /** Those in a document: a key of the page's means the one where there is one. */
  static readonly #connected = new Set<Viewer>();

  /** The address of an export; with `live` of a log server's stream. */
  src: string | null = null;
  /** The address of a trust file. It must not come from where the export does. */
  trust: string | null = null;
  /** Whether the address gives a stream that goes on. */
  live: boolean = false;
  /** The language of its texts; without it that of what it stands in. */
  language: string | null = null;
  /** The zone in which times are shown at first: `utc` or `local`. */
  tz: string | null = null;
  /** In which order rows are at first: `place`, `-place`, `time` or `-time`; without it the newest first of a log that is followed. */
  order: string | null = null;
  /** `light` or `dark`; else as the reader prefers. */
  theme: string | null = null;
  /** Whether it goes without the strip: something else around it shows the verdict. */
  bare: boolean = false;
  /** Whether what is looked at is in the address of the page; its value stands before the names. */
  fragment: string | null = null;
  /** The address of a pack of rules that is looked for; empty for the one that comes with the package. */
  rules: string | null = null;
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
  pins: readonly string[] = [];
  request: Request = (address, init) => fetch(address, init);

  /** What each property is where nothing is given. */
  readonly #unset = Object.keys(Viewer.properties).map((name) => [name, this.#given[name]] as const);
  #texts = en;
  /** What they are made of. */
  #lang = "en";
  #own: Some<Texts> | undefined;
  readonly #outlook = new Outlook();
  readonly #sessions = new SessionController({
    other: (session) => this.#other(session),
    changed: () => this.#changed(),
    reported: (session) => this.#reported(session),
    alarmed: ({ report, goodPin }) => this.#tell("countersign-alarm", { report, pin: goodPin }),
  });
  readonly #opening = new Opening(
    (row) => this.#opened(row),
    () => this.requestUpdate(),
    (error) => this.#looking?.fail(error),
  );
  #looking: Looking | undefined;
  /** The selection that was told of last. */
  #told: Selection | undefined;
  #slicer: Slicer | undefined;
  /** The newest good pin of a log that was followed before. */
  #seen: string | null = null;
  /** A line to show once it can be. */
  #wanted: number | undefined;
  readonly #announcer = new Announcer();
  readonly #inTurn = inTurn();
  /** Whether a button of the strip was pressed, which goes with what it did. */
  #isStripPressed = false;
  /** Whether there is no room for a row's details beside the rows. */
  private isSmall = false;
  readonly #resized = new ResizeObserver(([entry]) => {
    const width = entry?.contentRect.width ?? 0;
    // What is not displayed has no width at all.
    if (width > 0) {
      this.isSmall = width < BESIDE;
    }
  });
  readonly #query = createRef<QueryBox>();
  readonly #rows = createRef<Rows>();

  /** Takes a piece of an export, as bytes or text. Resolves when there is room for more. */
  async feed(chunk: Uint8Array | string): Promise<void> {
    this.#beFed();
    await this.#sessions.feed(chunk);
  }

  /** Ends what was fed. */
  async end(): Promise<void> {
    this.#beFed();
    await this.#sessions.end();
  }

  /** Shows what stands at a line of the export, and says whether there is anything. A search that hides it is dropped. */
  async goTo(line: number): Promise<boolean> {
    const looking = this.#looking;
    if (looking === undefined) {
      return false;
    }
    const { index } = looking.session;
    const rowOf = () => index.rowOf(line).catch(() => undefined);
    let row = await rowOf();
    if (row === undefined && this.query !== "") {
      await this.search("");
      row = await rowOf();
    }
    if (row !== undefined && this.#outlook.folds && (await index.row(row).catch(() => undefined))?.kind === "fold") {
      await this.#ask({ folds: false });
      row = await rowOf();
    }
    if (row === undefined || looking !== this.#looking) {
      return false;
    }
    this.#rows.value?.goTo(row);
    await this.#opening.open(index, row);
    return true;
  }

  /** Shows the entry at a leaf of the log, and says whether there is one. */
  async goToEntry(leaf: number): Promise<boolean> {
    const line = await this.#looking?.session.index.lineOf(leaf).catch(() => undefined);
    return line !== undefined && (await this.goTo(line));
  }

  /** Puts the focus into the search. */
  focusSearch(): void {
    this.#query.value?.focus();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    Viewer.#connected.add(this);
    addEventListener("keydown", this.#pageKey);
    addEventListener("hashchange", this.#readAddress);
    this.#resized.observe(this);
    if (this.hasUpdated && this.#sessions.session === undefined) {
      this.#restart();
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    Viewer.#connected.delete(this);
    removeEventListener("keydown", this.#pageKey);
    removeEventListener("hashchange", this.#readAddress);
    this.#resized.disconnect();
    // An element that is only moved is connected again by then.
    queueMicrotask(() => {
      if (!this.isConnected) {
        this.#sessions.stop();
      }
    });
  }

  /** Nothing is drawn before its language is here. */
  protected override async scheduleUpdate(): Promise<void> {
    const lang = this.language ?? this.parentElement?.closest<HTMLElement>("[lang]")?.lang ?? "en";
    if (lang !== this.#lang || (this.texts ?? undefined) !== this.#own) {
      const spoken = textsOf(lang);
      const known = spoken instanceof Promise ? await spoken : spoken;
      this.#lang = lang;
      this.#own = this.texts ?? undefined;
      this.#texts = merged<Texts>(known, this.#own);
    }
    await super.scheduleUpdate();
  }

  /** Its properties by their names. */
  get #given(): Record<string, unknown> {
    return this as unknown as Record<string, unknown>;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    // Frameworks take back what they gave with either of `null` and `undefined`.
    for (const [name, unset] of this.#unset) {
      this.#given[name] ??= unset;
    }
    if (changed.has("tz") && this.tz !== null) {
      this.#outlook.zone = this.#usual.zone;
    }
    if (changed.has("fragment")) {
      this.#readAddress();
    }
    const sources = ["src", "trust", "live", "file", "session", "trustText", "pins", "rules"] as const;
    if (sources.some((name) => changed.has(name) && changed.get(name) !== this[name])) {
      this.#seen = null;
      this.#restart();
    }
  }

  protected override render(): TemplateResult {
    const { session, alarm } = this.#sessions;
    const isShown = session !== undefined && session.phase !== "canceled" && session.phase !== "failed";
    return html`
      <div class="viewer" part="viewer" lang=${this.#texts.lang} @keydown=${this.#key}>
        ${alarm === undefined ? nothing : alarmView(alarm, this.#texts, this.#outlook.zone)}
        ${this.bare ? nothing : this.#strip(session)}
        ${
          isShown && this.session === undefined && session.detection !== undefined
            ? html`<cs-detections
                .detection=${session.detection}
                .zone=${this.#outlook.zone}
                .texts=${this.#texts}
                @show-finding=${({ detail }: CustomEvent<{ finding: Finding }>) => void this.goToEntry(detail.finding.entries.at(-1) ?? 0)}
              ></cs-detections>`
            : nothing
        }
        ${isShown ? this.#body(session) : nothing}
        <p class="sr" role="status">${this.bare ? "" : this.#announcer.said}</p>
        ${helpView(this.#texts)}
      </div>
    `;
  }

  protected override updated(): void {
    this.#tellSelection();
    if (this.#isStripPressed && this.shadowRoot?.activeElement === null) {
      const button = this.shadowRoot.querySelector<HTMLElement>(".strip-action");
      const isSettled = !this.#sessions.isLoading && this.#sessions.session?.isRunning !== true;
      if (button !== null || isSettled) {
        this.#isStripPressed = false;
        (button ?? this.#rows.value)?.focus();
      }
    }
  }

  #strip(session: Session | undefined): TemplateResult {
    const { link, failure, isRepeatable, isLoading, listed } = this.#sessions;
    const pressed = (act: () => void) => () => {
      this.#isStripPressed = this.shadowRoot?.activeElement?.matches(".strip-action") === true;
      act();
    };
    const strip: Strip = {
      texts: this.#texts,
      zone: this.#outlook.zone,
      link: this.link ?? link,
      cancel: pressed(() => session?.cancel()),
      again: isRepeatable
        ? pressed(() => {
            // What was seen of a log is what it must still have.
            this.#seen = session?.goodPin ?? this.#seen;
            this.#restart();
          })
        : undefined,
      isShown: (index) => holds(listed, index),
      show: (line) => void this.goTo(line),
    };
    if (failure !== undefined) {
      return failureView(failure, strip);
    }
    return session === undefined ? waitingView(this.#texts, isLoading) : stripView(session, strip);
  }

  #body(session: Session): TemplateResult {
    const texts = this.#texts;
    const { criteria, zone, columns } = this.#outlook;
    const { query, selection } = this;
    const found = this.#looking?.found;
    const { opened } = this.#opening;
    const { detection } = session;
    const marks = detection?.told?.marks;
    const chooseTime = ({ detail: { since, until } }: CustomEvent<{ since?: number; until?: number }>) =>
      this.#edit(session, (index, criteria) => withTime(index, criteria, since, until));
    return html`
      <div class="tools" part="tools">
        <cs-query
          ${ref(this.#query)}
          .text=${criteria.text}
          .filters=${criteria.filters}
          .query=${query}
          .found=${found}
          .index=${session.index}
          .misread=${this.#looking?.misread}
          .zone=${zone}
          .texts=${texts}
          @query-typed=${() => this.#typed()}
          @query-changed=${({ detail: { text } }: CustomEvent<{ text: string }>) => void this.#ask({ criteria: { ...this.#outlook.criteria, text } })}
          @filter-removed=${({ detail }: CustomEvent<{ filter: string }>) => this.#removeFilter(detail.filter)}
          @query-cleared=${() => void this.search("")}
          @query-left=${() => this.#rows.value?.focus()}
        ></cs-query>
        <cs-period
          .text=${query}
          .extent=${this.#extent}
          .zone=${zone}
          .texts=${texts}
          @time-chosen=${chooseTime}
        ></cs-period>
        ${toolbarView({
          texts,
          order: this.#order,
          zone,
          reorder: (chosenOrder) => void this.#ask({ chosenOrder }),
          rezone: (zone) => this.#show({ zone }),
          folds:
            (session.report?.counts.withheld ?? 0) + (session.report?.counts.skipped ?? 0) > 0
              ? this.#outlook.folds
              : undefined,
          fold: (folds) => void this.#ask({ folds }),
        })}
        <cs-export .looking=${this.#looking} .selection=${selection} .now=${this.#selected} .phase=${session.phase} .slicer=${this.#slicer} .texts=${texts}></cs-export>
        <button type="button" class="square" aria-label=${texts.help.open} title=${`${texts.help.open} (?)`} @click=${this.#help}>
          ${icon("help")}
        </button>
      </div>
      <div class="split">
      <cs-facets
        .found=${found}
        .texts=${texts}
        @value-toggled=${({ detail }: CustomEvent<{ column: Column; value: string }>) =>
          void this.#edit(session, (index, criteria) => withToggled(index, criteria, detail.column, detail.value))}
      ></cs-facets>
      <div class="split-main">
      <cs-histogram
        .found=${found}
        .detection=${detection}
        .zone=${zone}
        .texts=${texts}
        @time-chosen=${chooseTime}
      ></cs-histogram>
      <div class="main" ?hidden=${session.report === undefined && (found?.rows ?? 0) === 0} data-beside=${opened !== undefined && !this.isSmall}>
        <cs-rows
          ${ref(this.#rows)}
          .index=${session.index}
          .found=${found}
          .signerTrust=${this.#signerTrust}
          .marks=${marks}
          .columns=${columns}
          .zone=${zone}
          .texts=${texts}
          .bar=${noticeView({
            looking: this.#looking,
            isMisread: selection.state === "error" && selection.refusal !== undefined,
            replace: (unknown, near) => void this.#ask({ criteria: withField(this.#outlook.criteria, unknown, near) }),
            isAlone: !this.bare,
            texts,
            showAll: () => {
              void this.search("");
              this.#rows.value?.focus();
            },
          })}
          @open-row=${({ detail }: CustomEvent<RowAt>) => void this.#openAt(session, detail)}
          @mark-row=${({ detail }: CustomEvent<RowAt>) => this.#mark(session, detail)}
          @columns-changed=${({ detail: { columns } }: CustomEvent<{ columns: readonly ChosenColumn[] }>) => this.#show({ columns })}
          @ask-help=${this.#help}
          @ask-find=${() => this.#query.value?.focus()}
          @ask-close=${() => this.#close()}
        ></cs-rows>
        <cs-drawer
          .row=${opened?.row}
          .signerTrust=${this.#signerTrustOf(opened?.row)}
          .position=${opened?.position ?? 0}
          .modal=${this.isSmall}
          .of=${found?.rows ?? 0}
          .zone=${zone}
          .texts=${texts}
          .slicer=${this.#slicer}
          .source=${session.bytes}
          .trust=${session.trust}
          .report=${session.report}
          .detection=${detection}
          @show-log-entry=${({ detail }: CustomEvent<{ leaf: number }>) => void this.goToEntry(detail.leaf)}
          @unfold=${() => void this.#ask({ folds: false })}
          @step=${({ detail }: CustomEvent<{ by: number }>) => this.#step(session, detail.by)}
          @close=${() => this.#close()}
        ></cs-drawer>
      </div>
      </div>
      </div>
    `;
  }

  /** From when to when there are events. */
  #extent: Extent | undefined;

  /** What is known of who signed: another function whenever it may answer otherwise. */
  #signerTrust: Rows["signer_trust"] = () => "unsettled";

  #signerTrustOf(row: WholeRow | undefined): SignerTrustSoFar {
    return row === undefined || row.kind === "gap" || row.kind === "fold"
      ? "unsettled"
      : (this.#sessions.session?.signerTrust(row) ?? "unsettled");
  }

  // What is verified

  #beFed(): void {
    if (!this.#sessions.isFed) {
      this.#open(true);
    }
  }

  #restart(): void {
    if (this.session === undefined) {
      this.#open(false);
    } else {
      this.#sessions.show(this.session);
    }
  }

  #open(isFed: boolean): void {
    if (Viewer.tools === undefined || (!isFed && this.src === null && this.file === undefined)) {
      this.#sessions.stop();
      return;
    }
    this.#sessions.open(Viewer.tools, this, this.#seen === null ? this.pins : [...this.pins, this.#seen], isFed);
  }

  #other(session: Session | undefined): void {
    this.#looking?.close();
    this.#looking = undefined;
    this.#extent = undefined;
    this.#opening.close();
    this.#announcer.begin();
    if (session !== undefined) {
      this.#signerTrust = (event) => session.signerTrust(event);
      this.#looking = new Looking(session, this.#answered);
      this.#slicer = Viewer.tools?.slicer?.();
      void this.#looking.ask(this.#outlook.criteria, this.#order);
    }
    this.requestUpdate();
  }

  #changed(): void {
    const { session } = this.#sessions;
    if (session !== undefined) {
      this.#announcer.change(session, this.#texts);
    }
    this.#seek();
    this.requestUpdate();
  }

  #reported(session: Session): void {
    this.#signerTrust = (event) => session.signerTrust(event);
    this.#announcer.report(session, this.#texts);
    this.#tell("countersign-report", { report: session.report, pin: session.pin });
    this.requestUpdate();
  }

  // What is looked at

  /** What is looked for, as one query: the text with the filters. */
  get query(): string {
    return queryOf(this.#outlook.criteria);
  }

  /**
   * The selection as it is at the moment: what is looked for, how many events that finds, or why that isn't known. The event
   * `selection-changed` says that there is another.
   */
  get selection(): Selection {
    return this.#selected();
  }

  readonly #selected = (): Selection => {
    const { criteria } = this.#outlook;
    return selectionOf(this.#looking, criteria, this.#query.value?.unapplied(criteria.text));
  };

  /** Looks for something else, without filters. Resolves once there is a whole answer, or a newer question. */
  search(text: string): Promise<void> {
    const asking = this.#ask({ criteria: { text: text.trim(), filters: [] } });
    this.#resetBox();
    this.#tellSelection();
    return asking;
  }

  /** What is in the search box, or what is known of it, is something else. */
  #typed(): void {
    this.#tellSelection();
    this.requestUpdate();
  }

  #removeFilter(filter: string): void {
    const { text, filters } = this.#outlook.criteria;
    void this.#ask({ criteria: { text, filters: filters.filter((one) => one !== filter) } });
  }

  #tellSelection(): void {
    const { selection } = this;
    if (this.#told === undefined || !isSameSelection(selection, this.#told)) {
      this.#told = selection;
      this.dispatchEvent(new CustomEvent("selection-changed", { detail: { selection }, bubbles: true }));
    }
  }

  /** Looks for what a value or the chart makes of what is looked for; one after the other, however fast they come. */
  #edit(session: Session, edit: (index: EventIndex, criteria: Criteria) => Promise<Criteria>): Promise<void> {
    return this.#inTurn(async () => {
      const { criteria } = this.#outlook;
      const edited = await edit(session.index, criteria).catch(() => criteria);
      const now = this.#outlook.criteria;
      if (session !== this.#sessions.session || edited === criteria) {
        return;
      }
      // What was typed meanwhile stays, and so does what another search has replaced.
      if (isSameCriteria(now, criteria)) {
        void this.#ask({ criteria: edited });
      } else if (now.filters === criteria.filters && edited.text === criteria.text) {
        void this.#ask({ criteria: { text: now.text, filters: edited.filters } });
      }
    });
  }

  /** Who follows a log wants to see what arrives. */
  get #usual(): Usual {
    const isLog = this.session === undefined ? this.live : isLive(this.session.source);
    const order = orderOf(this.order ?? "") ?? { by: "place", descending: isLog };
    return { order, zone: this.tz === "local" ? "local" : "utc" };
  }

  get #order(): Order {
    const { chosenOrder, folds } = this.#outlook;
    return { ...(chosenOrder ?? this.#usual.order), folds };
  }

  /** Asks the index anew, for something else or in another order. */
  async #ask(what: Partial<Pick<Outlook, "criteria" | "chosenOrder" | "folds">>): Promise<void> {
    const { text } = this.#outlook.criteria;
    Object.assign(this.#outlook, what);
    this.#opening.close();
    this.#writeAddress();
    // A filter alone leaves what is typed beside it, an error too.
    if (text !== this.#outlook.criteria.text) {
      this.#resetBox();
    }
    const asking = this.#looking?.ask(this.#outlook.criteria, this.#order);
    this.requestUpdate();
    this.#tellSelection();
    this.#tell("countersign-query", { query: this.query });
    await asking;
  }

  /** What is in the box is what is looked for. */
  #resetBox(): void {
    this.#query.value?.reset(this.#outlook.criteria.text);
  }

  /** Shows what was found in another way. */
  #show(how: Partial<Pick<Outlook, "zone" | "columns">>): void {
    Object.assign(this.#outlook, how);
    this.#writeAddress();
    this.requestUpdate();
  }

  readonly #answered = (): void => {
    const { session } = this.#sessions;
    const { histogram, isFiltered, times, events } = this.#looking?.found ?? {};
    if (histogram !== undefined && times !== undefined && isFiltered === false) {
      const isOpen = drawn(histogram) === events || (session !== undefined && isLive(session.source));
      this.#extent = extentOf(histogram, times.last, isOpen);
    }
    this.requestUpdate();
    this.#seek();
    if (this.#looking?.isBusy === false) {
      void this.#selectFindings(this.#looking);
    }
    if (session !== undefined) {
      void this.#opening.follow(session.index, this.#looking?.isBusy === false);
    }
  };

  /** Findings are those of the events that the search shows. */
  async #selectFindings({ session, found, misread }: Looking): Promise<void> {
    const { query } = this;
    // The events of a search that can't be read are still those of the search before it.
    if (session.detection === undefined || found === undefined || misread !== undefined) {
      return;
    }
    if (!found.isFiltered) {
      session.select(undefined);
      return;
    }
    const entries = await session.index.indexes().catch(() => undefined);
    if (entries !== undefined && query === this.query && found === this.#looking?.found) {
      session.select({ query, entries });
    }
  }

  /** Goes to the line that was wanted, once all lines are known. */
  #seek(): void {
    const line = this.#wanted;
    if (line !== undefined && this.#sessions.session?.phase !== "verifying" && this.#looking?.isBusy === false) {
      this.#wanted = undefined;
      void this.goTo(line);
    }
  }

  #opened(row: WholeRow | undefined): void {
    this.#outlook.line = row?.line;
    this.requestUpdate();
    if (row !== undefined) {
      this.#writeAddress();
      this.#tell("countersign-open", { row });
    }
  }

  /** Opens what is drawn there, and holds it against the newest answer, which may not be drawn yet. */
  async #openAt({ index }: Session, { position, row }: RowAt): Promise<void> {
    await this.#opening.open(index, position, row);
    await this.#opening.follow(index, this.#looking?.isBusy === false);
  }

  /** What is open follows the reader through the list. */
  #mark(session: Session, at: RowAt): void {
    const { opened } = this.#opening;
    if (opened !== undefined && opened.position !== at.position) {
      void this.#openAt(session, at);
    }
  }

  #step({ index }: Session, by: number): void {
    const position = (this.#opening.opened?.position ?? 0) + by;
    this.#rows.value?.goTo(position);
    void this.#opening.open(index, position);
  }

  #close(): void {
    if (this.#opening.close()) {
      this.#writeAddress();
      void this.updateComplete.then(() => this.#rows.value?.focus());
    }
  }

  readonly #help = (): void => this.shadowRoot?.querySelector<HTMLDialogElement>("dialog.help")?.showModal();

  /** The search is one key away from wherever the reader is on the page, unless the page has its own use for the key. */
  readonly #pageKey = (event: KeyboardEvent): void => {
    const isOurs = event.key === "/" && Viewer.#connected.size === 1 && !isTaken(event);
    if (isOurs && this.#query.value?.checkVisibility()) {
      event.preventDefault();
      this.#query.value.focus();
    }
  };

  readonly #key = (event: KeyboardEvent): void => {
    if (isTaken(event)) {
      return;
    }
    switch (event.key) {
      case "/":
        this.#query.value?.focus();
        break;
      case "?":
        this.#help();
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
    const isOther = this.#outlook.read(this.fragment, this.#usual);
    const { criteria, line } = this.#outlook;
    if (isOther) {
      this.#resetBox();
      void this.#looking?.ask(criteria, this.#order);
    }
    if (line !== undefined && line !== this.#opening.opened?.row.line) {
      this.#wanted = line;
      this.#seek();
    }
    this.requestUpdate();
  };

  #writeAddress(): void {
    if (this.fragment !== null) {
      this.#outlook.write(this.fragment, this.#usual);
    }
  }

  #tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

/** Whether a key means something where it was pressed, or was answered already. */
function isTaken(event: KeyboardEvent): boolean {
  const [target] = event.composedPath();
  const isField =
    target instanceof Element &&
    target.matches("input, select, textarea, dialog, dialog *, [contenteditable], [contenteditable] *");
  return isField || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.isComposing;
}
