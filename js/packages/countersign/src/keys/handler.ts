/** Where browsers ask for a grant, in any server that knows `Request` and `Response`. */

import { readAtMost } from "../bytes.js";
import { asLine, CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import { errorBody } from "./error-response.js";
import { isRandomUnder, nameOf } from "./name.js";

/** How long a grant lasts. Without any it is 12 hours from now. */
export interface GrantOptions {
  /** Until when, that moment not included; `null` for no end. */
  until?: Date | null | undefined;
  /** Milliseconds from now until the end, in place of `until`. */
  ttlMs?: number | undefined;
  /**
   * From when on. By default there is no beginning: a key cannot have signed before it was made, and a device whose clock
   * is behind is not refused.
   */
  from?: Date | undefined;
}

/** What a log keeps of a statement about a key, with its proof. */
export interface Noted {
  readonly vkey: string;
  /** The signed note, which is a leaf of the log. */
  readonly note: string;
  /** The leaf's index. */
  readonly index: number;
  /** The C2SP tlog-proof that it is there, verified. */
  readonly proof: string;
}

/** A key that may sign chains. */
export interface Granted extends Noted {
  readonly from: Date | undefined;
  readonly until: Date | undefined;
}

/** A key that is not to be trusted any more. */
export interface Revoked extends Noted {
  readonly since: Date | undefined;
}

/** The most bytes that a request may have: a vkey is much shorter. */
const MOST = 4096;

/** How to answer. */
export interface HandlerOptions {
  /**
   * Decides whether who asks may record: by the session that the request's cookies tell, say. `true` grants the key for
   * 12 hours, a plain object for as long as it says, and anything else not at all, a `Response` neither.
   *
   * Two things it alone can see to. A grant is a note that the log keeps for good, so it should count the vkeys that a
   * session has had, and refuse more than a few. And nothing shows that the key is the asker's own: vkeys are public.
   * Whoever has a vkey granted cannot sign with it, but prolongs what its owner may do, so where sessions end before
   * their grants it should keep which session a vkey was first granted to, and refuse it to others.
   */
  authorize(request: Request, vkey: string): Authorized | PromiseLike<Authorized>;
  /** Pages of which other origins may ask: `https://dashboard.example.com`. By default only those of its own. */
  origins?: readonly string[] | undefined;
}

/** What was decided. */
export type Authorized = boolean | GrantOptions | null | undefined;

/**
 * Answers POST with `{"vkey":"…"}` as JSON. A key's name is public and for good, and who asks chooses it: so only names
 * are granted that say nothing, as {@link randomName} makes them.
 */
export function grantHandler(
  issuer: { readonly name: string; grant(vkey: string, options?: GrantOptions): Promise<Granted> },
  now: () => number,
  options: HandlerOptions,
): (request: Request) => Promise<Response> {
  const { authorize, origins = [] } = ownOptions(options, ["authorize", "origins"]);
  const hint = "give a function that looks at the request's session";
  must(typeof authorize === "function", "authorize", "nothing decides who is granted a key", hint);
  return async (request) => {
    const from = originOf(request, origins);
    if (from === "foreign") {
      const message = "pages of this origin may not ask";
      return refusal(403, new CountersignError("grant.refused", message, { hint: "name it in the handler's origins" }));
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
      const answer = refusal(405, new CountersignError("grant.failed", "a grant is asked for with POST"));
      answer.headers.set("allow", "POST, OPTIONS");
      return answer;
    }
    // A form of another site's cannot send this type without asking first.
    const [type = ""] = (request.headers.get("content-type") ?? "").split(";");
    if (type.trim().toLowerCase() !== "application/json") {
      return refusal(415, new CountersignError("grant.failed", "a grant is asked for as application/json"));
    }
    const vkey = await readVkey(request);
    if (vkey === undefined) {
      const hint = 'send {"vkey":"name+hhhhhhhh+base64"}';
      return refusal(400, new CountersignError("key.invalid", "no verifier key", { hint, member: "vkey" }));
    }
    if (!isRandomUnder(issuer.name, nameOf(vkey))) {
      const message = `the key's name is not ${issuer.name}/ and 16 random characters`;
      const hint = `browserKey({ issuer: "${issuer.name}" }) names it so; issuer.grant() grants keys of other names`;
      return refusal(400, new CountersignError("name.invalid", message, { hint, member: "vkey" }));
    }
    const decided = await authorize(request, vkey);
    if (decided !== true && !isPlain(decided)) {
      const hint = "is the session signed in, and allowed to record?";
      return refusal(403, new CountersignError("grant.refused", "the key was not granted", { hint }));
    }
    return grant(vkey, decided === true ? {} : decided);
  }

  async function grant(vkey: string, options: GrantOptions): Promise<Response> {
    try {
      const { from, until, note, index, proof } = await issuer.grant(vkey, options);
      return json(200, JSON.stringify({ vkey, from, until, now: new Date(now()), note, index, proof }));
    } catch (error) {
      // What is wrong with the server's own options is for the server's log, not for who asks.
      if (!(error instanceof CountersignError) || error.code === "options.invalid" || error.member === "key") {
        throw error;
      }
      if (error.code === "key.invalid" || error.code === "name.invalid") {
        return refusal(400, error);
      }
      console.warn(asLine(error));
      const answer = refusal(503, new CountersignError("grant.failed", "the log did not take the grant now"));
      answer.headers.set("retry-after", "5");
      return answer;
    }
  }
}

/** Whether it is an object that says for how long, and nothing that would say no, such as a `Response` or an error. */
function isPlain(decided: unknown): decided is GrantOptions {
  if (typeof decided !== "object" || decided === null) {
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(decided);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Whose page asks: the server's own, one that may (its origin), or another. Only browsers say. */
function originOf(request: Request, origins: readonly string[]): "own" | "foreign" | (string & {}) {
  const origin = request.headers.get("origin");
  if (origin === null) {
    return request.headers.get("sec-fetch-site") === "cross-site" ? "foreign" : "own";
  }
  if (origins.includes(origin)) {
    return origin;
  }
  // What ends TLS in front of the server leaves it the host alone.
  const isOwn = URL.canParse(origin) && new URL(origin).host === new URL(request.url).host;
  return isOwn ? "own" : "foreign";
}

/** The key that is asked for. */
async function readVkey(request: Request): Promise<string | undefined> {
  try {
    const bytes = await readAtMost(request.body, MOST);
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
