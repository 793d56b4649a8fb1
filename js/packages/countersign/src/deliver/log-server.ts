/** A log server over HTTP: lines go to its `/submit`, and what it answers comes back unjudged. */

import { readAtMost } from "../bytes.js";
import { CountersignError, must, refused } from "../error.js";
import { jsonOf } from "../foreign.js";
import { ownOptions } from "../known.js";
import { own } from "../own.js";
import { reason } from "../reason.js";
import { within } from "../timers.js";

/** What `fetch` is, as far as a log server needs it. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A log server that is reached in its own way: by a service binding or a Durable Object's stub, say. */
export interface LogServerOptions {
  /** Its address; a path before `/submit` is kept. */
  url: string | URL;
  /** What sends the requests, in place of the runtime's `fetch`. */
  fetch?: Fetch | undefined;
}

/** An answer as it came. */
export interface LogServerResponse {
  status: number;
  /** Who answered. */
  from: string;
  /** Where else it says to ask. */
  location: string | undefined;
  /** How many milliseconds it asks to wait. */
  retryAfter: number | undefined;
  /** When it answered, in milliseconds from the epoch: of the first that took lines, if that says so. */
  date: number;
  /** The body, where it is a JSON object. */
  body: { readonly [member: string]: unknown } | undefined;
}

/** How a request is sent. */
export interface Sending {
  /** How many milliseconds it may take. */
  timeout: number;
  /** Whether it is to outlive the page, for which it must be small. */
  keepalive: boolean;
}

/** The most bytes that an answer may have: proofs of one chain, or of one key note, are far below it. */
const MOST = 4 << 20;

/** Sends lines to one log server. */
export class LogServer {
  /** Where lines are submitted. */
  readonly submit: string;
  /** Whether events go there in clear text, through a network that may be anybody's. */
  readonly isCleartext: boolean;
  readonly #fetch: Fetch;
  #isDated = false;

  constructor(options: LogServerOptions) {
    const { url, fetch: given } = ownOptions(options, ["url", "fetch"], "to");
    this.submit = submitUrl(url);
    // What a binding is given as address leads nowhere.
    const { protocol, hostname } = new URL(this.submit);
    this.isCleartext = given === undefined && protocol === "http:" && !PRIVATE.some((host) => host.test(hostname));
    const hint = "give the binding's own: (url, init) => env.LOG.fetch(url, init)";
    must(given === undefined || typeof given === "function", "to", "fetch is not a function", hint);
    this.#fetch = given ?? ((url, init) => fetch(url, init));
  }

  /** Submits lines once. Throws `log_server.unreachable` or `log_server.timeout`; the log server may have them then. */
  async post(lines: Uint8Array<ArrayBuffer>, { timeout, keepalive }: Sending): Promise<LogServerResponse> {
    const patience = new AbortController();
    const late = () => {
      patience.abort();
      return patience.signal.reason;
    };
    // Bytes without a type: a page needs no leave of the log server to send them, which would take a second request.
    const init: RequestInit = own({ method: "POST", body: lines, redirect: "manual", signal: patience.signal });
    try {
      // A fetch that was given may heed no signal.
      return await within(timeout, this.#exchange(keepalive ? own({ ...init, keepalive }) : init), late);
    } catch (cause) {
      if (cause instanceof CountersignError) {
        throw cause;
      }
      if (patience.signal.aborted) {
        throw new CountersignError("log_server.timeout", `the logServer did not answer within ${timeout} ms`, {
          hint: "is the log server overloaded, or timeoutMs too short?",
          cause,
        });
      }
      const why = reason(cause);
      const said = why === undefined ? "" : ` (${why})`;
      throw new CountersignError("log_server.unreachable", `the logServer at ${this.submit} cannot be reached${said}`, {
        hint: todo(why),
        cause,
      });
    }
  }

  async #exchange(init: RequestInit): Promise<LogServerResponse> {
    const response = await this.#fetch(this.submit, init);
    const body = await read(response);
    const { status, ok } = response;
    // Headers are read where they say something: in a Worker each is a call out of JavaScript.
    const [elsewhere, later] = ok ? [] : [location(response), retryAfter(response)];
    const date = ok && !this.#isDated ? Date.parse(response.headers.get("date") ?? "") : Number.NaN;
    this.#isDated ||= ok;
    return { status, from: this.submit, location: elsewhere, retryAfter: later, date, body };
  }
}

