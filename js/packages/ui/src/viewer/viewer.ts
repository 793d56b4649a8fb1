import { inTurn } from "@countersign/shared/promises.js";
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { createRef, ref } from "lit/directives/ref.js";
import type { Finding } from "../analyze/types.js";
import type { Column, EventIndex, Order, SortKey, WholeRow } from "../index/types.js";
import type { Slicer } from "../slice/types.js";
import type { ChosenColumn } from "./list/columns.js";
import { type Criteria, isSameCriteria, queryOf, withField, withTime, withToggled } from "./search/criteria.js";
import { alarmView } from "./verdict/alarm.js";
import { Announcer } from "./verdict/announcer.js";
import "./detection/detections.js";
import "./drawer/drawer.js";
import "./search/export-menu.js";
import "./search/facets.js";
import { eventsIn } from "./chart/histogram.js";
import { type Extent, extentOf } from "./chart/period.js";
import { SelectedRow } from "./drawer/selected-row.js";
import { helpView } from "./help.js";
import { icon } from "./parts/icons.js";
import { noticeView } from "./search/notice.js";
import { SearchController } from "./search/search-controller.js";
import { type ViewDefaults, ViewState } from "./search/view-state.js";
import type { Link } from "./session/live-connection.js";
import "./search/query-box.js";
import { containsEntry } from "./parts/ranges.js";
import type { QueryBox } from "./search/query-box.js";
import "./list/rows.js";
import type { SignerTrustSoFar } from "../index/signer-trust.js";
import findings from "./detection/findings.css.js";
import drawer from "./drawer/drawer.css.js";
import fill from "./fill.css.js";
import frame from "./frame.css.js";
import host from "./host.css.js";
import rows from "./list/rows.css.js";
import type { RowAt, Rows } from "./list/rows.js";
import { nextOrder, orderOf, toolbarView } from "./list/toolbar.js";
import basics from "./parts/basics.css.js";
import dayField from "./parts/day-field.css.js";
import palette from "./parts/palette.css.js";
import parts from "./parts/parts.css.js";
import { isSameSelection, type Selection, selectionOf } from "./search/selection.js";
import { isLive, type Session, type Tools } from "./session/session.js";
import { SessionController } from "./session/session-controller.js";
import { en, merged, type Some, type Texts, textsOf } from "./texts/texts.js";
import strip from "./verdict/strip.css.js";
import { failureView, stripView, waitingView } from "./verdict/strip.js";
import type { Strip } from "./verdict/strip-details.js";
import { internal, props } from "./view.js";

/** Minimum width in pixels at which a row's details are next to the rows. */
const MIN_SPLIT_WIDTH = 960;

/** Fetches an address. */
export type Request = (address: string, init: RequestInit) => Promise<Response>;

/**
 * `<countersign-viewer>`: verifies an export and shows the result.
 *
 * Dispatches `countersign-report` ({ report, pin }), `countersign-alarm` ({ report, pin }, with the last good pin),
 * `countersign-error` ({ code, message, hint }), `countersign-open` ({ row }), and `countersign-query` ({ query }). All of
 * them bubble and are composed.
 *
 * The slot `search` is below the search box, for another search that the page offers.
 */
export class Viewer extends LitElement {
  static override styles = [palette, host, basics, parts, dayField, frame, strip, rows, drawer, findings, fill];
  static override properties = {
    src: {},
    trust: {},
    live: { type: Boolean },
    language: { attribute: "lang" },
    tz: {},
    order: {},
    theme: {},
    bare: { type: Boolean },
    fill: { type: Boolean, reflect: true },
    fragment: {},
    rules: {},
    ...props("file", "session", "link", "texts", "trustText", "pins", "request"),
    ...internal("isSmall", "showsFacets"),
  };

  /** Workers for viewers that verify by themselves. */
  static tools: Tools | undefined;
  /** Viewers in the document. A page-wide shortcut works only if there is exactly one. */
  static readonly #connected = new Set<Viewer>();

