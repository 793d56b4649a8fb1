/** Who reads: with which token, and whom they trust. */

import { recognizeText, SMALL } from "../src/input/recognize.ts";
import { NO_TRUST, type TrustChoice, withKey } from "../src/input/trust.ts";
import * as access from "./access.ts";
import { type Log, type Refusal, refusalOf } from "./log.ts";
import { isToken } from "./place.ts";
import { type Issuer, leave, type SignedIn } from "./sign-in.ts";

/** How it stands with the token. */
export type SignerTrust = "none" | "asking" | "accepted" | "refused";

/** What must be corrected, by the names of the texts that say it. */
export type Complaint =
  | { readonly field: "token"; readonly says: "missing" | "malformed" }
  | { readonly field: "trust"; readonly says: "notTrust" | "tooLarge" };

interface Heard {
  readonly changed: () => void;
  /** Another trust: what was verified is to be verified again. */
  readonly trusts: () => void;
}

/** The reader. What they bring is kept in this tab where they want that. */
export class Reader {
  signerTrust: SignerTrust = "none";
  refusal: Refusal | undefined;
  complaint: Complaint | undefined;
  trust: TrustChoice = NO_TRUST;
  /** A key that is asked about before it is trusted. */
  asked: string | undefined;
  isKept = false;
  /** Whether what they bring is in view. */
  isOpen = true;
  /** Where they may sign in, if anywhere. */
  readonly issuer: Issuer | undefined;
  /** Whether they are on their way there. */
  isLeaving = false;
  /** Why signing in came to nothing. */
  signInFailed: string | undefined;
  readonly #log: Log;
  readonly #heard: Heard;
  /** What was given last, unless the log does not know it. */
  #token = "";

  constructor(log: Log, heard: Heard, issuer?: Issuer) {
    this.#log = log;
    this.#heard = heard;
    this.issuer = issuer;
  }

  /** Goes to where they sign in. */
  async signIn(): Promise<void> {
    const { issuer } = this;
    if (issuer === undefined) return;
    this.isLeaving = true;
    this.signInFailed = undefined;
    this.#heard.changed();
    try {
      location.assign(await leave(issuer, this.trust, this.isKept));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Takes up what they came back with. Gives the token, empty where there is none. */
  async comeBack(finish: () => Promise<SignedIn>): Promise<string> {
    try {
      const { token, trust, isKept } = await finish();
      this.trust = trust;
      this.isKept = isKept;
      return token;
    } catch (error) {
      this.#failed(error);
      return "";
    }
  }

  #failed(error: unknown): void {
    this.isLeaving = false;
    this.signInFailed = error instanceof Error ? error.message : String(error);
    this.#heard.changed();
  }

  get mayRead(): boolean {
    return this.signerTrust === "accepted";
  }

  /** Takes up what was kept in this tab. Gives the token, empty where there is none. */
  resume(): string {
    const before = access.kept();
    if (before === undefined) return "";
    this.isKept = true;
    this.trust = before.trust;
    this.#token = before.token;
    return before.token;
  }

  /** Asks the log whether it takes a token. */
  async enter(token: string): Promise<boolean> {
    this.refusal = undefined;
    if (!isToken(token)) {
      this.complaint = { field: "token", says: token === "" ? "missing" : "malformed" };
      this.#heard.changed();
      return false;
    }
    this.complaint = undefined;
    this.signerTrust = "asking";
    this.#token = token;
    this.#log.token = token;
    this.#heard.changed();
    // The cheapest question that a token is needed for.
    const refusal = await this.#log
      .success("export?limit=1")
      .then((response) => void response.body?.cancel())
      .catch(refusalOf);
    if (this.#log.token !== token) return false;
    if (refusal === undefined) {
      this.signerTrust = "accepted";
      this.isOpen = false;
    } else {
      this.#log.token = "";
      this.deny(refusal);
    }
    this.#keep();
    this.#heard.changed();
    return refusal === undefined;
  }

  /** The log takes the token no longer, or never did, or cannot be asked. */
  deny(refusal: Refusal): void {
    const { status } = refusal;
    if (status === 401) this.#token = "";
    this.signerTrust = status === 401 || status === 403 ? "refused" : "none";
    this.refusal = refusal;
    this.isOpen = true;
  }

  /** Keeps what the reader brings until the tab is closed, or no longer. */
  keep(isKept: boolean): void {
    this.isKept = isKept;
    if (isKept) this.#keep();
    else access.forget();
  }

  /** Forgets all of it. */
  leave(): void {
    this.keep(false);
    this.#token = "";
    this.#log.token = "";
    this.signerTrust = "none";
    this.trust = NO_TRUST;
    this.isOpen = true;
  }

  changeTrust(trust: TrustChoice): void {
    this.complaint = undefined;
    this.trust = trust;
    this.#keep();
    this.#heard.trusts();
  }

  async takeTrust([file]: readonly File[]): Promise<void> {
    if (file === undefined) return;
    if (file.size > SMALL) this.#complain("tooLarge");
    else this.takeTrustText(file.name, await file.text());
  }

  /** False where it is no trust file. */
  takeTrustText(name: string, text: string): boolean {
    const isTrust = recognizeText(text) === "trust";
    if (isTrust) this.changeTrust({ ...this.trust, file: { name, text } });
    else this.#complain("notTrust");
    return isTrust;
  }

  ask(vkey: string | undefined): void {
    this.asked = vkey;
    this.#heard.changed();
  }

  /** Trusts the key that was asked about. */
  confirm(): void {
    const { asked } = this;
    this.asked = undefined;
    if (asked !== undefined) this.changeTrust(withKey(this.trust, { kind: "emitter", vkey: asked }));
  }

  #complain(says: "notTrust" | "tooLarge"): void {
    this.complaint = { field: "trust", says };
    this.#heard.changed();
  }

  #keep(): void {
    if (this.isKept) access.keep({ token: this.#token, trust: this.trust });
  }
}
