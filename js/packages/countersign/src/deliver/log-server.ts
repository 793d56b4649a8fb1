/** HTTP client for a log server: posts lines to its `/submit` and returns the response without judging it. */

import { readAtMost } from "../bytes.js";
import { CountersignError, must, refused } from "../error.js";
import { jsonOf } from "../foreign.js";
import { ownOptions } from "../known.js";
import { own } from "../own.js";
import { reason } from "../reason.js";
import { within } from "../timers.js";

/** The part of `fetch`'s signature that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A log server with its URL and, optionally, its own `fetch`, such as a service binding or a Durable Object's stub. */
export interface LogServerOptions {
  /**
   * The log server's URL, optionally with a path. `/submit` is appended.
   *
   * @example
   * ```ts
   * url: "https://log.example"
   * ```
   */
  url: string | URL;
  /**
   * Sends the requests.
   *
   * @default the runtime's `fetch`
   * @example
   * ```ts
   * fetch: (url, init) => env.LOG.fetch(url, init)
   * ```
   */
  fetch?: Fetch | undefined;
}

/** A response as it was received. */
export interface LogServerResponse {
  /** HTTP status. */
  status: number;
  /** The URL that responded. */
  from: string;
  /** The redirect target, if any. */
  location: string | undefined;
  /** Milliseconds to wait, as demanded by the log server. */
  retryAfter: number | undefined;
  /** The response's date in milliseconds since the epoch. Only set for the first successful response. */
  date: number;
  /** The body, if it is a JSON object. */
  body: { readonly [member: string]: unknown } | undefined;
}

/** Settings of a request. */
export interface RequestSettings {
  /** Timeout in milliseconds. */
  timeout: number;
  /** True if the request must outlive the page, for which it must be small. */
  keepalive: boolean;
}

/** Maximum size of a response in bytes. Proofs for one chain or one key note are far smaller. */
const MAX_RESPONSE_BYTES = 4 << 20;

/** Sends lines to one log server. */
export class LogServer {
  /** URL for submitting lines. */
  readonly submit: string;
  /** True if events are sent unencrypted across a network that may be public. */
  readonly isCleartext: boolean;
  readonly #ownFetch: Fetch | undefined;
  readonly #fetch: Fetch;
  #isDated = false;

  constructor(options: LogServerOptions) {
    const { url, fetch: ownFetch } = ownOptions(options, ["url", "fetch"], "to");
    this.submit = `${logServerUrl(url, "to")}/submit`;
    // The URL passed to a binding is never resolved.
    this.isCleartext = ownFetch === undefined && isCleartextUrl(this.submit);
    const hint = "pass the binding's fetch: (url, init) => env.LOG.fetch(url, init)";
    must(ownFetch === undefined || typeof ownFetch === "function", "to", "`to.fetch` must be a function", hint);
    this.#ownFetch = ownFetch;
    this.#fetch = ownFetch ?? ((url, init) => fetch(url, init));
  }

  /** The log server's URL, without a slash at the end. */
  get #url(): string {
    return this.submit.slice(0, -"/submit".length);
  }

  /** Returns the log server of a tenant log, given the ID in its origin. */
  ofTenant(id: string): LogServer {
    return new LogServer({ url: `${this.#url}/t/${id}`, fetch: this.#ownFetch });
  }

  /** Requests the log of a tenant once, with a signed request. Throws as `post` does. */
  requestTenant(request: string, settings: RequestSettings): Promise<LogServerResponse> {
    return this.#send(`${this.#url}/tenants`, "", new TextEncoder().encode(request), settings);
  }

  /**
   * Submits lines once. Throws `log_server.unreachable` or `log_server.timeout`, after which the log server may have
   * the lines. `since` states the newest head of a tenant log.
   */
  post(lines: Uint8Array<ArrayBuffer>, settings: RequestSettings, since?: string): Promise<LogServerResponse> {
    return this.#send(this.submit, since === undefined ? "" : `?since=${since}`, lines, settings);
  }

  async #send(
    url: string,
    query: string,
    body: Uint8Array<ArrayBuffer>,
    { timeout, keepalive }: RequestSettings,
  ): Promise<LogServerResponse> {
    const patience = new AbortController();
    const late = () => {
      patience.abort();
      return patience.signal.reason;
    };
    // A body without a content type avoids a CORS preflight request.
    const init: RequestInit = own({ method: "POST", body, redirect: "manual", signal: patience.signal });
    try {
      // A custom fetch may ignore the signal.
      return await within(timeout, this.#exchange(url, query, keepalive ? own({ ...init, keepalive }) : init), late);
    } catch (cause) {
      if (cause instanceof CountersignError) {
        throw cause;
      }
      if (patience.signal.aborted) {
        throw new CountersignError("log_server.timeout", `the log server did not respond within ${timeout} ms`, {
          hint: "check the load of the log server, or raise timeoutMs",
          cause,
        });
      }
      const why = reason(cause);
      const detail = why === undefined ? "" : ` (${why})`;
      throw new CountersignError("log_server.unreachable", `the log server at ${url} can't be reached${detail}`, {
        hint: hintFor(why),
        cause,
      });
    }
  }

  async #exchange(url: string, query: string, init: RequestInit): Promise<LogServerResponse> {
    const response = await this.#fetch(url + query, init);
    const body = await read(response);
    const { status, ok } = response;
    // In Workers, each access to a header is a call out of JavaScript, so they are only read when needed.
    const [elsewhere, later] = ok ? [] : [location(response), retryAfter(response)];
    const date = ok && !this.#isDated ? Date.parse(response.headers.get("date") ?? "") : Number.NaN;
    this.#isDated ||= ok;
    return { status, from: url, location: elsewhere, retryAfter: later, date, body };
  }
}