  /** Address of an export; with `live`, of a log server's `/stream`. */
  src: string | null = null;
  /** Address of a trust file. It must not come from the source of the export. */
  trust: string | null = null;
  /** True if the address is a stream that doesn't end. */
  live: boolean = false;
  /** Language of the texts. Default: that of the surrounding element. */
  language: string | null = null;
  /** Initial time zone: `utc` or `local`. */
  tz: string | null = null;
  /**
   * Initial order of rows: `place`, `time`, or a column such as `actor`; with `-`, descending. Default: newest first for a
   * live log.
   */
  order: string | null = null;
  /** `light` or `dark`. Default: the reader's preference. */
  theme: string | null = null;
  /** True to hide the strip, because the page shows the verdict itself. */
  bare: boolean = false;
  /** True to fill the height that the page gives the element. */
  fill: boolean = false;
  /**
   * Prefix of the view state's names in the fragment of the page's address; null to keep the state out of the address.
   */
  fragment: string | null = null;
  /** Address of a rule pack; empty for the included pack, null for no detection. */
  rules: string | null = null;
  declare file: Blob | undefined;
  /** A session that the page created and closes. */
  declare session: Session | undefined;
  /** Connection of that session, if it is live. */
  declare link: Link | undefined;
  /** Texts that override those of the language. */
  declare texts: Some<Texts> | undefined;
  /** Text of a trust file. */
  declare trustText: string | undefined;
  /** Pins of earlier reports. */
  pins: readonly string[] = [];
  request: Request = (address, init) => fetch(address, init);

