/** Asks the log that serves the page, and nobody else. */

/** What the log, or whoever stands before it, said of a request that it did not do. */
export interface Refusal {
  readonly why: "unreachable" | "page" | "status";
  readonly status: number;
  /** Seconds after which to come again, where that was said. */
  readonly after: number | undefined;
  readonly said:
    | { readonly message: string; readonly hint: string | undefined; readonly code: string | undefined }
    | undefined;
  /** Whether a token was sent. */
  readonly hadToken: boolean;
}

/** The log did not do what it was asked for. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.said?.message ?? refusal.why);
    this.refusal = refusal;
  }
}

/** Why the log did not; what else went wrong is thrown on. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refused) return error.refusal;
  throw error;
}

/** Longer answers than this are no error of a log, nor any figures. */
const LONGEST = 1 << 20;

/** How its own origin is asked, and no other. */
const OWN = {
  mode: "same-origin",
  credentials: "same-origin",
  redirect: "error",
  cache: "no-store",
  referrerPolicy: "no-referrer",
} as const;

/** A log, and the token with which it is asked. */
export class Log {
  /** Goes into one header and nowhere else; empty for none. */
  token = "";

  /** Asks for an address beside the page. What is no success is answered too. */
  async ask(address: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token !== "") headers.set("authorization", `Bearer ${this.token}`);
    return await fetch(address, { ...init, headers, ...OWN });
  }

  /** The same, where only a success is of use. Throws `Refused`, or what the signal was aborted with. */
  async success(address: string, init: RequestInit = {}): Promise<Response> {
    const response = await this.ask(address, init).catch((error: unknown) => {
      throw init.signal?.aborted ? error : new Refused(unreachable(this.token !== ""));
    });
    const refusal = await this.refusal(response);
    if (refusal !== undefined) throw new Refused(refusal);
    return response;
  }

  /** Asks for what anyone may read. What never changes is kept by the browser. */
  async public(address: string): Promise<Response> {
    return await fetch(address, { ...OWN, cache: "default" });
  }

  /** Why an answer is of no use; undefined where it is of some. */
  async refusal(response: Response): Promise<Refusal | undefined> {
    const hadToken = this.token !== "";
    if (response.ok) {
      if (!/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) return undefined;
      void response.body?.cancel();
      return { why: "page", status: response.status, after: undefined, said: undefined, hadToken };
    }
    const said = errorOf(await beginning(response).catch(() => ""));
    return {
      why: "status",
      status: response.status,
      after: seconds(response.headers.get("retry-after")),
      said,
      hadToken,
    };
  }

  /** The text of a small answer that anyone may have, also where the log says with 503 that it is not well. */
  async text(address: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(address, OWN).catch(() => {
      throw new Refused(unreachable(false));
    });
    if (response.status !== 503) {
      const refusal = await this.refusal(response);
      if (refusal !== undefined) throw new Refused(refusal);
    }
    const text = await beginning(response).catch(() => {
      throw new Refused(unreachable(false));
    });
    return { status: response.status, text };
  }
}

export function unreachable(hadToken: boolean): Refusal {
  return { why: "unreachable", status: 0, after: undefined, said: undefined, hadToken };
}

function seconds(header: string | null): number | undefined {
  return /^[1-9][0-9]{0,5}$/.test(header ?? "") ? Number(header) : undefined;
}

function errorOf(text: string): Refusal["said"] {
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

/** The body, as far as it is read. */
async function beginning(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (const reader = response.body?.getReader(); reader !== undefined; ) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    if (text.length <= LONGEST) continue;
    await reader.cancel();
    break;
  }
  return text;
}