/** True if requests to this URL are sent unencrypted across a network that may be public. */
export function isCleartextUrl(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !PRIVATE.some((host) => host.test(hostname));
}

/** Returns the warning that events are sent unencrypted. */
export function cleartext({ submit }: LogServer): CountersignError {
  const message = `events are sent unencrypted to ${submit}`;
  return new CountersignError("log_server.cleartext", message, { hint: "use an https:// URL" });
}

/** Hosts of this machine or of private networks. */
const PRIVATE = [
  /^(localhost|[^.:]+)$/,
  /\.(localhost|local|internal|test|home\.arpa)$/,
  /^(127|10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))(\.\d+)+$/,
  /^\[(::1|f[cd][0-9a-f]{2}:.*|fe[89ab][0-9a-f]:.*|::ffff:(7f[0-9a-f]{2}|a[0-9a-f]{2}|c0a8):.*)\]$/,
];

function hintFor(why: string | undefined): string {
  if (why === undefined) {
    return "check the URL and that the log server is running; for a page, the log server must also allow the page's origin (serve --cors ORIGIN) and the page's policy must allow the URL in connect-src";
  }
  if (/SSL|TLS|CERT|ISSUER/i.test(why)) {
    return "check that the server uses TLS with a trusted certificate, and that the URL's scheme and port are right";
  }
  if (/NOTFOUND|EAI_/.test(why)) {
    return "check the host name";
  }
  return "check the URL, its port, and that the log server is running";
}

function location(response: Response): string | undefined {
  const given = response.headers.get("location");
  if (given === null || !URL.canParse(given, response.url || undefined)) {
    return undefined;
  }
  const url = new URL(given, response.url || undefined);
  // A redirect URL's query may contain secrets, so it is not shown.
  return /^https?:$/.test(url.protocol) ? `${url.origin}${url.pathname}`.slice(0, 200) : undefined;
}

/** Returns the URL of a log server, without a slash at the end. Throws an error about this option if it is invalid. */
export function logServerUrl(given: unknown, option: string): string {
  let url: URL;
  try {
    url = new URL(given as string);
  } catch {
    throw URL.canParse(`https://${given}`)
      ? refused(option, "the log server's URL lacks https://", "use a full URL such as https://log.example")
      : refused(option, "the log server's URL is invalid", "use a URL such as https://log.example");
  }
  const isWeb = url.protocol === "https:" || url.protocol === "http:";
  must(isWeb, option, `the log server's URL must not use ${url.protocol}`, "use an https:// URL");
  const unneeded = "remove the credentials; links are authenticated by their signatures";
  const isOpen = url.username === "" && url.password === "";
  must(isOpen, option, "the log server's URL contains credentials", unneeded);
  const alone = "use the plain URL, such as https://log.example";
  must(url.search === "" && url.hash === "", option, "the log server's URL has a query or a fragment", alone);
  const path = url.pathname.replace(/\/+$/, "");
  const added = "remove /submit, which is appended automatically";
  must(!path.endsWith("/submit"), option, "the log server's URL ends in /submit", added);
  return `${url.origin}${path}`;
}

/** Returns the milliseconds to wait. Dates are relative to the server's clock. */
function retryAfter({ headers }: Response): number | undefined {
  const text = headers.get("retry-after") ?? "";
  const seconds = Number.parseInt(text, 10);
  if (Number.isNaN(seconds)) {
    const wait = Date.parse(text) - Date.parse(headers.get("date") ?? "");
    return Number.isNaN(wait) ? undefined : Math.max(wait, 0);
  }
  return Number.isSafeInteger(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

/** Returns the body as a JSON object. Limited in size, because the server is not trusted. */
async function read(response: Response): Promise<LogServerResponse["body"]> {
  const bytes = isBounded(response.headers) ? undefined : await readAtMost(response.body, MAX_RESPONSE_BYTES);
  const text = isBounded(response.headers) ? await response.text() : bytes && new TextDecoder().decode(bytes);
  const body = jsonOf(text);
  return typeof body === "object" && body !== null ? (body as LogServerResponse["body"]) : undefined;
}

/**
 * True if the announced length is within the limit. The runtime then reads the body in one call, which saves a Worker a
 * tenth of a flush's time. The length doesn't limit the size of compressed bodies.
 */
function isBounded(headers: Headers): boolean {
  const length = headers.get("content-length");
  return (
    length !== null &&
    /^\d{1,7}$/.test(length) &&
    Number(length) <= MAX_RESPONSE_BYTES &&
    !headers.has("content-encoding")
  );
}