  /** Defaults of the properties. */
  readonly #defaults = Object.keys(Viewer.properties).map((name) => [name, this.#props[name]] as const);
  #texts = en;
  /** Language and overrides that `#texts` was created from. */
  #lang = "en";
  #overrides: Some<Texts> | undefined;
  readonly #state = new ViewState();
  readonly #sessions = new SessionController({
    replaced: (session) => this.#replaced(session),
    changed: () => this.#changed(),
    reported: (session) => this.#reported(session),
    alarmed: ({ report, goodPin }) => this.#dispatch("countersign-alarm", { report, pin: goodPin }),
    failed: ({ code = null, message, hint = null }) => this.#dispatch("countersign-error", { code, message, hint }),
  });
  readonly #openRow = new SelectedRow(
    (row) => this.#rowOpened(row),
    () => this.requestUpdate(),
    (error) => this.#search?.fail(error),
  );
  #search: SearchController | undefined;
  /** The last selection that was dispatched. */
  #dispatched: Selection | undefined;
  #slicer: Slicer | undefined;
  /** Newest good pin of an earlier session of the same log. */
  #lastPin: string | null = null;
  /** A line to show as soon as possible. */
  #wantedLine: number | undefined;
  readonly #announcer = new Announcer();
  readonly #inTurn = inTurn();
  /** True after a press on a button of the strip that may disappear; the focus is then moved. */
  #isStripPressed = false;
  /** True if there is no room for a row's details next to the rows. */
  private isSmall = false;
  /** True if the facets are shown in a viewer without room for them next to the rows. */
  private showsFacets = false;
  readonly #resized = new ResizeObserver(([entry]) => {
    const width = entry?.contentRect.width ?? 0;
    // An element that isn't displayed has width 0.
    if (width > 0) {
      this.isSmall = width < MIN_SPLIT_WIDTH;
    }
  });
  readonly #query = createRef<QueryBox>();
  readonly #rows = createRef<Rows>();

  /** Feeds a piece of an export, as bytes or text. Resolves when there is room for more. */
  async feed(chunk: Uint8Array | string): Promise<void> {
    this.#startFeed();
    await this.#sessions.feed(chunk);
  }

  /** Ends the export that was fed. */
  async end(): Promise<void> {
    this.#startFeed();
    await this.#sessions.end();
  }

  /** Shows a line of the export, and drops a search that hides it. Resolves to true if the line has a row. */
  async goTo(line: number): Promise<boolean> {
    const search = this.#search;
    if (search === undefined) {
      return false;
    }
    const { index } = search.session;
    const rowOf = () => index.rowOf(line).catch(() => undefined);
    let row = await rowOf();
    if (row === undefined && this.query !== "") {
      await this.search("");
      row = await rowOf();
    }
    if (row !== undefined && this.#state.folds && (await index.row(row).catch(() => undefined))?.kind === "fold") {
      await this.#ask({ folds: false });
      row = await rowOf();
    }
    if (row === undefined || search !== this.#search) {
      return false;
    }
    this.#rows.value?.goTo(row);
    await this.#openRow.open(index, row);
    return true;
  }

  /** Shows an entry of the log. Resolves to true if it has a row. */
  async goToEntry(index: number): Promise<boolean> {
    const line = await this.#search?.session.index.lineOf(index).catch(() => undefined);
    return line !== undefined && (await this.goTo(line));
  }

  /** Focuses the search box. */
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
    // An element that was only moved is connected again by then.
    queueMicrotask(() => {
      if (!this.isConnected) {
        this.#sessions.stop();
      }
    });
  }

  /** Waits for the texts of the language. */
  protected override async scheduleUpdate(): Promise<void> {
    const lang = this.language ?? this.parentElement?.closest<HTMLElement>("[lang]")?.lang ?? "en";
    if (lang !== this.#lang || (this.texts ?? undefined) !== this.#overrides) {
      const spoken = textsOf(lang);
      const known = spoken instanceof Promise ? await spoken : spoken;
      this.#lang = lang;
      this.#overrides = this.texts ?? undefined;
      this.#texts = merged<Texts>(known, this.#overrides);
    }
    await super.scheduleUpdate();
  }

  /** Its properties, by name. */
  get #props(): Record<string, unknown> {
    return this as unknown as Record<string, unknown>;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    // Frameworks reset properties with either `null` or `undefined`.
    for (const [name, value] of this.#defaults) {
      this.#props[name] ??= value;
    }
    if (changed.has("tz") && this.tz !== null) {
      this.#state.zone = this.#viewDefaults.zone;
    }
    if (changed.has("fragment")) {
      this.#readAddress();
    }
    const sources = ["src", "trust", "live", "file", "session", "trustText", "pins", "rules"] as const;
    if (sources.some((name) => changed.has(name) && changed.get(name) !== this[name])) {
      this.#lastPin = null;
      this.#restart();
    }
  }

  protected override render(): TemplateResult {
    const { session, alarm } = this.#sessions;
    const isShown = session !== undefined && session.phase !== "canceled" && session.phase !== "failed";
    return html`
      <div class="viewer" part="viewer" lang=${this.#texts.lang} data-phase=${session?.phase ?? nothing} @keydown=${this.#key}>
        ${alarm === undefined ? nothing : alarmView(alarm, this.#texts, this.#state.zone)}
        ${this.bare ? nothing : this.#strip(session)}
        ${
          isShown && this.session === undefined && session.detection !== undefined
            ? html`<cs-detections
                .detection=${session.detection}
                .zone=${this.#state.zone}
                .texts=${this.#texts}
                @show-finding=${({ detail }: CustomEvent<{ finding: Finding }>) => void this.goToEntry(detail.finding.entries.at(-1) ?? 0)}
              ></cs-detections>`
            : nothing
        }
        ${isShown ? (session.isWithdrawn ? withdrawnView(this.#texts) : this.#body(session)) : nothing}
        <p class="sr" role="status">${this.bare ? "" : this.#announcer.message}</p>
        ${helpView(this.#texts)}
      </div>
    `;
  }

  protected override updated(): void {
    this.#dispatchSelection();
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
      zone: this.#state.zone,
      link: this.link ?? link,
      cancel: pressed(() => session?.cancel()),
      again: isRepeatable
        ? pressed(() => {
            // The log must still contain what it showed before.
            this.#lastPin = session?.goodPin ?? this.#lastPin;
            this.#restart();
          })
        : undefined,
      isShown: (index) => containsEntry(listed, index),
      show: (line) => void this.goTo(line),
    };
    if (failure !== undefined) {
      return failureView(failure, strip);
    }
    return session === undefined ? waitingView(this.#texts, isLoading) : stripView(session, strip);
  }

  #body(session: Session): TemplateResult {
    const texts = this.#texts;
    const { criteria, zone, columns } = this.#state;
    const { query, selection } = this;
    const found = this.#search?.found;
    const { opened } = this.#openRow;
    const { detection } = session;
    const marks = detection?.status?.marks;
    const { isIndexIncomplete } = session;
    const chooseTime = ({ detail: { since, until } }: CustomEvent<{ since?: number; until?: number }>) =>
      this.#edit(session, (index, criteria) => withTime(index, criteria, since, until));
    return html`
      <div class="body" data-beside=${opened !== undefined && !this.isSmall}>
      <div class="body-main">
      <div class="tools" part="tools">
        <cs-query
          ${ref(this.#query)}
          .text=${criteria.text}
          .filters=${criteria.filters}
          .query=${query}
          .found=${found}
          .index=${session.index}
          .invalidPart=${this.#search?.invalidPart}
          .zone=${zone}
          .texts=${texts}
          @query-typed=${() => this.#typed()}
          @query-changed=${({ detail: { text } }: CustomEvent<{ text: string }>) => void this.#ask({ criteria: { ...this.#state.criteria, text } })}
          @filter-removed=${({ detail }: CustomEvent<{ filter: string }>) => this.#removeFilter(detail.filter)}
          @query-cleared=${() => void this.search("")}
          @query-left=${() => this.#rows.value?.focus()}
        ></cs-query>
        <slot name="search"></slot>
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
              ? this.#state.folds
              : undefined,
          fold: (folds) => void this.#ask({ folds }),
        })}
        <button type="button" class="facets-toggle with-icon" title=${texts.view.facets} aria-expanded=${this.showsFacets} aria-controls="facets" @click=${this.#turnFacets}>
          ${icon("filter")}<span>${texts.view.filter}</span>
        </button>
        <cs-export .search=${this.#search} .selection=${selection} .now=${this.#selected} .phase=${session.phase} .slicer=${this.#slicer} .texts=${texts}></cs-export>
        <button type="button" class="square" aria-label=${texts.help.open} title=${`${texts.help.open} (?)`} @click=${this.#help}>
          ${icon("help")}
        </button>
      </div>
      <div class="split">
      <cs-facets
        .found=${found}
        .isIndexIncomplete=${isIndexIncomplete}
        .isShown=${this.showsFacets}
        .texts=${texts}
        @value-toggled=${({ detail }: CustomEvent<{ column: Column; value: string }>) =>
          void this.#edit(session, (index, criteria) => withToggled(index, criteria, detail.column, detail.value))}
      ></cs-facets>
      <div class="split-main">
      <cs-histogram
        .found=${found}
        .isIndexIncomplete=${isIndexIncomplete}
        .detection=${detection}
        .zone=${zone}
        .texts=${texts}
        @time-chosen=${chooseTime}
      ></cs-histogram>
      <div class="main" ?hidden=${session.report === undefined && (found?.rows ?? 0) === 0}>
        <cs-rows
          ${ref(this.#rows)}
          .index=${session.index}
          .found=${found}
          .signerTrust=${this.#signerTrust}
          .marks=${marks}
          .columns=${columns}
          .order=${this.#order}
          .zone=${zone}
          .texts=${texts}
          .bar=${noticeView({
            search: this.#search,
            isInvalid: selection.state === "error" && selection.refusal !== undefined,
            replace: (unknown, near) => void this.#ask({ criteria: withField(this.#state.criteria, unknown, near) }),
            isAlone: !this.bare,
            isSorted: this.#order.by !== "place",
            texts,
            showAll: () => {
              void this.search("");
              this.#rows.value?.focus();
            },
          })}
          @open-row=${({ detail }: CustomEvent<RowAt>) => void this.#openAt(session, detail)}
          @mark-row=${({ detail }: CustomEvent<RowAt>) => this.#mark(session, detail)}
          @columns-changed=${({ detail: { columns } }: CustomEvent<{ columns: readonly ChosenColumn[] }>) => this.#show({ columns })}
          @sort-by=${({ detail }: CustomEvent<{ by: SortKey }>) => void this.#ask({ chosenOrder: nextOrder(this.#order, detail.by) })}
          @ask-help=${this.#help}
          @ask-find=${() => this.#query.value?.focus()}
          @ask-close=${() => this.#close()}
        ></cs-rows>
      </div>
      </div>
      </div>
      </div>
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
        @show-log-entry=${({ detail }: CustomEvent<{ index: number }>) => void this.goToEntry(detail.index)}
        @unfold=${() => void this.#ask({ folds: false })}
        @step=${({ detail }: CustomEvent<{ by: number }>) => this.#step(session, detail.by)}
        @close=${() => this.#close()}
      ></cs-drawer>
      </div>
    `;
  }

  /** Time range of the events. */
  #extent: Extent | undefined;

  /** Signer trust of events. The function is replaced whenever its results may change. */
  #signerTrust: Rows["signerTrust"] = () => "unsettled";

  #signerTrustOf(row: WholeRow | undefined): SignerTrustSoFar {
    return row === undefined || row.kind === "gap" || row.kind === "fold"
      ? "unsettled"
      : (this.#sessions.session?.signerTrust(row) ?? "unsettled");
  }

  // Verification

  #startFeed(): void {
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
    this.#sessions.open(Viewer.tools, this, this.#lastPin === null ? this.pins : [...this.pins, this.#lastPin], isFed);
  }

  #replaced(session: Session | undefined): void {
    this.#search?.close();
    this.#search = undefined;
    this.#extent = undefined;
    this.#openRow.close();
    this.#announcer.begin();
    if (session !== undefined) {
      this.#signerTrust = (event) => session.signerTrust(event);
      this.#search = new SearchController(session, this.#resultChanged);
      this.#slicer = Viewer.tools?.slicer?.();
      void this.#search.ask(this.#state.criteria, this.#order);
    }
    this.requestUpdate();
  }

  #changed(): void {
    const { session } = this.#sessions;
    if (session !== undefined) {
      this.#announcer.change(session, this.#texts);
      if (session.isWithdrawn) {
        this.#openRow.close();
      }
    }
    this.#seek();
    this.requestUpdate();
  }

  #reported(session: Session): void {
    this.#signerTrust = (event) => session.signerTrust(event);
    this.#announcer.report(session, this.#texts);
    this.#dispatch("countersign-report", { report: session.report, pin: session.pin });
    this.requestUpdate();
  }

  // View state

  /** The search as one query: the text and the filters. */
  get query(): string {
    return queryOf(this.#state.criteria);
  }

  /**
   * The current selection: the query, and the number of events it finds or why that isn't known. Changes are
   * dispatched as `selection-changed`.
   */
  get selection(): Selection {
    return this.#selected();
  }

  readonly #selected = (): Selection => {
    const { criteria } = this.#state;
    return selectionOf(this.#search, criteria, this.#query.value?.unapplied(criteria.text));
  };

  /** Searches for a text, without filters. Resolves when the result is complete or a newer search replaced it. */
  search(text: string): Promise<void> {
    const asking = this.#ask({ criteria: { text: text.trim(), filters: [] } });
    this.#resetBox();
    this.#dispatchSelection();
    return asking;
  }

  /** Called when the text of the search box changes, or is found to be invalid. */
  #typed(): void {
    this.#dispatchSelection();
    this.requestUpdate();
  }

  #removeFilter(filter: string): void {
    const { text, filters } = this.#state.criteria;
    void this.#ask({ criteria: { text, filters: filters.filter((one) => one !== filter) } });
  }

  #dispatchSelection(): void {
    const { selection } = this;
    if (this.#dispatched === undefined || !isSameSelection(selection, this.#dispatched)) {
      this.#dispatched = selection;
      this.dispatchEvent(new CustomEvent("selection-changed", { detail: { selection }, bubbles: true }));
    }
  }

  /** Edits the search as pressed in the facets or the chart. Edits run one after another. */
  #edit(session: Session, edit: (index: EventIndex, criteria: Criteria) => Promise<Criteria>): Promise<void> {
    return this.#inTurn(async () => {
      const { criteria } = this.#state;
      const edited = await edit(session.index, criteria).catch(() => criteria);
      const now = this.#state.criteria;
      if (session !== this.#sessions.session || edited === criteria) {
        return;
      }
      // Text typed meanwhile is kept, and a search that replaced this one stays.
      if (isSameCriteria(now, criteria)) {
        void this.#ask({ criteria: edited });
      } else if (now.filters === criteria.filters && edited.text === criteria.text) {
        void this.#ask({ criteria: { text: now.text, filters: edited.filters } });
      }
    });
  }

  /** Default order and zone. A live log shows the newest entries first. */
  get #viewDefaults(): ViewDefaults {
    const isLog = this.session === undefined ? this.live : isLive(this.session.source);
    const order = orderOf(this.order ?? "") ?? { by: "place", descending: isLog };
    return { order, zone: this.tz === "local" ? "local" : "utc" };
  }

  get #order(): Order {
    const { chosenOrder, folds } = this.#state;
    return { ...(chosenOrder ?? this.#viewDefaults.order), folds };
  }

  /** Runs the search with changed criteria or order. */
  async #ask(what: Partial<Pick<ViewState, "criteria" | "chosenOrder" | "folds">>): Promise<void> {
    const { text } = this.#state.criteria;
    Object.assign(this.#state, what);
    this.#openRow.close();
    this.#writeAddress();
    // A filter alone leaves the text being typed unchanged, even if it is invalid.
    if (text !== this.#state.criteria.text) {
      this.#resetBox();
    }
    const asking = this.#search?.ask(this.#state.criteria, this.#order);
    this.requestUpdate();
    this.#dispatchSelection();
    this.#dispatch("countersign-query", { query: this.query });
    await asking;
  }

  /** Sets the search box to the current criteria. */
  #resetBox(): void {
    this.#query.value?.reset(this.#state.criteria.text);
  }

  readonly #turnFacets = (): void => {
    this.showsFacets = !this.showsFacets;
  };

  /** Changes how rows are shown. */
  #show(how: Partial<Pick<ViewState, "zone" | "columns">>): void {
    Object.assign(this.#state, how);
    this.#writeAddress();
    this.requestUpdate();
  }

  readonly #resultChanged = (): void => {
    const { session } = this.#sessions;
    const { histogram, isFiltered, times, events } = this.#search?.found ?? {};
    if (histogram !== undefined && times !== undefined && isFiltered === false) {
      const isOpen = eventsIn(histogram) === events || (session !== undefined && isLive(session.source));
      this.#extent = extentOf(histogram, times.last, isOpen);
    }
    this.requestUpdate();
    this.#seek();
    if (this.#search?.isBusy === false) {
      void this.#selectFindings(this.#search);
    }
    if (session !== undefined) {
      void this.#openRow.follow(session.index, this.#search?.isBusy === false);
    }
  };

  /** Limits the findings to the events that the search shows. */
  async #selectFindings({ session, found, invalidPart }: SearchController): Promise<void> {
    const { query } = this;
    // If a search is invalid, the events are still those of the previous one.
    if (session.detection === undefined || found === undefined || invalidPart !== undefined) {
      return;
    }
    if (!found.isFiltered) {
      session.select(undefined);
      return;
    }
    const entries = await session.index.indexes().catch(() => undefined);
    if (entries !== undefined && query === this.query && found === this.#search?.found) {
      session.select({ query, entries });
    }
  }

  /** Goes to the wanted line once all lines are known, or in a live log once this one is. */
  #seek(): void {
    const line = this.#wantedLine;
    const { session } = this.#sessions;
    if (line === undefined) {
      return;
    }
    // The result for a live log is never complete.
    if (session?.phase === "live") {
      void this.#seekLive(session, line);
    } else if (session?.isIndexIncomplete !== true && this.#search?.isBusy === false) {
      this.#wantedLine = undefined;
      void this.goTo(line);
    }
  }

  /** Goes to the wanted line of a live log if it is there by now. */
  async #seekLive({ index }: Session, line: number): Promise<void> {
    const row = await index.rowOf(line).catch(() => undefined);
    if (row !== undefined && this.#wantedLine === line) {
      this.#wantedLine = undefined;
      await this.goTo(line);
    }
  }

  #rowOpened(row: WholeRow | undefined): void {
    this.#state.line = row?.line;
    if (row !== undefined) {
      this.#wantedLine = undefined;
    }
    this.requestUpdate();
    if (row !== undefined) {
      this.#writeAddress();
      this.#dispatch("countersign-open", { row });
    }
  }

  /**
   * Opens the row that is drawn at a position, then finds its position in the newest result, which may not be drawn
   * yet.
   */
  async #openAt({ index }: Session, { position, row }: RowAt): Promise<void> {
    await this.#openRow.open(index, position, row);
    await this.#openRow.follow(index, this.#search?.isBusy === false);
  }

  /** If a row is open, opens the current row instead. */
  #mark(session: Session, at: RowAt): void {
    const { opened } = this.#openRow;
    if (opened !== undefined && opened.position !== at.position) {
      void this.#openAt(session, at);
    }
  }

  #step({ index }: Session, by: number): void {
    const position = (this.#openRow.opened?.position ?? 0) + by;
    this.#rows.value?.goTo(position);
    void this.#openRow.open(index, position);
  }

  #close(): void {
    if (this.#openRow.close()) {
      this.#writeAddress();
      void this.updateComplete.then(() => this.#rows.value?.focus());
    }
  }

  readonly #help = (): void => this.shadowRoot?.querySelector<HTMLDialogElement>("dialog.help")?.showModal();

  /** Focuses the search from anywhere on the page, unless the page uses the key itself. */
  readonly #pageKey = (event: KeyboardEvent): void => {
    const isOurs = event.key === "/" && Viewer.#connected.size === 1 && !isHandled(event);
    if (isOurs && this.#query.value?.checkVisibility()) {
      event.preventDefault();
      this.#query.value.focus();
    }
  };

  readonly #key = (event: KeyboardEvent): void => {
    if (isHandled(event)) {
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

  // Address of the page

  readonly #readAddress = (): void => {
    if (this.fragment === null) {
      return;
    }
    const isOther = this.#state.read(this.fragment, this.#viewDefaults);
    const { criteria, line } = this.#state;
    if (isOther) {
      this.#resetBox();
      void this.#search?.ask(criteria, this.#order);
    }
    if (line !== undefined && line !== this.#openRow.opened?.row.line) {
      this.#wantedLine = line;
      this.#seek();
    }
    this.requestUpdate();
  };

  #writeAddress(): void {
    if (this.fragment !== null) {
      this.#state.write(this.fragment, this.#viewDefaults);
    }
  }

  #dispatch(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

/** Renders that an error was found, in place of the rows that were shown before. */
function withdrawnView({ withdrawn }: Texts): TemplateResult {
  return html`
    <section class="withdrawn tone-bad" part="withdrawn" role="alert">
      ${icon("fail")}
      <div><h2>${withdrawn.title}</h2><p>${withdrawn.why}</p></div>
    </section>
  `;
}

/** True if a key has a meaning where it was pressed, or was handled already. */
function isHandled(event: KeyboardEvent): boolean {
  const [target] = event.composedPath();
  const isField =
    target instanceof Element &&
    target.matches("input, select, textarea, dialog, dialog *, [contenteditable], [contenteditable] *");
  return isField || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.isComposing;
}
