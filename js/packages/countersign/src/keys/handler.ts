/** The handler for browsers' grant requests, for any server that uses `Request` and `Response`. */

import { readAtMost } from "../bytes.js";
import { asLine, CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import { AcceptedRequests } from "./accepted-requests.js";
import { errorBody } from "./error-response.js";
import { isRandomUnder, nameOf } from "./name.js";

/** The validity of a grant. By default, it ends in 12 hours. */
export interface GrantOptions {
  /**
   * The end of the grant (exclusive); `null` for no end.
   *
   * @default 12 hours from now
   * @example
   * ```ts
   * until: new Date("2026-12-31T00:00:00Z")
   * ```
   */
  until?: Date | null | undefined;
  /**
   * Milliseconds until the end of the grant; an alternative to `until`.
   *
   * @default 43200000 (12 hours)
   * @example
   * ```ts
   * ttlMs: 3_600_000
   * ```
   */
  ttlMs?: number | undefined;
  /**
   * The start of the grant. A key can't have signed before it was generated, so the default accepts devices whose
   * clocks are behind.
   *
   * @default no start
   * @example
   * ```ts
   * from: new Date()
   * ```
   */
  from?: Date | undefined;
}

/** A statement about a key in the log, with its proof. */
export interface Noted {
  readonly vkey: string;
  /** The signed note, which is an entry of the log. */
  readonly note: string;
  /** The entry's index. */
  readonly index: number;
  /** The verified C2SP tlog-proof of the entry. */
  readonly proof: string;
}

/** A key that may sign chains. */
export interface Granted extends Noted {
  readonly from: Date | undefined;
  readonly until: Date | undefined;
}

/** A key that is no longer trusted. */
export interface Revoked extends Noted {
  readonly since: Date | undefined;
}

/** A request for a grant, signed by the key. */
export interface GrantRequest {
  readonly vkey: string;
  /** When it was signed, in RFC 3339. */
  readonly time: string;
}

/** Maximum size of a request in bytes. A signed request with a long name is shorter. */
const MAX_REQUEST_BYTES = 4096;

/** Options of an issuer's handler. */
export interface HandlerOptions {
  /**
   * Decides whether the requester may record, for example by the session in the request's cookies. Return `true` to
   * grant the key for 12 hours, or a plain object to set the validity; any other value, including a `Response`,
   * refuses.
   *
   * The handler has already checked that the requester has the key, that the request is dated within 5 minutes of this
   * server's time, and that it didn't accept the request before. One check is up to this function: a log keeps grants
   * forever, so count the vkeys of each session and refuse more than a few.
   */
  authorize(request: Request, vkey: string): Authorized | PromiseLike<Authorized>;
  /**
   * Other origins whose pages may send requests, such as `https://dashboard.example.com`.
   *
   * @default none: only the server's own origin
   * @example
   * ```ts
   * origins: ["https://dashboard.example.com"]
   * ```
   */
  origins?: readonly string[] | undefined;
}

/** The decision of `authorize`. */
export type Authorized = boolean | GrantOptions | null | undefined;

/** The issuer of a handler. */
export interface GrantingIssuer {
  readonly name: string;
  grant(vkey: string, options?: GrantOptions): Promise<Granted>;
  /** Opens a signed request. Returns {@link invalidRequest} if it is malformed, or its key didn't sign it. */
  open(request: string): Promise<GrantRequest | CountersignError>;
}

/**
 * Handles POST requests with the JSON body `{"request":"…"}`, which contains a signed grant request. A key's name is
 * public, permanent, and chosen by the requester, so only random names as from {@link randomName} are granted.
 */
export function grantHandler(
  issuer: GrantingIssuer,
  now: () => number,
  options: HandlerOptions,
): (request: Request) => Promise<Response> {
  const { authorize, origins = [] } = ownOptions(options, ["authorize", "origins"]);
  const hint = "pass a function that checks the request's session";
  must(typeof authorize === "function", "authorize", "`authorize` must be a function", hint);
  const accepted = new AcceptedRequests();
  return async (request) => {
    const from = originOf(request, origins);
    if (from === "foreign") {
      const message = "this origin may not request grants";
      return refusal(
        403,
        new CountersignError("grant.refused", message, { hint: "add it to the handler's `origins`" }),
      );
    }
    const answer = await respond(request);
    if (from !== "own") {
      answer.headers.set("access-control-allow-origin", from);
      answer.headers.set("access-control-allow-credentials", "true");
      answer.headers.set("vary", "origin");
    }
    return answer;
  };

  async function respond(request: Request): Promise<Response> {
    if (request.method === "OPTIONS") {
      const headers = {
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "content-type, authorization",
      };
      return new Response(null, { status: 204, headers });
    }
    if (request.method !== "POST") {
      const answer = refusal(405, new CountersignError("grant.failed", "the request method must be POST"));
      answer.headers.set("allow", "POST, OPTIONS");
      return answer;
    }
    // A form of another site can't send this type without a CORS preflight.
    const [type = ""] = (request.headers.get("content-type") ?? "").split(";");
    if (type.trim().toLowerCase() !== "application/json") {
      return refusal(415, new CountersignError("grant.failed", "the content type must be application/json"));
    }
    const opened = await open(request);
    if (opened instanceof CountersignError) {
      return refusal(400, opened);
    }
    const { vkey, time } = opened;
    if (!isRandomUnder(issuer.name, nameOf(vkey))) {
      const message = `the key's name must be ${issuer.name}/ followed by 16 random characters`;
      const hint = `use browserKey({ issuer: "${issuer.name}" }), or grant keys with other names by issuer.grant()`;
      return refusal(400, new CountersignError("name.invalid", message, { hint, member: "vkey" }));
    }
    // Excludes the signature, because the same text may be signed with other bytes.
    const text = `${vkey} ${time}`;
    const clock = now();
    const acceptance = accepted.accept(text, Date.parse(time), clock);
    if (acceptance === "full") {
      return unavailable("too many requests for grants came within 5 minutes");
    }
    if (acceptance !== "accepted") {
      return timeRefusal(acceptance, time, clock);
    }
    let validity: GrantOptions | undefined;
    try {
      const decided = await authorize(request, vkey);
      validity = decided === true ? {} : isPlain(decided) ? decided : undefined;
    } finally {
      if (validity === undefined) {
        accepted.forget(text);
      }
    }
    if (validity === undefined) {
      const hint = "check that the user is signed in and allowed to record";
      return refusal(403, new CountersignError("grant.refused", "the key was not granted", { hint }));
    }
    return grant(vkey, validity);
  }

  /** Returns the opened request, or the reason why it is invalid. */
  async function open(request: Request): Promise<GrantRequest | CountersignError> {
    const signed = await readSigned(request);
    return signed === undefined ? invalidRequest("`request` must be a signed grant request") : issuer.open(signed);
  }

  async function grant(vkey: string, options: GrantOptions): Promise<Response> {
    try {
      const { from, until, note, index, proof } = await issuer.grant(vkey, options);
      return json(200, JSON.stringify({ vkey, from, until, now: new Date(now()), note, index, proof }));
    } catch (error) {
      // Errors in the server's own options must not reach the requester.
      if (!(error instanceof CountersignError) || error.code === "options.invalid" || error.member === "key") {
        throw error;
      }
      if (error.code === "key.invalid" || error.code === "name.invalid") {
        return refusal(400, error);
      }
      console.warn(asLine(error));
      return unavailable("the log did not accept the grant");
    }
  }
}

/** True for a plain object with the grant's validity, but not for a `Response` or an error. */
function isPlain(decided: unknown): decided is GrantOptions {
  if (typeof decided !== "object" || decided === null) {
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(decided);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Returns whose page sent the request: "own", the allowed origin, or "foreign". Only browsers send these headers. */
function originOf(request: Request, origins: readonly string[]): "own" | "foreign" | (string & {}) {
  const origin = request.headers.get("origin");
  if (origin === null) {
    return request.headers.get("sec-fetch-site") === "cross-site" ? "foreign" : "own";
  }
  if (origins.includes(origin)) {
    return origin;
  }
  // Behind a TLS proxy, the request's URL has `http:`, and the page may have either scheme.
  const { protocol, host } = new URL(request.url);
  const schemes = protocol === "http:" ? ["http", "https"] : ["https"];
  return schemes.some((scheme) => origin === `${scheme}://${host}`) ? "own" : "foreign";
}

/** Reads the signed note of a request. */
async function readSigned(request: Request): Promise<string | undefined> {
  try {
    const bytes = await readAtMost(request.body, MAX_REQUEST_BYTES);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const { request: signed } = (JSON.parse(text) ?? {}) as { request?: unknown };
    return typeof signed === "string" ? signed : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the error for a request that isn't one, or that its key didn't sign. */
export function invalidRequest(message: string): CountersignError {
  const hint = 'send {"request":"…"}, signed by the key, as grantedKey from countersign/browser does';
  return new CountersignError("key.invalid", message, { hint, member: "request" });
}

/** Rejects a request for its time. The browser signs it again with the time in `now`. */
function timeRefusal(reason: "outdated" | "repeated", time: string, now: number): Response {
  const date = new Date(now).toISOString();
  const message =
    reason === "repeated"
      ? "the request was accepted before"
      : `the request is dated ${time}, more than 5 minutes from the server's time ${date}`;
  const error = { code: "request.time", message, hint: "sign the request again with the time in `now`" };
  return json(409, JSON.stringify({ error, now: date }));
}

/** Returns a response after which the browser tries again later. */
function unavailable(message: string): Response {
  const answer = refusal(503, new CountersignError("grant.failed", message));
  answer.headers.set("retry-after", "5");
  return answer;
}

function refusal(status: number, error: CountersignError): Response {
  return json(status, errorBody(error));
}

function json(status: number, body: string): Response {
  return new Response(body, { status, headers: { "content-type": "application/json", "cache-control": "no-store" } });
}
