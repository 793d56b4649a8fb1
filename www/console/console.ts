import { type Alarm, alarmView, isAlarming } from "@countersign/viewer/alarm.js";
import type { Link } from "@countersign/viewer/following.js";
import { Kept } from "@countersign/viewer/kept.js";
import { Session, type Tools } from "@countersign/viewer/session.js";
import { value } from "@countersign/viewer/value.js";
import { Viewer } from "@countersign/viewer/viewer.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { type Checkpoint, readCheckpoint } from "../src/input/checkpoint.ts";
import { confirmView } from "../src/input/confirm.ts";
import { recogniseText, SMALL } from "../src/input/recognise.ts";
import {
  NO_TRUST,
  type SessionKey,
  type TrustChoice,
  trustText,
  withKey,
  withoutKey,
} from "../src/input/trust.ts";
import { languageSwitch } from "../src/languages.ts";
import { HATCHES } from "../src/result/coverage.ts";
import { Memory } from "../src/state/memory.ts";
import { type Language, rememberLanguage, spoken } from "../src/texts/index.ts";
import { tools } from "../src/tools.ts";
import { View } from "../src/view.ts";
import * as access from "./access.ts";
import { accessView, type Standing } from "./access-view.ts";
import { anotherView, claimsView, coverageTab } from "./coverage.ts";
import { parseHealth } from "./health.ts";
import { keysTab } from "./keys.ts";
import { isFollowing, liveView, stateView } from "./live.ts";
import { Log, type Refusal, Refused } from "./log.ts";
import { parseMetrics } from "./metrics.ts";
import {
  CONDITIONS,
  type Condition,
  type Conditions,
  counted,
  exportAddress,
  isToken,
  NO_CONDITIONS,
  readConditions,
  readTab,
  TABS,
  type Tab,
  writeConditions,
} from "./place.ts";
import { type Complaint, NO_SEARCH, type Search, searchView } from "./search.ts";
import { NO_STORAGE, type Storage, storageTab } from "./storage.ts";
import { type ConsoleTexts, TEXTS } from "./texts/index.ts";
import { type Origin, type Verified, verifiedView } from "./verified.ts";
import { Watch } from "./watch.ts";
import { counting, type Withheld } from "./withheld.ts";
import { witnessesTab } from "./witnesses.ts";

/** What a first search asks for: a log may be larger than anyone wants to load. */
const FIRST: Conditions = { ...NO_CONDITIONS, limit: "1000" };

/** The console of the log that serves the page. */
export class Console extends View {
  readonly #log = new Log();
  readonly #memory = Memory.ofBrowser();
  #language: Language = spoken();
  #tab: Tab = readTab(location.hash);
  /** The fragments that tabs had when they were left. */
  readonly #left = new Map<Tab, string>();
  #tools: Promise<Tools> | undefined;
  #said = "";

  #standing: Standing = "none";
  #refusal: Refusal | undefined;
  #isKept = false;
  #isAccessOpen = true;
  #trust: TrustChoice = NO_TRUST;
  #complaint: { readonly field: "token" | "trust"; readonly text: string } | undefined;
  /** A key that is asked about before it is trusted. */
  #asked: string | undefined;

