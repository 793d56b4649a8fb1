import type { Finding } from "@countersign/ui/analyze/types.js";
import type { Overview } from "@countersign/ui/overview/types.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { reasonOf } from "@countersign/ui/viewer/search/selection.js";
import type { Link } from "@countersign/ui/viewer/session/live-connection.js";
import type { Session, Tools } from "@countersign/ui/viewer/session/session.js";
import { alarmView } from "@countersign/ui/viewer/verdict/alarm.js";
import { Viewer } from "@countersign/ui/viewer/viewer.js";
import type { Judged } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { confirmView } from "../src/input/confirm.ts";
import { type SessionKey, trustText, withoutKey } from "../src/input/trust.ts";
import { languageSwitch } from "../src/languages.ts";
import { HATCHES } from "../src/result/coverage.ts";
import { type Language, rememberLanguage, spoken } from "../src/texts/index.ts";
import { tools } from "../src/tools.ts";
import { View } from "../src/view.ts";
import { accessView } from "./access-view.ts";
import "./ask/ask.ts";
import { AuditorsPage } from "./ask/auditors-page.ts";
import { anotherView, claimsView, coverageTab } from "./coverage.ts";
import "./exposure.ts";
import { findingsTab, sessionsTab } from "./findings.ts";
import { Follower } from "./follower.ts";
import { History } from "./history.ts";
import "./inventory.ts";
import { type Conditions, NO_CONDITIONS, ROOT_TABS, readConditions, sameConditions } from "./address.ts";
import { type EventLink, searchFragment } from "./event-links.ts";
import { keysTab } from "./keys.ts";
import { liveView } from "./live.ts";
import { Log } from "./log.ts";
import { type LoadedFile, loadFiles, overview } from "./overview.ts";
import { Reader } from "./reader.ts";
import { askRecords, NO_RECORDS, recordsView } from "./records.ts";
import type { EditedScenario, SavedScenario } from "./scenarios/editor.ts";
import { ScenarioStore } from "./scenarios/store.ts";
import { type Complaint, complaintOf, conditionsOf, searchView } from "./search.ts";
import { SearchRunner } from "./search-runner.ts";
import { issuerOf, returned, type SignedIn } from "./sign-in.ts";
import { Sources } from "./sources.ts";
import { askStorage, NO_STORAGE, storageTab } from "./storage.ts";
import { bringIntoView, Tabs, tabsView } from "./tabs.ts";
import type { Tenant } from "./tenants/tenant.ts";
import { TenantList } from "./tenants/tenant-list.ts";
import { type TenantQuery, TenantSearch } from "./tenants/tenant-search.ts";
import { SHOWN_AT_ONCE, tenantSearchView } from "./tenants/tenant-search-view.ts";
import { FilteredTenants, NO_FILTER, tenantsView } from "./tenants/tenants-view.ts";
import { type ConsoleTexts, TEXTS } from "./texts/index.ts";
import { type Origin, type Verified, verifiedView } from "./verified.ts";
import { witnessesTab } from "./witnesses.ts";

/** Prefixes of the names in a viewer's fragment. */
const FRAGMENTS: Readonly<Record<Origin, string>> = { search: "s.", live: "l." };

/** The first search of all tenants. */
const FIRST_ACROSS: TenantQuery = { query: "", isWhole: true };

/** Conditions of the first search, limited because a log may be very large. */
const FIRST: Conditions = { ...NO_CONDITIONS, limit: "1000" };

