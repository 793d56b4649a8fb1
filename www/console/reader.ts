/** The reader: their token and their trust. */

import { MAX_SMALL_BYTES, recognizeText } from "../src/input/recognize.ts";
import { NO_TRUST, type TrustChoice, withKey } from "../src/input/trust.ts";
import * as access from "./access.ts";
import { isToken } from "./address.ts";
import { failureOf, type Log, type RequestFailure } from "./log.ts";
import { type Issuer, leave, type SignedIn } from "./sign-in.ts";
import { addressOf, type Tenant, trustOf } from "./tenants/tenant.ts";

/** State of the token. */
export type SignInState = "none" | "asking" | "accepted" | "refused";

/** An input that must be corrected, with the name of the text about it. */
export type Complaint =
  | { readonly field: "token"; readonly says: "missing" | "malformed" }
  | { readonly field: "trust"; readonly says: "notTrust" | "tooLarge" };

interface ReaderListener {
  readonly changed: () => void;
  /** Called after a change of trust: everything must be verified again. */
  readonly trusts: () => void;
}

/** The reader's input, stored in this tab unless they turn that off. */
export class Reader {
  signInState: SignInState = "none";
  refusal: RequestFailure | undefined;
  complaint: Complaint | undefined;
  trust: TrustChoice = NO_TRUST;
  /** A key to confirm before it is trusted. */
  keyToConfirm: string | undefined;
  isKept = access.isKeptByDefault();
  /** True if the browser refused to store the input. */
  isUnkept = false;
  /** True if the form is shown. */
  isOpen = true;
  /** Issuer for signing in, if there is one. */
  readonly issuer: Issuer | undefined;
  /** True while the browser goes to the issuer. */
  isLeaving = false;
  /** Reason why signing in failed. */
  signInFailed: string | undefined;
  readonly #log: Log;
  readonly #listener: ReaderListener;
  /** The last token, unless the log rejected it. */
  #token = "";

  constructor(log: Log, listener: ReaderListener, issuer?: Issuer) {
    this.#log = log;
    this.#listener = listener;
    this.issuer = issuer;
  }

  /** Goes to the issuer to sign in. */
  async signIn(): Promise<void> {
    const { issuer } = this;
    if (issuer === undefined) return;
    this.isLeaving = true;
    this.signInFailed = undefined;
    this.#listener.changed();
    try {
      location.assign(await leave(issuer, this.trust, this.isKept));
    } catch (error) {
      this.#failSignIn(error);
    }
  }

  /** Processes the return from the issuer. Resolves to the token; empty if there is none. */
  async comeBack(finish: () => Promise<SignedIn>): Promise<string> {
    try {
      const { token, trust, isKept } = await finish();
      this.trust = trust;
      this.isKept = isKept;
      return token;
    } catch (error) {
      this.#failSignIn(error);
      return "";
    }
  }

  #failSignIn(error: unknown): void {
    this.isLeaving = false;
    this.signInFailed = error instanceof Error ? error.message : String(error);
    this.#listener.changed();
  }

  get mayRead(): boolean {
    return this.signInState === "accepted";
  }

  /** Restores what is stored in this tab. Returns the token; empty if there is none. */
  resume(): string {
    const before = access.stored();
    if (before === undefined) return "";
    this.isKept = before.isKept;
    this.trust = before.trust;
    this.#token = before.token;
    return before.token;
  }

  /** Asks the log whether it accepts a token. Resolves to true if it does. */
  async enter(token: string): Promise<boolean> {
    this.refusal = undefined;
    if (!isToken(token)) {
      this.complaint = { field: "token", says: token === "" ? "missing" : "malformed" };
      this.#listener.changed();
      return false;
    }
    this.complaint = undefined;
    this.signInState = "asking";
    this.#token = token;
    this.#log.token = token;
    this.#listener.changed();
    const refusal = await this.#asked();
    if (this.#log.token !== token) return false;
    if (refusal === undefined) {
      this.signInState = "accepted";
      this.isOpen = false;
    } else {
      this.#log.token = "";
      this.deny(refusal);
    }
    this.#keep();
    this.#listener.changed();
    return refusal === undefined;
  }

  /** Makes the cheapest request that needs a token. Notices if the log has tenants. */
  async #asked(): Promise<RequestFailure | undefined> {
    const log = this.#log;
    const ask = (address: string) =>
      log
        .success(address)
        .then((response) => void response.body?.cancel())
        .catch(failureOf);
    const refusal = log.hasTenants ? undefined : await ask("export?limit=1");
    log.hasTenants ||= refusal?.reply?.code === "tenant.required";
    return log.hasTenants ? await ask("tenants?limit=1") : refusal;
  }

  /** Handles a rejected token, or a log that can't be reached. */
  deny(refusal: RequestFailure): void {
    const { status } = refusal;
    if (status === 401) {
      this.#token = "";
      this.#keep();
    }
    this.signInState = status === 401 || status === 403 ? "refused" : "none";
    this.refusal = refusal;
    this.isOpen = true;
  }

  /** Turns storing in this tab on or off. */
  keep(isKept: boolean): void {
    this.isKept = isKept;
    this.isUnkept = false;
    if (isKept) this.#keep();
    else access.forget();
    this.#listener.changed();
  }

  /** Forgets everything. */
  leave(): void {
    access.forgetAll();
    this.isKept = access.isKeptByDefault();
    this.isUnkept = false;
    this.refusal = undefined;
    this.#token = "";
    this.#log.token = "";
    this.signInState = "none";
    this.trust = NO_TRUST;
    this.isOpen = true;
  }

  /** Hands token and trust over to the page of a tenant log, which is opened next. */
  handOver(tenant: Tenant): void {
    const { pathname } = new URL(addressOf(tenant), location.href);
    access.handOver(pathname, {
      token: this.#token,
      trust: trustOf(this.trust, tenant),
      isKept: this.isKept,
    });
  }

  changeTrust(trust: TrustChoice): void {
    this.complaint = undefined;
    this.trust = trust;
    this.#keep();
    this.#listener.trusts();
  }

  async takeTrust([file]: readonly File[]): Promise<void> {
    if (file === undefined) return;
    if (file.size > MAX_SMALL_BYTES) this.#complain("tooLarge");
    else this.takeTrustText(file.name, await file.text());
  }

  /** Uses a text as the trust file. Returns false if it isn't one. */
  takeTrustText(name: string, text: string): boolean {
    const isTrust = recognizeText(text) === "trust";
    if (isTrust) this.changeTrust({ ...this.trust, file: { name, text } });
    else this.#complain("notTrust");
    return isTrust;
  }

  ask(vkey: string | undefined): void {
    this.keyToConfirm = vkey;
    this.#listener.changed();
  }

  /** Trusts the key to confirm. */
  confirm(): void {
    const { keyToConfirm } = this;
    this.keyToConfirm = undefined;
    if (keyToConfirm !== undefined)
      this.changeTrust(withKey(this.trust, { kind: "emitter", vkey: keyToConfirm }));
  }

  #complain(says: "notTrust" | "tooLarge"): void {
    this.complaint = { field: "trust", says };
    this.#listener.changed();
  }

  #keep(): void {
    if (this.isKept) this.isUnkept = !access.keep({ token: this.#token, trust: this.trust });
  }
}
