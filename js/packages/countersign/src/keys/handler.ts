/** The handler for browsers' grant requests, for any server that uses `Request` and `Response`. */

import { readAtMost } from "../bytes.js";
import { asLine, CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
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

/** Maximum size of a request in bytes. A vkey is much shorter. */
const MAX_REQUEST_BYTES = 4096;

/** Options of an issuer's handler. */
export interface HandlerOptions {
  /**
   * Decides whether the requester may record, for example by the session in the request's cookies. Return `true` to
   * grant the key for 12 hours, or a plain object to set the validity; any other value, including a `Response`,
   * refuses.
   *
   * Two checks are up to this function:
   * - A log keeps grants forever, so count the vkeys of each session and refuse more than a few.
   * - vkeys are public, and nothing proves that the key belongs to the requester. Granting someone else's vkey doesn't
   *   let the requester sign with it, but extends its owner's rights. If sessions can end before their grants, remember
   *   the session that first got a grant for a vkey, and refuse others.
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

/**
 * Handles POST requests with the JSON body `{"vkey":"…"}`. A key's name is public, permanent, and chosen by the
 * requester, so only random names as from {@link randomName} are granted.
 */
export function grantHandler(
  issuer: { readonly name: string; grant(vkey: string, options?: GrantOptions): Promise<Granted> },
  now: () => number,
  options: HandlerOptions,
): (request: Request) => Promise<Response> {
  const { authorize, origins = [] } = ownOptions(options, ["authorize", "origins"]);
  const hint = "pass a function that checks the request's session";
  must(typeof authorize === "function", "authorize", "`authorize` must be a function", hint);
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
    const vkey = await readVkey(request);
    if (vkey === undefined) {
      const hint = 'send {"vkey":"name+hhhhhhhh+base64"}';
      return refusal(
        400,
        new CountersignError("key.invalid", "`vkey` must be a public key (vkey)", { hint, member: "vkey" }),
      );
    }
    if (!isRandomUnder(issuer.name, nameOf(vkey))) {
      const message = `the key's name must be ${issuer.name}/ followed by 16 random characters`;
      const hint = `use browserKey({ issuer: "${issuer.name}" }), or grant keys with other names by issuer.grant()`;
      return refusal(400, new CountersignError("name.invalid", message, { hint, member: "vkey" }));
    }
    const decided = await authorize(request, vkey);
    if (decided !== true && !isPlain(decided)) {
      const hint = "check that the user is signed in and allowed to record";
      return refusal(403, new CountersignError("grant.refused", "the key was not granted", { hint }));
    }
    return grant(vkey, decided === true ? {} : decided);
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
      const answer = refusal(503, new CountersignError("grant.failed", "the log did not accept the grant"));
      answer.headers.set("retry-after", "5");
      return answer;
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
  // Behind a TLS proxy, only the host is known.
  const isOwn = URL.canParse(origin) && new URL(origin).host === new URL(request.url).host;
  return isOwn ? "own" : "foreign";
}

/** Reads the vkey of a request. */
async function readVkey(request: Request): Promise<string | undefined> {
  try {
    const bytes = await readAtMost(request.body, MAX_REQUEST_BYTES);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const { vkey } = (JSON.parse(text) ?? {}) as { vkey?: unknown };
    return typeof vkey === "string" ? vkey : undefined;
  } catch {
    return undefined;
  }
}

function refusal(status: number, error: CountersignError): Response {
  return json(status, errorBody(error));
}

function json(status: number, body: string): Response {
  return new Response(body, { status, headers: { "content-type": "application/json", "cache-control": "no-store" } });
}
