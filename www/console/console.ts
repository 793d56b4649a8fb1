import type { Finding } from "@countersign/ui/analyze/types.js";
import type { Overview } from "@countersign/ui/overview/types.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
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
import { anotherView, claimsView, coverageTab } from "./coverage.ts";
import { AuditorsPage } from "./evidence/auditors-page.ts";
import { FiledCheck } from "./evidence/filed-check.ts";
import { filedSection } from "./evidence/filed-section.ts";
import "./exposure.ts";
import { sessionsTab } from "./findings.ts";
import { Follower } from "./follower.ts";
import { History } from "./history.ts";
import "./inventory.ts";
import { type Conditions, NO_CONDITIONS, ROOT_TABS, type Tab } from "./address.ts";
import type { EventLink } from "./event-links.ts";
import { extentOf, extentView, focusComplaint } from "./extent.ts";
import { keysTab } from "./keys.ts";
import { liveView } from "./live.ts";
import { Log } from "./log.ts";
import { type LoadedFile, loadFiles, overview } from "./overview.ts";
import { Reader } from "./reader.ts";
import { askRecords, NO_RECORDS, recordsView } from "./records.ts";
import type { EditedScenario, SavedScenario } from "./scenarios/editor.ts";
import { ScenarioStore } from "./scenarios/store.ts";
import { FRAGMENTS, ScopeController } from "./scope-controller.ts";
import { searchView, unsettledOf } from "./search.ts";
import { headView } from "./section-head.ts";
import { issuerOf, returned, type SignedIn } from "./sign-in.ts";
import type { StatusInput } from "./status/card.ts";
import { statusView } from "./status/status-view.ts";
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
import { refusalView } from "./words.ts";

/** Sections without a head: they show only statements of the log operator, or a file with a verdict of its own. */
const WITHOUT_HEAD: readonly Tab[] = [...ROOT_TABS, "evidence"];

/** Sections with statements of the log operator, which are loaded again whenever one is opened. */
const STATED: readonly Tab[] = ["overview", "coverage", "witnesses", "storage"];

/** Milliseconds after which the overview computes again how long ago something was. */
const REFRESH_MS = 30_000;