  #conditions: Conditions = readConditions(location.hash) ?? FIRST;
  #search: Search = NO_SEARCH;
  #withheld: Withheld | undefined;
  #searching: AbortController | undefined;
  #searchComplaint: Complaint | undefined;
  #kept: Kept | undefined;
  #watch: Watch | undefined;
  #alarm: Alarm | undefined;
  #source: Origin | undefined;
  /** What was verified of each source, drawn up when its report was there. */
  readonly #coverage = new WeakMap<Session, { readonly report: Report; readonly verified: Verified }>();
  #published: Checkpoint | undefined;
  #storage: Storage = NO_STORAGE;

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("hashchange", this.#moved);
    this.#speak(this.#language);
    void this.#look();
    const before = access.kept();
    if (before !== undefined) {
      this.#isKept = true;
      this.#trust = before.trust;
      if (before.token !== "") void this.#enter(before.token);
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("hashchange", this.#moved);
    this.#searching?.abort();
    this.#search.session?.close();
    this.#watch?.close();
  }

  protected override updated(): void {
    const dialog = this.querySelector<HTMLDialogElement>("dialog.confirm");
    if (dialog !== null && !dialog.open) dialog.showModal();
  }

  protected override render(): TemplateResult {
    const t = TEXTS[this.#language];
    const origin = this.#published?.origin ?? this.#storage.health?.origin;
    return html`
      ${HATCHES}
      <a class="skip" href="#content" @click=${this.#skip}>${t.skip}</a>
      <div
        class="page console"
        @speak=${(event: CustomEvent<Language>) => this.#choose(event.detail)}
        @choose-trust=${(event: CustomEvent<readonly File[]>) => void this.#takeTrust(event.detail)}
        @remove-trust=${() => this.#changeTrust({ ...this.#trust, file: undefined })}
        @remove-key=${(event: CustomEvent<SessionKey>) => this.#changeTrust(withoutKey(this.#trust, event.detail))}
        @trust-signer=${(event: CustomEvent<string>) => this.#ask(event.detail)}
        @confirm=${() => this.#confirm()}
        @dismiss=${() => this.#ask(undefined)}
        @keep-access=${(event: CustomEvent<boolean>) => this.#keep(event.detail)}
        @leave=${() => this.#leave()}
        @turn-memory=${(event: CustomEvent<boolean>) => this.#changed(() => this.#memory.turn(event.detail))}
        @forget=${(event: CustomEvent<string>) => this.#changed(() => this.#memory.forget(event.detail))}
        @forget-all=${() => this.#changed(() => this.#memory.forgetAll())}
        @verify-whole=${() => this.#verifyWhole()}
        @begin-live=${() => this.#go("live", true)}
        @choose-source=${(event: CustomEvent<Origin>) => this.#changed(() => (this.#source = event.detail))}
      >
        <header class="top">
          <div class="brand-line"><span class="brand">countersign</span>${languageSwitch(this.#language)}</div>
          <h1>${origin === undefined ? t.headingAlone : t.heading(value(origin, 120))}</h1>
          <p class="lead">${t.lead}</p>
          <details class="privacy">
            <summary>${t.about.summary}</summary>
            <div>${t.about.paragraphs.map((paragraph) => html`<p>${paragraph}</p>`)}</div>
          </details>
          ${anotherView(this.#published, this.#memory, t)}
        </header>
        ${this.#alarm === undefined ? nothing : html`<div class="alarms">${alarmView(this.#alarm, t.viewer, "utc")}</div>`}
        ${accessView(
          {
            standing: this.#standing,
            refusal: this.#refusal,
            isKept: this.#isKept,
            isOpen: this.#isAccessOpen,
            trust: this.#trust,
            memory: this.#memory,
            complaint: this.#complaint,
            use: this.#useToken,
            usePasted: this.#usePasted,
            toggled: (isOpen) => this.#changed(() => (this.#isAccessOpen = isOpen)),
          },
          t,
        )}
        ${this.#navigation(t)}
        <main id="content" tabindex="-1" data-tab=${this.#tab}>
          <h2>${this.#heading(t)}</h2>
          ${this.#content(t)}
        </main>
        ${this.#asked === undefined ? nothing : confirmView(this.#asked, t.page)}
        <p class="sr" role="status">${this.#said}</p>
      </div>
    `;
  }

  #navigation(t: ConsoleTexts): TemplateResult {
    const watch = this.#watch;
    return html`
      <nav aria-label=${t.tabsName}>
        <ul class="tabs">
          ${TABS.map(
            (tab) => html`
              <li>
                <a href=${this.#left.get(tab) ?? `#tab=${tab}`} aria-current=${tab === this.#tab ? "page" : nothing} data-tab=${tab}>
                  ${t.tabs[tab]}${tab === "live" && watch !== undefined && isFollowing(watch) ? html`<span class="pulse" aria-hidden="true"></span>` : nothing}
                </a>
              </li>`,
          )}
        </ul>
        ${this.#tab !== "live" && watch !== undefined && isFollowing(watch) ? html`<div class="behind">${stateView(watch, t)}<span class="faint">${t.live.goesOn}</span></div>` : nothing}
      </nav>
    `;
  }

  #heading(t: ConsoleTexts): string {
    return t[this.#tab].heading;
  }

  #content(t: ConsoleTexts): TemplateResult {
    switch (this.#tab) {
      case "search":
        return this.#mayRead
          ? this.#searchTab(t)
          : html`<p class="help wide-text">${t.search.about}</p>${this.#toToken(t)}`;
      case "live":
        return this.#mayRead
          ? this.#liveTab(t)
          : html`<p class="help wide-text">${t.live.about}</p>${this.#toToken(t)}`;
      case "coverage":
        return html`
          ${claimsView(this.#published, this.#storage.health, t)}
          ${this.#ofVerified(t, (verified, report) => coverageTab(verified, report, t))}`;
      case "keys":
        return html`
          <p class="help wide-text">${t.keys.about}</p>
          ${this.#ofVerified(t, (verified, report) => keysTab(verified, report, this.#trust, t))}`;
      case "witnesses":
        return html`
          <p class="help wide-text">${t.witnesses.about}</p>
          ${this.#ofVerified(t, (verified, report) => witnessesTab(verified, report, trustText(this.#trust), this.#storage.health, t))}`;
      case "storage":
        return storageTab(this.#storage, () => void this.#look(), t);
    }
  }

  #searchTab(t: ConsoleTexts): TemplateResult {
    return searchView(
      {
        search: this.#search,
        conditions: this.#conditions,
        complaint: this.#searchComplaint,
        viewer: this.#viewer(this.#search.session, "s.", t, undefined),
        submit: this.#submit,
        clear: () => this.#clear(),
        cancel: () => this.#searching?.abort(),
      },
      t,
    );
  }

  #liveTab(t: ConsoleTexts): TemplateResult {
    return liveView(
      {
        watch: this.#watch,
        viewer: this.#viewer(this.#watch?.session, "l.", t, this.#watch?.link),
        begin: () => void this.#follow(),
      },
      t,
    );
  }

  #viewer(
    session: Session | undefined,
    fragment: string,
    t: ConsoleTexts,
    link: Link | undefined,
  ): TemplateResult | typeof nothing {
    return session === undefined
      ? nothing
      : html`<countersign-viewer .session=${session} .link=${link} .texts=${t.viewer} .fragment=${fragment}></countersign-viewer>`;
  }

  #toToken(t: ConsoleTexts): TemplateResult {
    return html`
      <p class="empty">${t.access.needed}</p>
      <div class="buttons"><button type="button" class="primary" @click=${() => void this.#focusToken()}>${t.access.toToken}</button></div>
    `;
  }

  // Access and trust

  get #mayRead(): boolean {
    return this.#standing === "accepted";
  }

  readonly #useToken = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const token = String(new FormData(form).get("token") ?? "").trim();
    const t = TEXTS[this.#language];
    if (!isToken(token)) {
      this.#complaint = { field: "token", text: token === "" ? t.access.missing : t.access.malformed };
      this.requestUpdate();
      form.querySelector<HTMLInputElement>("#token")?.focus();
      return;
    }
    void this.#enter(token);
  };

  async #enter(token: string): Promise<void> {
    const t = TEXTS[this.#language];
    this.#complaint = undefined;
    this.#refusal = undefined;
    this.#standing = "asking";
    this.#log.token = token;
    this.requestUpdate();
    // The cheapest question that a token is needed for.
    const refusal = await this.#log
      .success("export?limit=1")
      .then((response) => void response.body?.cancel())
      .catch((error: unknown) => {
        if (error instanceof Refused) return error.refusal;
        throw error;
      });
    if (this.#log.token !== token) return;
    if (refusal !== undefined) {
      this.#log.token = "";
      this.#standing = "refused";
      this.#refusal = refusal;
      this.#isAccessOpen = true;
      this.requestUpdate();
      return;
    }
    this.#standing = "accepted";
    this.#isAccessOpen = false;
    this.#said = t.access.accepted;
    const field = this.querySelector<HTMLInputElement>("#token");
    if (field !== null) field.value = "";
    this.#keepNow();
    this.requestUpdate();
    if (this.#tab === "search") void this.#run(this.#conditions);
    if (this.#tab === "live") void this.#follow();
    await this.updateComplete;
    this.querySelector<HTMLElement>(".access > summary")?.focus();
  }

  #keep(isKept: boolean): void {
    this.#isKept = isKept;
    if (isKept) this.#keepNow();
    else access.forget();
  }

  #keepNow(): void {
    if (this.#isKept) access.keep({ token: this.#log.token, trust: this.#trust });
  }

  #leave(): void {
    access.forget();
    this.#isKept = false;
    this.#log.token = "";
    this.#standing = "none";
    this.#trust = NO_TRUST;
    this.#searching?.abort();
    this.#search.session?.close();
    this.#search = NO_SEARCH;
    this.#kept = undefined;
    this.#watch?.close();
    this.#watch = undefined;
    this.#isAccessOpen = true;
    this.requestUpdate();
    void this.#focusToken();
  }

  async #focusToken(): Promise<void> {
    this.#isAccessOpen = true;
    this.requestUpdate();
    await this.updateComplete;
    this.querySelector<HTMLElement>("#token")?.focus();
  }

  async #takeTrust([file]: readonly File[]): Promise<void> {
    if (file === undefined) return;
    const t = TEXTS[this.#language];
    if (file.size > SMALL) {
      this.#complain(t.access.tooLarge);
      return;
    }
    this.#takeTrustText(file.name, await file.text());
  }

  readonly #usePasted = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const text = String(new FormData(form).get("pasted") ?? "").trim();
    if (this.#takeTrustText(TEXTS[this.#language].access.pastedName, `${text}\n`)) form.reset();
  };

  #takeTrustText(name: string, text: string): boolean {
    if (recogniseText(text) !== "trust") {
      this.#complain(TEXTS[this.#language].access.notTrust);
      return false;
    }
    this.#changeTrust({ ...this.#trust, file: { name, text } });
    return true;
  }

  #complain(text: string): void {
    this.#complaint = { field: "trust", text };
    this.requestUpdate();
  }

  /** What was verified is verified again, from the very same bytes. */
  #changeTrust(trust: TrustChoice): void {
    this.#complaint = undefined;
    this.#trust = trust;
    this.#keepNow();
    this.requestUpdate();
    const bytes = this.#search.session?.bytes ?? this.#kept?.blob;
    const pins = this.#search.session?.pins ?? [];
    if (bytes !== undefined) void this.#verify(bytes, pins);
    else if (this.#search.session !== undefined) void this.#run(this.#conditions);
    if (this.#watch !== undefined && isFollowing(this.#watch)) void this.#follow();
  }

  #ask(vkey: string | undefined): void {
    this.#asked = vkey;
    this.requestUpdate();
  }

  #confirm(): void {
    if (this.#asked === undefined) return;
    const key: SessionKey = { kind: "emitter", vkey: this.#asked };
    this.#asked = undefined;
    this.#changeTrust(withKey(this.#trust, key));
  }

  // Searching

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const conditions = Object.fromEntries(
      CONDITIONS.map((name) => [name, String(fields.get(name) ?? "").trim()]),
    ) as Conditions;
    this.#conditions = conditions;
    this.#searchComplaint = complaintOf(form, conditions, TEXTS[this.#language]);
    if (this.#searchComplaint === undefined) {
      void this.#run(conditions);
      return;
    }
    this.requestUpdate();
    const field = form.querySelector<HTMLInputElement>(`[name="${this.#searchComplaint.field}"]`);
    field?.closest("details")?.setAttribute("open", "");
    field?.focus();
  };

  #clear(): void {
    this.#conditions = NO_CONDITIONS;
    this.#searchComplaint = undefined;
    this.requestUpdate();
    this.querySelector<HTMLInputElement>("#search-q")?.focus();
  }

  #verifyWhole(): void {
    this.#conditions = NO_CONDITIONS;
    void this.#run(NO_CONDITIONS);
  }

  async #run(conditions: Conditions): Promise<void> {
    this.#searching?.abort();
    const searching = new AbortController();
    this.#searching = searching;
    this.#search.session?.close();
    this.#kept = undefined;
    this.#search = { ...NO_SEARCH, isAsking: true };
    this.#said = TEXTS[this.#language].search.loading;
    if (this.#tab === "search") history.replaceState(null, "", writeConditions(location.hash, conditions));
    this.requestUpdate();
    try {
      const published = await this.#publish();
      const seen = published === undefined ? undefined : this.#memory.of(published.origin);
      // Where the log is smaller than it was, there is no such boundary: the verifier says what that means.
      const boundary =
        seen !== undefined && counted(conditions) > 0 && seen.size <= (published?.size ?? 0)
          ? seen.size
          : undefined;
      const response = await this.#log.success(exportAddress(conditions, boundary), {
        signal: searching.signal,
      });
      if (response.body === null) throw new TypeError("an answer without a body");
      this.#kept = new Kept(response.body);
      this.#search = { ...this.#search, boundary };
      const read = new Response(this.#kept.stream, { headers: response.headers });
      await this.#verify(read, seen === undefined ? [] : [seen.pin], searching.signal);
    } catch (error) {
      if (this.#searching !== searching) return;
      const refusal = error instanceof Refused ? error.refusal : undefined;
      if (refusal === undefined && !searching.signal.aborted) throw error;
      this.#search = { ...NO_SEARCH, refusal };
      this.#said = "";
      this.#denied(refusal);
      this.requestUpdate();
    }
  }

  async #verify(source: Blob | Response, pins: readonly string[], signal?: AbortSignal): Promise<void> {
    const workers = await this.#workers();
    signal?.throwIfAborted();
    const { tools: counted, withheld } = counting(workers);
    const kept = this.#kept;
    this.#search.session?.close();
    const session = new Session(
      source,
      { trust: trustText(this.#trust), pins, name: "export", kept: () => kept?.blob },
      counted,
    );
    signal?.addEventListener("abort", () => session.cancel());
    this.#withheld = withheld;
    this.#search = { ...this.#search, session, isAsking: true, refusal: undefined };
    this.#source = "search";
    session.addEventListener("change", () => this.requestUpdate());
    this.requestUpdate();
    await session.ended;
    if (this.#search.session !== session) return;
    const isEmpty = session.report !== undefined && this.#published?.size === 0;
    this.#search = { ...this.#search, isAsking: false, isEmpty };
    this.#said = "";
    this.#took(session);
    this.requestUpdate();
  }

  /** A report is there: history that changed raises the alarm, and history that held is remembered. */
  #took(session: Session): void {
    const { report, pin } = session;
    if (report === undefined) return;
    if (report.checks.append_only.state === "fail" && isAlarming(report)) {
      this.#alarm ??= { report, at: new Date(), goodPin: session.pins.at(-1) ?? null };
      return;
    }
    const isGood = report.verdict !== "altered" && report.verdict !== "broken";
    const known = this.#memory.of(report.origin ?? "");
    const isOlder = known !== undefined && known.size > (report.log?.size ?? 0);
    const isUntold = session.pins.length > 0 && report.checks.append_only.state !== "pass";
    if (isGood && pin !== null && !isOlder && !isUntold) this.#memory.keep(pin, new Date());
  }

  #denied(refusal: Refusal | undefined): void {
    if (refusal?.status !== 401) return;
    this.#standing = "refused";
    this.#refusal = refusal;
    this.#isAccessOpen = true;
  }

  // Following

  async #follow(): Promise<void> {
    const workers = await this.#workers();
    const published = await this.#publish();
    const seen = published === undefined ? undefined : this.#memory.of(published.origin);
    this.#watch?.close();
    const watch = new Watch(this.#log, workers, {
      trust: trustText(this.#trust),
      seen,
      size: published?.size,
    });
    this.#watch = watch;
    this.#source ??= "live";
    watch.addEventListener("change", () => {
      if (watch === this.#watch) this.#denied(watch.refusal);
      this.requestUpdate();
    });
    watch.addEventListener("report", () => {
      if (watch.alarm !== undefined) this.#alarm ??= watch.alarm;
      else this.#took(watch.session);
      this.requestUpdate();
    });
    this.requestUpdate();
  }

  // What was verified

  #ofVerified(t: ConsoleTexts, show: (verified: Verified, report: Report) => unknown): TemplateResult {
    const all = this.#verified();
    const shown = all.find(({ from }) => from === this.#source) ?? all.at(-1);
    return verifiedView({ all, shown, mayRead: this.#mayRead, toToken: this.#toToken(t), show }, t);
  }

  #verified(): readonly Verified[] {
    const search = this.#search.session;
    const live = this.#watch?.session;
    return [
      ...(search === undefined || this.#withheld === undefined
        ? []
        : [this.#drawnUp("search", search, this.#withheld)]),
      ...(live === undefined || this.#watch === undefined
        ? []
        : [this.#drawnUp("live", live, this.#watch.withheld)]),
    ];
  }

  #drawnUp(from: Origin, session: Session, withheld: Withheld): Verified {
    const { report } = session;
    const known = this.#coverage.get(session);
    const verified: Verified = { from, session, withheld, coverage: known?.verified.coverage };
    if (report !== undefined && known?.report !== report) {
      this.#coverage.set(session, { report, verified });
      void session.shelf.coverage().then(
        (coverage) => {
          this.#coverage.set(session, { report, verified: { ...verified, coverage } });
          this.requestUpdate();
        },
        // It was closed meanwhile.
        () => {},
      );
    }
    return verified;
  }

  // The log

  #workers(): Promise<Tools> {
    this.#tools ??= tools().then((workers) => {
      Viewer.tools = workers;
      return workers;
    });
    return this.#tools;
  }

  /** The newest published checkpoint, by the log's word. */
  async #publish(): Promise<Checkpoint | undefined> {
    try {
      const { text } = await this.#log.text("checkpoint");
      this.#published = readCheckpoint(text);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
    return this.#published;
  }

  async #look(): Promise<void> {
    this.#storage = { ...this.#storage, isAsking: true, refusal: undefined };
    this.requestUpdate();
    const none = (error: unknown): Refusal => {
      if (error instanceof Refused) return error.refusal;
      throw error;
    };
    const [health, metrics] = await Promise.all([
      this.#log.text("healthz").catch(none),
      this.#log.text("metrics").catch(none),
      this.#publish(),
    ]);
    const refusal = [health, metrics].find((answer): answer is Refusal => "why" in answer);
    this.#storage = {
      health: "why" in health ? undefined : parseHealth(health.text),
      metrics: "why" in metrics ? undefined : parseMetrics(metrics.text),
      refusal,
      at: refusal === undefined ? new Date() : undefined,
      isAsking: false,
    };
    this.requestUpdate();
  }

  // Where one is

  readonly #moved = (event: HashChangeEvent): void => {
    const before = new URL(event.oldURL).hash;
    this.#left.set(readTab(before), before);
    const tab = readTab(location.hash);
    if (tab !== this.#tab) {
      this.#tab = tab;
      if (tab === "storage" || tab === "coverage" || tab === "witnesses") void this.#look();
    }
    this.requestUpdate();
  };

  #go(tab: Tab, begins: boolean): void {
    location.hash = (this.#left.get(tab) ?? `#tab=${tab}`).slice(1);
    if (begins) void this.#follow();
  }

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
    this.#said = "";
    document.documentElement.lang = language;
    document.title = TEXTS[language].title;
    this.requestUpdate();
  }

  #changed(change: () => unknown): void {
    change();
    this.requestUpdate();
  }
}

/** What must be corrected before the log is asked. */
function complaintOf(form: HTMLFormElement, conditions: Conditions, t: ConsoleTexts): Complaint | undefined {
  for (const field of ["since", "until"] as const) {
    const input = form.querySelector<HTMLInputElement>(`[name="${field}"]`);
    if (input?.validity.badInput) return { field, text: t.search.noTime };
  }
  const numbers: readonly Condition[] = ["from", "to", "limit"];
  const field = numbers.find(
    (name) => conditions[name] !== "" && !/^(?:0|[1-9][0-9]{0,15})$/.test(conditions[name]),
  );
  return field === undefined ? undefined : { field, text: t.search.noNumber };
}
