/** Requests to the log that serves the page, and to no other server. */

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

  /** Requests an address next to the page. Resolves on any status. */
  async ask(address: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token !== "") headers.set("authorization", `Bearer ${this.token}`);
    return await fetch(address, { ...init, headers, ...OWN });
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

  /** Requests a public resource. The browser caches what never changes. */
  async public(address: string): Promise<Response> {
    return await fetch(address, { ...OWN, cache: "default" });
  }

  /** Returns why a response is useless; undefined if it isn't. */
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

  /** Returns the text of a small public response, also with status 503, by which the log reports problems. */
  async text(address: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(address, OWN).catch(() => {
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