/** The console of the log that serves the page. */
export class Console extends View {
  readonly #changed = () => this.requestUpdate();
  readonly #log = new Log();
  readonly #history = new History(this.#log);
  readonly #reader = new Reader(
    this.#log,
    { changed: this.#changed, trusts: () => this.#verifyAgain() },
    issuerOf(document),
  );
  /** Result of signing in, if the reader returns from that and the address wasn't used otherwise. */
  readonly #signInReturn = returned();
  readonly #dependencies = {
    log: this.#log,
    reader: this.#reader,
    history: this.#history,
    tools: () => this.#workers(),
    changed: this.#changed,
  };
  readonly #searchRunner = new SearchRunner(this.#dependencies);
  readonly #follower = new Follower(this.#dependencies);
  readonly #tenantList = new TenantList(this.#log, this.#changed);
  readonly #filteredTenants = new FilteredTenants();
  readonly #tenantSearch = new TenantSearch({
    log: this.#log,
    trust: () => this.#reader.trust,
    tools: () => this.#workers(),
    changed: this.#changed,
    denied: (refusal) => this.#change(() => this.#reader.deny(refusal)),
  });
  readonly #sources = new Sources(this.#changed);
  readonly #tabs = new Tabs();
  /** The tab that was scrolled into view last. */
  #inView: string | undefined;
  #tools: Promise<Tools> | undefined;
  #overview: Promise<Overview> | undefined;
  readonly #makeOverview = () => {
    this.#overview ??= overview();
    return this.#overview;
  };
  readonly #rules = async () => (await (await this.#workers()).rules?.()) ?? "";
  /** API description, until the page is closed. */
  #description: LoadedFile | undefined;
  readonly #auditorsPage = new AuditorsPage(this.#log);
  readonly #scenarios = new ScenarioStore();
  #editedScenario: EditedScenario | undefined;
  /** Reason why the last file was rejected. */
  #rejected = "";
  #conditions = readConditions(location.hash) ?? FIRST;
  /** The query in the search's viewer. */
  #viewerQuery = "";
  /** The query to apply once the viewer exists. */
  #pendingQuery: string | undefined;
  #complaint: Complaint | undefined;
  /** True until the entry that another section led to is open. */
  #isBringingEntry = false;
  #storage = NO_STORAGE;
  #records = NO_RECORDS;
  #tenantFilter = NO_FILTER;
  #tenantQuery = FIRST_ACROSS;
  /** Number of logs shown of the search of all tenants. */
  #tenantResults = SHOWN_AT_ONCE;
  #language: Language = spoken();
  #announcement = "";

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("hashchange", this.#moved);
    addEventListener("resize", this.#showTab);
    this.#speak(this.#language);
    void this.#loadStorage();
    if (this.#signInReturn !== undefined) void this.#finishSignIn(this.#signInReturn);
    else {
      const token = this.#reader.resume();
      if (token !== "") void this.#useToken(token);
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("hashchange", this.#moved);
    removeEventListener("resize", this.#showTab);
    this.#searchRunner.close();
    this.#follower.close();
    this.#tenantList.close();
    this.#tenantSearch.close();
  }

  protected override updated(): void {
    const dialog = this.querySelector<HTMLDialogElement>("dialog.confirm");
    if (dialog !== null && !dialog.open) dialog.showModal();
    if (this.#inView !== this.#tabs.current) {
      this.#inView = this.#tabs.current;
      this.#showTab();
    }
    const viewer = this.querySelector<Viewer>('[data-tab="search"] countersign-viewer');
    if (viewer === null) return;
    if (this.#pendingQuery !== undefined) {
      const query = this.#pendingQuery;
      this.#pendingQuery = undefined;
      if (viewer.query !== query) void viewer.search(query);
    }
    this.#viewerSearched(viewer.query);
  }

  /** A search of the whole log uses the query of the viewer. */
  #viewerSearched(query: string): void {
    if (query === this.#viewerQuery) return;
    this.#viewerQuery = query;
    this.requestUpdate();
  }

  protected override render(): TemplateResult {
    const t = TEXTS[this.#language];
    const { memory, published } = this.#history;
    const alarm = this.#history.alarm ?? this.#tenantSearch.alarm;
    const origin = published?.origin ?? this.#storage.health?.origin;
    const { search } = this.#searchRunner;
    return html`
      ${HATCHES}
      <a class="skip" href="#content" @click=${this.#skip}>${t.skip}</a>
      <div
        class="page console"
        ?data-reads=${this.#reader.mayRead}
        @speak=${(event: CustomEvent<Language>) => this.#choose(event.detail)}
        @use-token=${(event: CustomEvent<string>) => void this.#useToken(event.detail)}
        @sign-in=${() => void this.#reader.signIn()}
        @keep-access=${(event: CustomEvent<boolean>) => this.#reader.keep(event.detail)}
        @open-access=${(event: CustomEvent<boolean>) => this.#change(() => (this.#reader.isOpen = event.detail))}
        @leave=${() => this.#leave()}
        @choose-trust=${(event: CustomEvent<readonly File[]>) => void this.#reader.takeTrust(event.detail)}
        @remove-trust=${() => this.#reader.changeTrust({ ...this.#reader.trust, file: undefined })}
        @remove-key=${(event: CustomEvent<SessionKey>) => this.#reader.changeTrust(withoutKey(this.#reader.trust, event.detail))}
        @trust-signer=${(event: CustomEvent<string>) => this.#reader.ask(event.detail)}
        @confirm=${() => this.#reader.confirm()}
        @dismiss=${() => this.#reader.ask(undefined)}
        @turn-memory=${(event: CustomEvent<boolean>) => this.#change(() => memory.turn(event.detail))}
        @forget=${(event: CustomEvent<string>) => this.#change(() => memory.forget(event.detail))}
        @forget-all=${() => this.#change(() => memory.forgetAll())}
        @countersign-query=${(event: CustomEvent<{ query: string }>) => {
          if (this.#tabs.current === "search") this.#viewerSearched(event.detail.query);
        }}
        @countersign-open=${({ target }: Event) => void this.#rowOpened(target as Viewer)}
        @selection-changed=${() => this.requestUpdate()}
        @verify-whole=${() => this.#search(NO_CONDITIONS)}
        @show-finding=${(event: CustomEvent<{ finding: Finding }>) => void this.#showFinding(event.detail.finding)}
        @show-events=${(event: CustomEvent<EventLink>) => void this.#showEvents(event.detail)}
        @show-entry=${(event: CustomEvent<number>) => void this.#showEntry(event.detail)}
        @choose-description=${(event: CustomEvent<readonly File[]>) => void this.#loadFiles(event.detail, ([one]) => (this.#description = one ?? this.#description))}
        @remove-description=${() => this.#change(() => (this.#description = undefined))}
        @choose-scenarios=${(event: CustomEvent<readonly File[]>) => void this.#loadFiles(event.detail, (brought) => this.#scenarios.add(brought))}
        @remove-scenario=${(event: CustomEvent<string>) => this.#change(() => this.#removeScenario(event.detail))}
        @edit-scenario=${(event: CustomEvent<EditedScenario>) => this.#change(() => (this.#editedScenario = event.detail))}
        @close-scenario=${() => this.#change(() => (this.#editedScenario = undefined))}
        @save-scenario=${({ detail: { replaces, file } }: CustomEvent<SavedScenario>) =>
          this.#change(() => {
            this.#scenarios.replace(replaces, file);
            this.#editedScenario = undefined;
          })}
        @begin-live=${() => this.#beginLive()}
        @open-tenant=${(event: CustomEvent<Tenant>) => this.#reader.handOver(event.detail)}
        @choose-source=${(event: CustomEvent<Origin>) => this.#change(() => (this.#sources.chosen = event.detail))}
      >
        <header class="top">
          <div class="brand-line">
            <span class="brand">countersign</span>
            <h1>${origin === undefined ? t.headingAlone : t.heading(value(origin, 120))}</h1>
            ${languageSwitch(this.#language)}
          </div>
          <p class="lead">${t.lead}</p>
          <details class="privacy">
            <summary>${t.about.summary}</summary>
            <div>
              ${t.about.paragraphs.map((paragraph) => html`<p>${paragraph}</p>`)}
              ${this.#reader.issuer === undefined ? nothing : html`<p>${t.about.signIn(value(this.#reader.issuer.issuer, 200))}</p>`}
            </div>
          </details>
          ${anotherView(published, memory, t)}
        </header>
        ${alarm === undefined ? nothing : html`<div class="alarms">${alarmView(alarm, t.viewer, "utc")}</div>`}
        ${accessView(this.#reader, memory, this.#verified, t)}
        ${tabsView(this.#tabs, this.#follower, t)}
        <main id="content" tabindex="-1" data-tab=${this.#tabs.current}>
          <h2 class=${this.#isListed ? "sr" : nothing}>${t[this.#tabs.current].heading}</h2>
          ${this.#content(t)}
        </main>
        ${this.#reader.keyToConfirm === undefined ? nothing : confirmView(this.#reader.keyToConfirm, t.page)}
        <p class="sr" role="status">${search.isAsking && search.session === undefined ? t.search.loading : this.#announcement}</p>
      </div>
    `;
  }

  /** Sessions of the search and the live view. */
  get #verified(): readonly Session[] {
    return [this.#searchRunner.search.session, this.#follower.watch?.session].filter(
      (one) => one !== undefined,
    );
  }

  /** True if events are listed, which take all the room. */
  get #isListed(): boolean {
    const { current } = this.#tabs;
    if (current === "live") return this.#follower.watch !== undefined;
    return current === "search" && this.#searchRunner.search.session !== undefined;
  }

  #content(t: ConsoleTexts): TemplateResult {
    const { health } = this.#storage;
    switch (this.#tabs.current) {
      case "search":
        return this.#reader.mayRead
          ? this.#searchTab(t)
          : html`<p class="help wide-text">${t.search.about}</p>${this.#toToken(t)}`;
      case "live":
        return this.#reader.mayRead
          ? this.#liveTab(t)
          : html`<p class="help wide-text">${t.live.about}</p>${this.#toToken(t)}`;
      case "ask":
        return html`
          <p class="help wide-text">${t.ask.about}</p>
          ${this.#ofVerified(t, (verified, { report }) => html`<cs-ask .verified=${verified} .report=${report} .trust=${this.#reader.trust} .page=${this.#auditorsPage} .texts=${t}></cs-ask>`)}`;
      case "findings":
        return html`
          <p class="help wide-text">${t.findings.about}</p>
          ${this.#ofVerified(t, (verified) => findingsTab(verified, t))}`;
      case "sessions":
        return html`
          <p class="help wide-text">${t.sessions.about}</p>
          ${this.#ofVerified(t, (verified) => sessionsTab(verified, t))}`;
      case "inventory":
        return html`
          <p class="help wide-text">${t.inventory.about}</p>
          ${this.#ofVerified(t, ({ session }) => html`<cs-inventory .session=${session} .overview=${this.#makeOverview} .description=${this.#description} .complaint=${this.#rejected} .texts=${t}></cs-inventory>`)}`;
      case "exposure":
        return html`
          <p class="help wide-text">${t.exposure.about}</p>
          ${this.#ofVerified(t, ({ session }, { report }) => html`<cs-exposure .session=${session} .report=${report} .overview=${this.#makeOverview} .rules=${this.#rules} .description=${this.#description} .scenarios=${this.#scenarios.files} .edited=${this.#editedScenario} .isKept=${this.#scenarios.isKept} .complaint=${this.#rejected} .texts=${t}></cs-exposure>`)}`;
      case "coverage":
        return html`
          ${this.#ofVerified(t, (verified, { report }) => coverageTab(verified, report, t))}
          ${claimsView(this.#history.published, health, t)}`;
      case "keys":
        return html`
          <p class="help wide-text">${t.keys.about}</p>
          ${this.#ofVerified(t, (verified, { report }) => keysTab(verified, report, this.#reader.trust, t))}`;
      case "witnesses":
        return html`
          <p class="help wide-text">${t.witnesses.about}</p>
          ${this.#ofVerified(t, (verified, judged) => witnessesTab(verified, judged, trustText(this.#reader.trust), health, t))}`;
      case "storage":
        return html`
          ${this.#log.isTenant ? nothing : storageTab(this.#storage, () => void this.#loadStorage(), t)}
          ${this.#log.hasTenants ? (this.#reader.mayRead ? nothing : this.#toTenantsToken(t)) : recordsView(this.#records, this.#reader.mayRead, t)}`;
      case "tenants":
        return this.#reader.mayRead
          ? this.#tenantsTab(t)
          : html`<p class="help wide-text">${t.tenants.about}</p>${this.#toTenantsToken(t)}`;
      case "across":
        return this.#reader.mayRead
          ? this.#acrossTab(t)
          : html`<p class="help wide-text">${t.across.about}</p>${this.#toTenantsToken(t)}`;
    }
  }

  #tenantsTab(t: ConsoleTexts): TemplateResult {
    const list = this.#tenantList;
    const filter = this.#tenantFilter;
    return tenantsView(
      {
        list,
        filter,
        shown: this.#filteredTenants.get(list.tenants, filter),
        setFilter: (filter) => this.#change(() => (this.#tenantFilter = filter)),
        load: () => void list.load(),
      },
      t,
    );
  }

  #acrossTab(t: ConsoleTexts): TemplateResult {
    const search = this.#tenantSearch;
    const list = this.#tenantList;
    const tenants = this.#filteredTenants.get(list.tenants, this.#tenantFilter);
    const { file, keys } = this.#reader.trust;
    return tenantSearchView(
      {
        search,
        list,
        tenants,
        hasTrust: file !== undefined || keys.length > 0,
        form: this.#tenantQuery,
        limit: this.#tenantResults,
        run: (query) => {
          this.#tenantQuery = query;
          this.#tenantResults = SHOWN_AT_ONCE;
          void search.run(tenants, query);
        },
        cancel: () => search.cancel(),
        resume: () => void search.resume(),
        showMore: () => this.#change(() => (this.#tenantResults += SHOWN_AT_ONCE)),
      },
      t,
    );
  }

  #searchTab(t: ConsoleTexts): TemplateResult {
    const { search } = this.#searchRunner;
    return searchView(
      {
        search,
        conditions: this.#conditions,
        complaint: this.#complaint,
        viewer: viewer(search.session, FRAGMENTS.search, t),
        viewerQuery: this.#viewerQuery,
        unsettled: this.#unsettled(t),
        submit: this.#submit,
        ask: (query) =>
          this.#search({ ...this.#conditions, query, limit: this.#conditions.limit || FIRST.limit }),
        cancel: () => this.#searchRunner.cancel(),
      },
      t,
    );
  }

  /** Returns why the content of the search box isn't settled; undefined if it is. */
  #unsettled({ viewer: texts }: ConsoleTexts): string | undefined {
    const { selection } = this.querySelector<Viewer>('[data-tab="search"] countersign-viewer') ?? {};
    if (selection?.state === "counting")
      return selection.wait === "typing" ? texts.selection.typing : undefined;
    return selection && reasonOf(selection, texts, true);
  }

  #liveTab(t: ConsoleTexts): TemplateResult {
    const { watch } = this.#follower;
    return liveView(
      {
        watch,
        viewer: viewer(watch?.session, FRAGMENTS.live, t, watch?.link),
        begin: () => void this.#follower.begin(),
      },
      t,
    );
  }

  #toToken(t: ConsoleTexts): TemplateResult {
    return html`
      <p class="empty">${t.access.needed}</p>
      <div class="buttons"><button type="button" class="primary" @click=${() => void this.#focusToken()}>${t.access.toToken}</button></div>
    `;
  }

  /** Renders which token a root log's console needs. A token for some logs gets the answer of an unknown address. */
  #toTenantsToken(t: ConsoleTexts): TemplateResult {
    const { status } = this.#reader.refusal ?? {};
    return html`
      <p class="wide-text" data-needs="all">${status === 403 || status === 404 ? t.tenants.notAll : t.tenants.needed}</p>
      ${this.#toToken(t)}
    `;
  }

  #ofVerified(t: ConsoleTexts, show: (verified: Verified, judged: Judged) => unknown): TemplateResult {
    const all = this.#sources.all(this.#searchRunner.search, this.#follower.watch);
    const shown = this.#sources.shown(all);
    return verifiedView({ all, shown, mayRead: this.#reader.mayRead, toToken: this.#toToken(t), show }, t);
  }

  /** Shows the last event of a finding, which made its rule fire. */
  async #showFinding({ entries }: Finding): Promise<void> {
    await this.#showEntry(entries.at(-1) ?? 0);
  }

  /** Loads the texts of chosen files. */
  async #loadFiles(files: readonly File[], keep: (loaded: readonly LoadedFile[]) => void): Promise<void> {
    const { loaded, refused } = await loadFiles(files);
    this.#change(() => {
      keep(loaded);
      this.#rejected = refused.length === 0 ? "" : TEXTS[this.#language].unread(refused.join(", "));
    });
  }

  /** Removes a scenario, and stops editing it. */
  #removeScenario(name: string): void {
    this.#scenarios.remove(name);
    if (this.#editedScenario?.name === name) this.#editedScenario = undefined;
  }

  /** The session that the sections show. */
  get #shown(): Verified | undefined {
    return this.#sources.shown(this.#sources.all(this.#searchRunner.search, this.#follower.watch));
  }

  /** Shows the events behind a row, in the search or the live view. */
  async #showEvents({ query, entry }: EventLink): Promise<void> {
    const shown = this.#shown;
    if (shown === undefined) return;
    // A name may contain what no query can, such as a very long text.
    const refusal = await shown.session.index.check(query);
    if (refusal === undefined)
      location.hash = searchFragment(this.#tabs.fragment(shown.from), FRAGMENTS[shown.from], query);
    else if (entry !== undefined) await this.#showEntry(entry);
  }

  async #showEntry(index: number): Promise<void> {
    const shown = this.#shown;
    const line = await shown?.session.index.lineOf(index).catch(() => undefined);
    if (shown === undefined || line === undefined) return;
    this.#isBringingEntry = true;
    this.#tabs.show(shown.from, FRAGMENTS[shown.from], line);
  }

  /** Scrolls to an entry that another section led to, so that its details begin at the top of the window. */
  async #rowOpened(viewer: Viewer): Promise<void> {
    if (!this.#isBringingEntry) return;
    this.#isBringingEntry = false;
    await viewer.updateComplete;
    viewer.scrollIntoView({ block: "start" });
  }

  async #useToken(token: string): Promise<void> {
    const isAccepted = await this.#reader.enter(token);
    await this.updateComplete;
    const field = this.querySelector<HTMLInputElement>("#token");
    if (this.#reader.complaint?.field === "token") field?.focus();
    if (!isAccepted) return;
    if (field !== null) field.value = "";
    this.#change(() => (this.#announcement = TEXTS[this.#language].access.accepted));
    if (this.#log.hasTenants) {
      this.#useTenants();
      void this.#tenantList.load();
      void this.#loadStorage();
    }
    if (this.#tabs.current === "search") this.#search(this.#conditions);
    if (this.#tabs.current === "live") void this.#follower.begin();
    await this.updateComplete;
    this.querySelector<HTMLElement>(".access > summary")?.focus();
  }

  async #finishSignIn(finish: () => Promise<SignedIn>): Promise<void> {
    const token = await this.#reader.comeBack(finish);
    if (token !== "") await this.#useToken(token);
  }

  #leave(): void {
    this.#reader.leave();
    this.#history.leave();
    this.#records = NO_RECORDS;
    this.#searchRunner.close();
    this.#follower.close();
    this.#tenantList.close();
    this.#tenantSearch.close();
    if (this.#log.hasTenants) this.#storage = NO_STORAGE;
    void this.#focusToken();
  }

  async #focusToken(): Promise<void> {
    this.#change(() => (this.#reader.isOpen = true));
    await this.updateComplete;
    this.querySelector<HTMLElement>("#token")?.focus();
  }

  /** Verifies again with the reader's current trust. */
  #verifyAgain(): void {
    this.#history.clearAlarm();
    this.requestUpdate();
    // The results were judged by the earlier trust file.
    this.#tenantSearch.close();
    void this.#searchRunner.again();
    if (this.#follower.isFollowing) void this.#follower.begin();
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    this.#conditions = { ...conditionsOf(form), query: this.#conditions.query };
    this.#complaint = complaintOf(this.#conditions);
    if (this.#complaint === undefined) {
      this.#search(this.#conditions);
      return;
    }
    this.requestUpdate();
    const field = form.querySelector<HTMLInputElement>(`[name="${this.#complaint.field}"]`);
    field?.closest("details")?.setAttribute("open", "");
    field?.focus();
  };

  #search(conditions: Conditions): void {
    this.#conditions = conditions;
    this.#complaint = undefined;
    this.#announcement = "";
    if (conditions.query !== "") this.#pendingQuery = conditions.query;
    this.#sources.chosen = "search";
    this.#tabs.write(conditions);
    void this.#searchRunner.run(conditions);
  }

  #beginLive(): void {
    this.#tabs.go("live");
    void this.#follower.begin();
  }

  #workers(): Promise<Tools> {
    this.#tools ??= tools().then((workers) => {
      Viewer.tools = workers;
      return workers;
    });
    return this.#tools;
  }

  async #loadStorage(): Promise<void> {
    this.#change(() => (this.#storage = { ...this.#storage, isAsking: true, refusal: undefined }));
    const isStorage = this.#tabs.current === "storage" && this.#reader.mayRead && !this.#log.hasTenants;
    const [storage, , records] = await Promise.all([
      askStorage(this.#log),
      this.#history.ask(),
      isStorage ? askRecords(this.#log) : this.#records,
    ]);
    if (this.#log.hasTenants) this.#useTenants();
    this.#change(() => {
      this.#storage = storage;
      this.#records = records;
    });
  }

  /** Shows the console of a root log. */
  #useTenants(): void {
    if (this.#tabs.all !== ROOT_TABS) this.#change(() => this.#tabs.useTenants());
  }

  readonly #showTab = (): void => {
    const tabs = this.querySelector<HTMLElement>(".tabs");
    if (tabs !== null) bringIntoView(tabs);
  };

  readonly #moved = (event: HashChangeEvent): void => {
    const before = this.#tabs.current;
    this.#tabs.moved(event);
    this.#rejected = "";
    const { current } = this.#tabs;
    if (current !== before && (current === "storage" || current === "coverage" || current === "witnesses"))
      void this.#loadStorage();
    // A reader who was let in on another tab hasn't searched yet.
    const first = this.#searchRunner.ran === undefined ? this.#conditions : undefined;
    const conditions = readConditions(location.hash) ?? first;
    if (
      current === "search" &&
      conditions !== undefined &&
      !sameConditions(conditions, this.#searchRunner.ran)
    ) {
      this.#conditions = conditions;
      if (this.#reader.mayRead) this.#search(conditions);
    }
    this.requestUpdate();
  };

  readonly #skip = (event: Event): void => {
    event.preventDefault();
    this.querySelector<HTMLElement>("#content")?.focus();
  };

  #choose(language: Language): void {
    rememberLanguage(language);
    this.#speak(language);
  }

  #speak(language: Language): void {
    this.#language = language;
    this.#announcement = "";
    document.documentElement.lang = language;
    document.title = TEXTS[language].title;
    this.requestUpdate();
  }

  #change(change: () => unknown): void {
    change();
    this.requestUpdate();
  }
}

function viewer(
  session: Session | undefined,
  fragment: string,
  { viewer: texts }: ConsoleTexts,
  link?: Link,
): TemplateResult | typeof nothing {
  return session === undefined
    ? nothing
    : html`<countersign-viewer .session=${session} .link=${link} .texts=${texts} .fragment=${fragment} .order=${"-place"}></countersign-viewer>`;
}
