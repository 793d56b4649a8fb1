/** Requests to the log that serves the page, and to no other server. */

import { isTenant, stateAddress } from "@countersign/ui/viewer/session/pin.js";

/** Reason for a failed request, from the log or a proxy in front of it. */
export interface RequestFailure {
  readonly why: "unreachable" | "page" | "status";
  readonly status: number;
  /** Seconds to wait before a retry, if stated. */
  readonly after: number | undefined;
  readonly reply:
    | { readonly message: string; readonly hint: string | undefined; readonly code: string | undefined }
    | undefined;
  /** True if a token was sent. */
  readonly hadToken: boolean;
}

/** The log didn't fulfill a request. */
export class RequestError extends Error {
  readonly refusal: RequestFailure;

  constructor(refusal: RequestFailure) {
    super(refusal.reply?.message ?? refusal.why);
    this.refusal = refusal;
  }
}

/** Returns why a request failed; rethrows other errors. */
export function failureOf(error: unknown): RequestFailure {
  if (error instanceof RequestError) return error.refusal;
  throw error;
}

/** Maximum length of an error or of metrics. */
const MAX_RESPONSE_LENGTH = 1 << 20;

/** Options that restrict requests to the page's own origin. */
const OWN = {
  mode: "same-origin",
  credentials: "same-origin",
  redirect: "error",
  cache: "no-store",
  referrerPolicy: "no-referrer",
} as const;

/** The log, and the token for its requests. */
export class Log {
  /** Sent in one header and nowhere else; empty for none. */
  token = "";
  /** True if the page is that of a tenant log. Nothing of such a log is public. */
  readonly isTenant: boolean;
  /** True if the page is that of a root log: it has a log for each tenant, and none of its own to search. */
  hasTenants = false;
  readonly #stateAddress: string;
  readonly #folder: string;

  /** `folder` is the address of the log relative to the page: empty, or the address of a tenant log. */
  constructor({ pathname }: Pick<Location, "pathname"> = location, folder = "") {
    const address = pathname.replace(/\/$/, "");
    this.#folder = folder;
    this.isTenant = isTenant(address);
    this.#stateAddress = stateAddress(address);
  }

  /** Requests an address of the log. Resolves on any status. */
  async ask(address: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token !== "") headers.set("authorization", `Bearer ${this.token}`);
    return await fetch(`${this.#folder}${address}`, { ...init, headers, ...OWN });
  }

  /**
   * Requests an address. Rejects with `RequestError` unless the status is a success, or with the signal's
   * reason.
   */
  async success(address: string, init: RequestInit = {}): Promise<Response> {
    const response = await this.ask(address, init).catch((error: unknown) => {
      throw init.signal?.aborted ? error : new RequestError(unreachable(this.token !== ""));
    });
    const refusal = await this.refusal(response);
    if (refusal !== undefined) throw new RequestError(refusal);
    return response;
  }

  /**
   * Requests a resource that is public, unless the log is a tenant log. The browser caches what never changes.
   */
  async public(address: string): Promise<Response> {
    if (this.isTenant) return await this.ask(address);
    return await fetch(address, { ...OWN, cache: "default" });
  }

  /** Returns the auditor's page, which the log serves beside the console; undefined if it doesn't. */
  async auditorsPage(): Promise<Blob | undefined> {
    // A tenant log's console is two folders below the server's address.
    const address = `${this.isTenant ? "../../" : ""}auditor.html`;
    const response = await fetch(address, { ...OWN, cache: "default" }).catch(() => undefined);
    return response?.ok ? await response.blob().catch(() => undefined) : undefined;
  }

  /** Returns why a response can't be used; undefined if it can. */
  async refusal(response: Response): Promise<RequestFailure | undefined> {
    const hadToken = this.token !== "";
    if (response.ok) {
      if (!/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) return undefined;
      void response.body?.cancel();
      return { why: "page", status: response.status, after: undefined, reply: undefined, hadToken };
    }
    const reply = errorOf(await beginning(response).catch(() => ""));
    return {
      why: "status",
      status: response.status,
      after: seconds(response.headers.get("retry-after")),
      reply,
      hadToken,
    };
  }

  /** Returns the newest checkpoint, or the newest head of a tenant log. */
  async newestState(): Promise<string> {
    if (!this.isTenant) return (await this.text(this.#stateAddress)).text;
    // Without a token, the log would refuse the request.
    if (this.token === "") throw new RequestError(unauthenticated());
    return await beginning(await this.success(this.#stateAddress)).catch(() => {
      throw new RequestError(unreachable(true));
    });
  }

  /**
   * Returns the text of a small response, also with status 503, with which the log reports problems. It is public, unless
   * the log has tenants.
   */
  async text(address: string): Promise<{ readonly status: number; readonly text: string }> {
    const asked = this.hasTenants ? this.ask(address) : fetch(address, OWN);
    const response = await asked.catch(() => {
      throw new RequestError(unreachable(false));
    });
    if (response.status !== 503) {
      const refusal = await this.refusal(response);
      if (refusal !== undefined) throw new RequestError(refusal);
    }
    const text = await beginning(response).catch(() => {
      throw new RequestError(unreachable(false));
    });
    return { status: response.status, text };
  }
}

export function unreachable(hadToken: boolean): RequestFailure {
  return { why: "unreachable", status: 0, after: undefined, reply: undefined, hadToken };
}

function unauthenticated(): RequestFailure {
  return { why: "status", status: 401, after: undefined, reply: undefined, hadToken: false };
}

function seconds(header: string | null): number | undefined {
  return /^[1-9][0-9]{0,5}$/.test(header ?? "") ? Number(header) : undefined;
}

function errorOf(text: string): RequestFailure["reply"] {
  try {
    const { error } = JSON.parse(text) as { error?: Record<string, unknown> };
    const member = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
    const message = member(error?.message);
    return message === undefined
      ? undefined
      : { message, hint: member(error?.hint), code: member(error?.code) };
  } catch {
    return undefined;
  }
}

/** Returns the beginning of the body, up to the limit. */
async function beginning(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (const reader = response.body?.getReader(); reader !== undefined; ) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    if (text.length <= MAX_RESPONSE_LENGTH) continue;
    await reader.cancel();
    break;
  }
  return text;
}