/** That events go to a log server in clear text. */
export function cleartext({ submit }: LogServer): CountersignError {
  const message = `events go to ${submit} in clear text: anyone on the way can read them`;
  return new CountersignError("log_server.cleartext", message, { hint: "give an address that begins with https://" });
}

/** Addresses of this machine, of a private network, and names that only such a one resolves. */
const PRIVATE = [
  /^(localhost|[^.:]+)$/,
  /\.(localhost|local|internal|test|home\.arpa)$/,
  /^(127|10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))(\.\d+)+$/,
  /^\[(::1|f[cd][0-9a-f]{2}:.*|fe[89ab][0-9a-f]:.*|::ffff:(7f[0-9a-f]{2}|a[0-9a-f]{2}|c0a8):.*)\]$/,
];

function todo(why: string | undefined): string {
  if (why === undefined) {
    return "check the address and that the log server runs; a page also needs the log server's leave (serve --cors ORIGIN) and connect-src in its own policy";
  }
  if (/SSL|TLS|CERT|ISSUER/i.test(why)) {
    return "what answers there speaks no TLS, or its certificate is not trusted: should the address begin with http://, or have another port?";
  }
  if (/NOTFOUND|EAI_/.test(why)) {
    return "is the host's name right?";
  }
  return "check the address, its port, and that the log server runs";
}

function location(response: Response): string | undefined {
  const given = response.headers.get("location");
  if (given === null || !URL.canParse(given, response.url || undefined)) {
    return undefined;
  }
  const url = new URL(given, response.url || undefined);
  // Who is asked to go elsewhere may be given secrets to go with.
  return /^https?:$/.test(url.protocol) ? `${url.origin}${url.pathname}`.slice(0, 200) : undefined;
}

function submitUrl(given: string | URL): string {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw URL.canParse(`https://${given}`)
      ? refused("to", "the log server's address lacks https://", "give all of it, such as https://log.example.com")
      : refused("to", "the log server's address is no URL", "give one such as https://log.example.com");
  }
  const isWeb = url.protocol === "https:" || url.protocol === "http:";
  must(isWeb, "to", `a logServer is not reached by ${url.protocol}`, "give an address that begins with https://");
  const unneeded = "a log server needs none: the links' signatures say who brings them";
  const isOpen = url.username === "" && url.password === "";
  must(isOpen, "to", "the log server's address has a password in it", unneeded);
  const alone = "give the address alone, such as https://log.example.com";
  must(url.search === "" && url.hash === "", "to", "the log server's address has a query or a fragment", alone);
  const path = url.pathname.replace(/\/+$/, "");
  const added = "leave /submit out: it is added";
  must(!path.endsWith("/submit"), "to", "the log server's address ends in /submit", added);
  return `${url.origin}${path}/submit`;
}

/** How long to wait, in milliseconds. A date is by the clock of whoever answers. */
function retryAfter({ headers }: Response): number | undefined {
  const text = headers.get("retry-after") ?? "";
  const seconds = Number.parseInt(text, 10);
  if (Number.isNaN(seconds)) {
    const wait = Date.parse(text) - Date.parse(headers.get("date") ?? "");
    return Number.isNaN(wait) ? undefined : Math.max(wait, 0);
  }
  return Number.isSafeInteger(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

/** The body as a JSON object. Whoever answers is not trusted, so no more than so much is read. */
async function read(response: Response): Promise<LogServerResponse["body"]> {
  const bytes = isBounded(response.headers) ? undefined : await readAtMost(response.body, MOST);
  const text = isBounded(response.headers) ? await response.text() : bytes && new TextDecoder().decode(bytes);
  const body = jsonOf(text);
  return typeof body === "object" && body !== null ? (body as LogServerResponse["body"]) : undefined;
}

/**
 * Whether what was announced is no more than is read: then the runtime reads it in one go, which costs a Worker a tenth
 * of a flush less than piece by piece. The length is on the wire, so it says nothing of what is compressed.
 */
function isBounded(headers: Headers): boolean {
  const length = headers.get("content-length");
  return length !== null && /^\d{1,7}$/.test(length) && Number(length) <= MOST && !headers.has("content-encoding");
}