/** The first search of all tenants. */
const FIRST_ACROSS: TenantQuery = { query: "", isWhole: true };

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
  readonly #follower = new Follower(this.#dependencies);
  readonly #tabs = new Tabs();
  readonly #scope = new ScopeController({
    search: this.#dependencies,
    tabs: this.#tabs,
    follower: this.#follower,
  });
  readonly #tenantList = new TenantList(this.#log, this.#changed);
  readonly #filteredTenants = new FilteredTenants();
  readonly #tenantSearch = new TenantSearch({
    log: this.#log,
    trust: () => this.#reader.trust,
    tools: () => this.#workers(),
    changed: this.#changed,
    denied: (refusal) => this.#change(() => this.#reader.deny(refusal)),
  });
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
  readonly #filed = new FiledCheck({
    tools: () => this.#workers(),
    trust: () => this.#reader.trust,
    page: () => this.#auditorsPage.load(),
    changed: this.#changed,
  });
  readonly #scenarios = new ScenarioStore();
  #editedScenario: EditedScenario | undefined;
  /** Reason why the last file was rejected. */
  #rejected = "";
  #storage = NO_STORAGE;
  #records = NO_RECORDS;
  #tenantFilter = NO_FILTER;
  #tenantQuery = FIRST_ACROSS;
  /** Number of logs shown of the search of all tenants. */
  #tenantResults = SHOWN_AT_ONCE;
  #language: Language = spoken();
  #announcement = "";
  #timer: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("hashchange", this.#moved);
    addEventListener("resize", this.#showTab);
    this.#speak(this.#language);
    this.#timer = setInterval(() => {
      if (this.#tabs.current === "overview" && !document.hidden) this.requestUpdate();
    }, REFRESH_MS);
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
    clearInterval(this.#timer);
    this.#scope.searches.close();
    this.#follower.close();
    this.#tenantList.close();
    this.#tenantSearch.close();
    this.#filed.close();
  }

  protected override updated(): void {
    const dialog = this.querySelector<HTMLDialogElement>("dialog.confirm");
    if (dialog !== null && !dialog.open) dialog.showModal();
    if (this.#inView !== this.#tabs.current) {
      this.#inView = this.#tabs.current;
      this.#showTab();
    }
    const viewer = this.#searchViewer;
    if (viewer === null) return;
    // A new viewer reads its query from the address first.
    if (!viewer.hasUpdated) {
      void viewer.updateComplete.then(() => this.requestUpdate());
      return;
    }
    const { pendingQuery } = this.#scope.searches;
    if (pendingQuery !== undefined && viewer.query !== pendingQuery) void viewer.search(pendingQuery);
    this.#scope.viewerSearched(viewer.query);
  }

  get #searchViewer(): Viewer | null {
    return this.querySelector<Viewer>('[data-tab="search"] countersign-viewer');
  }

  protected override render(): TemplateResult {
    const t = TEXTS[this.#language];
    const { memory, published } = this.#history;
    const alarm = this.#history.alarm ?? this.#tenantSearch.alarm;
    const origin = published?.origin ?? this.#storage.health?.origin;
    const { search } = this.#scope.searches.loaded;
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
          if (this.#tabs.current === "search") this.#scope.viewerSearched(event.detail.query);
        }}
        @countersign-open=${({ target }: Event) => void this.#scope.rowOpened(target as Viewer)}
        @selection-changed=${() => this.requestUpdate()}
        @verify-whole=${() => this.#load(NO_CONDITIONS)}
        @choose-trust-file=${() => void this.#openAccess(".trust-part button")}
        @allow-memory=${() => void this.#openAccess(".memory > summary")}
        @load-again=${() => this.#load(this.#scope.searches.extent)}
        @refresh-storage=${() => void this.#loadStorage()}
        @show-verified-line=${(event: CustomEvent<number>) => this.#scope.showLine(event.detail)}
        @show-finding=${(event: CustomEvent<{ finding: Finding }>) => void this.#scope.showEntry(event.detail.finding.entries.at(-1) ?? 0)}
        @show-events=${(event: CustomEvent<EventLink>) => void this.#scope.showEvents(event.detail)}
        @show-entry=${(event: CustomEvent<number>) => void this.#scope.showEntry(event.detail)}
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
        @choose-evidence=${(event: CustomEvent<readonly File[]>) => {
          const [file] = event.detail;
          if (file !== undefined) void this.#openEvidence(file);
        }}
        @close-evidence=${() => void this.#closeEvidence()}
        @begin-live=${() => this.#beginLive()}
        @open-tenant=${(event: CustomEvent<Tenant>) => this.#reader.handOver(event.detail)}
        @choose-source=${(event: CustomEvent<Origin>) => this.#change(() => (this.#scope.sources.chosen = event.detail))}
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
          <h2 class=${this.#hidesHeading ? "sr" : nothing}>${t[this.#tabs.current].heading}</h2>
          ${this.#head(t)}
          ${this.#content(t)}
        </main>
        ${this.#reader.keyToConfirm === undefined ? nothing : confirmView(this.#reader.keyToConfirm, t.page)}
        <p class="sr" role="status">${search.isAsking && search.session === undefined ? t.search.loading : this.#announcement}</p>
      </div>
    `;
  }

  /** Sessions of the loaded events, of the search of the whole log, and of the live view. */
  get #verified(): readonly Session[] {
    const { loaded, found } = this.#scope.searches;
    return [loaded.search.session, found.search.session, this.#follower.watch?.session].filter(
      (one) => one !== undefined,
    );
  }

  /** True if the heading is only for screen readers, because the events or the overview need the room. */
  get #hidesHeading(): boolean {
    const { current } = this.#tabs;
    if (current === "live") return this.#follower.watch !== undefined;
    // The content has a heading of its own.
    if (current === "ask" || current === "findings")
      return this.#scope.covered().shown?.session.verification !== undefined;
    return (
      current === "overview" ||
      (current === "search" && this.#scope.searches.loaded.search.session !== undefined)
    );
  }

  /** Renders the scope and the verdict of a section. */
  #head(t: ConsoleTexts): TemplateResult | typeof nothing {
    if (!this.#reader.mayRead || WITHOUT_HEAD.includes(this.#tabs.current)) return nothing;
    const { all, shown } = this.#scope.covered();
    const { search } = this.#scope.searches.loaded;
    const extent = extentView(
      {
        extent: this.#scope.searches.extent,
        complaint: this.#scope.complaint,
        isAsking: search.isAsking,
        submit: this.#submit,
        cancel: () => this.#scope.searches.loaded.cancel(),
      },
      t,
    );
    const head =
      shown === undefined
        ? html`<div class="section-head">${extent}</div>`
        : headView({ all, shown, extent, link: this.#follower.watch?.link }, t);
    if (this.#tabs.current === "live") return shown === undefined ? nothing : head;
    return html`${search.refusal === undefined ? nothing : refusalView(search.refusal, t)}${head}`;
  }

  #content(t: ConsoleTexts): TemplateResult {
    const { health } = this.#storage;
    switch (this.#tabs.current) {
      case "overview":
        return statusView(this.#status(), (tab) => this.#tabs.address(tab), this.#toToken(t), t);
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
          ${this.#ofVerified(t, (verified, { report }) => html`<cs-findings .verified=${verified} .report=${report} .trust=${this.#reader.trust} .page=${this.#auditorsPage} .texts=${t}></cs-findings>`)}`;
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
      case "evidence":
        return filedSection(
          {
            check: this.#filed,
            origin: this.#history.published?.origin,
            hasTrust: trustText(this.#reader.trust) !== undefined,
          },
          t,
        );
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

  #status(): StatusInput {
    const { search } = this.#scope.searches.loaded;
    return {
      mayRead: this.#reader.mayRead,
      shown: this.#scope.covered().shown,
      isAsking: search.isAsking,
      refusal: search.refusal,
      trust: trustText(this.#reader.trust),
      history: this.#history,
      published: this.#history.published,
      watch: this.#follower.watch,
      storage: this.#storage,
      isTenant: this.#log.isTenant,
      now: Date.now(),
    };
  }

  #searchTab(t: ConsoleTexts): TemplateResult {
    const searches = this.#scope.searches;
    const [loaded, found] = [searches.loaded.search, searches.found.search];
    const shown = searches.isFoundShown ? (found.session ?? loaded.session) : loaded.session;
    return searchView(
      {
        loaded,
        found,
        query: searches.query,
        viewerQuery: searches.viewerQuery,
        unsettled: unsettledOf(this.#searchViewer, t),
        viewer: (slotted) => viewer(shown, FRAGMENTS.search, t, undefined, slotted),
        ask: (query) => this.#scope.ask(query),
        cancel: () => searches.found.cancel(),
        loadWhole: () => this.#load(NO_CONDITIONS),
      },
      t,
    );
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
    const { shown } = this.#scope.covered();
    const { isAsking } = this.#scope.searches.loaded.search;
    return verifiedView(
      {
        shown,
        mayRead: this.#reader.mayRead,
        isAsking,
        toToken: this.#toToken(t),
        show,
      },
      t,
    );
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
    if (!this.#log.hasTenants) this.#scope.begin();
    if (this.#tabs.current === "live") void this.#follower.begin();
    await this.updateComplete;
    this.querySelector<HTMLElement>(".access > summary")?.focus();
  }

  /** Closes the evidence file, and focuses the button that opens one. */
  async #closeEvidence(): Promise<void> {
    this.#filed.close();
    await this.updateComplete;
    this.querySelector<HTMLElement>("main .buttons button")?.focus();
  }

  /** Opens an evidence file, and focuses its heading. */
  async #openEvidence(file: File): Promise<void> {
    await this.#filed.open(file);
    await this.updateComplete;
    this.querySelector<HTMLElement>("#filed-heading, [data-filed] h2")?.focus();
  }

  async #finishSignIn(finish: () => Promise<SignedIn>): Promise<void> {
    const token = await this.#reader.comeBack(finish);
    if (token !== "") await this.#useToken(token);
  }

  #leave(): void {
    this.#reader.leave();
    this.#history.leave();
    this.#records = NO_RECORDS;
    this.#scope.forget();
    this.#tabs.forget();
    this.#description = undefined;
    this.#tenantFilter = NO_FILTER;
    this.#tenantQuery = FIRST_ACROSS;
    this.#follower.close();
    this.#tenantList.close();
    this.#tenantSearch.close();
    this.#filed.close();
    if (this.#log.hasTenants) this.#storage = NO_STORAGE;
    void this.#focusToken();
  }

  /** Opens the form, and focuses a part of it. */
  async #openAccess(part: string): Promise<void> {
    this.#change(() => (this.#reader.isOpen = true));
    await this.updateComplete;
    this.querySelector<HTMLElement>(part)?.focus();
  }

  async #focusToken(): Promise<void> {
    await this.#openAccess("#token");
  }

  /** Verifies again with the reader's current trust. */
  #verifyAgain(): void {
    this.#history.clearAlarm();
    this.requestUpdate();
    // The results were judged by the earlier trust file.
    this.#tenantSearch.close();
    this.#scope.searches.again();
    this.#filed.again();
    if (this.#follower.isFollowing) void this.#follower.begin();
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    this.#announcement = "";
    const complaint = this.#scope.submit(extentOf(form));
    if (complaint !== undefined) focusComplaint(form, complaint);
  };

  #load(extent: Conditions): void {
    this.#announcement = "";
    this.#scope.load(extent);
    if (STATED.includes(this.#tabs.current)) void this.#loadStorage();
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
    for (const tabs of this.querySelectorAll<HTMLElement>(".tabs")) bringIntoView(tabs);
  };

  readonly #moved = (event: HashChangeEvent): void => {
    const before = this.#tabs.current;
    this.#tabs.moved(event);
    this.#rejected = "";
    const { current } = this.#tabs;
    if (current !== before && STATED.includes(current)) void this.#loadStorage();
    if (!this.#log.hasTenants) this.#scope.takeAddress(this.#reader.mayRead);
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
  slotted: TemplateResult | typeof nothing = nothing,
): TemplateResult | typeof nothing {
  return session === undefined
    ? nothing
    : html`<countersign-viewer .session=${session} .link=${link} .texts=${texts} .fragment=${fragment} .order=${"-place"} bare>${slotted}</countersign-viewer>`;
}
