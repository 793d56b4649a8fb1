/** The sources of a viewer's export, and the sessions created from them. */

import { readAtMost } from "@countersign/shared/bytes.js";
import type { ErrorCode } from "@countersign/shared/error.js";
import { bodyWithEarlierEntries, namesIssuers, withEarlierEntries } from "./earlier-entries.js";
import { type Link, LiveConnection } from "./live-connection.js";
import { refusalIn, refusePage } from "./responses.js";
import { Session, type Tools } from "./session.js";
import { sourceError } from "./source-error.js";

/** Sources as the viewer's properties name them. */
export interface ViewerSources {
  readonly src: string | null;
  /** Address of a trust file. */
  readonly trust: string | null;
  readonly live: boolean;
  readonly file: Blob | undefined;
  readonly trustText: string | undefined;
  /** Address of a rule pack; empty for the included pack, null for none. */
  readonly rules: string | null;
  readonly request: (address: string, init: RequestInit) => Promise<Response>;
}

/** A session to open. */
export interface SessionRequest {
  readonly tools: Tools;
  readonly sources: ViewerSources;
  readonly pins: readonly string[];
  /** Stream of fed pieces, if the page feeds the export. */
  readonly fed: ReadableStream<Uint8Array> | undefined;
  readonly signal: AbortSignal;
  /** Called whenever the connection to a live log changes. */
  readonly onLink: (link: Link) => void;
  /** Called with the next session if a log couldn't continue from what it showed. */
  readonly onNext: (session: Session) => void;
}

/** Maximum number of pins for a log that is followed for long; the newest are kept. */
const MAX_PINS = 8;

const MAX_TRUST_BYTES = 1 << 20;

const MAX_RULES_BYTES = 16 << 20;

/** Opens the session of an export. */
export async function openSession(request: SessionRequest): Promise<Session> {
  const { tools, fed, pins } = request;
  const { file, live, src } = request.sources;
  const trust = await trustOf(request);
  const options = { trust, trustName: trustNameOf(request), pins, rules: rulesOf(request) };
  if (fed !== undefined) {
    return new Session(fed, options, tools);
  }
  if (file !== undefined) {
    if (typeof file !== "object") {
      throw sourceError("source.invalid", "source.file", { hint: "hint.source.file" });
    }
    return new Session(file, { ...options, name: nameOf(file) }, tools);
  }
  const address = src ?? "";
  if (live) {
    return follow(address, trust, request);
  }
  const response = await fetchAddress(address, request);
  if (!response.ok) {
    throw (await refusalIn(response)).error;
  }
  const { body } = refusePage(response);
  if (body === null) {
    return new Session(response, { ...options, name: address }, tools);
  }
  const whole = namesIssuers(trust) ? bodyWithEarlierEntries(body, beside(address, request)) : body;
  return new Session(new Response(whole, { headers: response.headers }), { ...options, name: address }, tools);
}

/**
 * Creates a session for as long as the log continues from what it showed, then another one that is compared with the
 * last pin.
 */
function follow(address: string, trust: string | undefined, request: SessionRequest): Session {
  const { sources, signal, onLink, onNext, tools } = request;
  const connection = new LiveConnection(address, sources.request, signal);
  connection.onLink = onLink;
  const begin = (previous: Session | undefined): Session => {
    const pin = previous?.goodPin ?? null;
    const pins = [...(previous?.pins ?? request.pins), ...(pin === null ? [] : [pin])].slice(-MAX_PINS);
    const lines = connection.lines(pin ?? pins.at(-1) ?? null);
    const session = new Session(
      { live: namesIssuers(trust) ? withEarlierEntries(lines, beside(address, request)) : lines },
      { trust, trustName: trustNameOf(request), pins: [...new Set(pins)], name: address, rules: rulesOf(request) },
      tools,
    );
    connection.onRestart = () => {
      void session.ended.then(() => {
        if (!signal.aborted) {
          onNext(begin(session));
        }
      });
    };
    return session;
  };
  return begin(undefined);
}

/** Returns a function that fetches the log's public files, whose addresses are next to the export's. */
function beside(address: string, request: SessionRequest): (path: string) => Promise<Response> {
  const base = new URL(address, document.baseURI);
  return (path) => fetchAddress(new URL(path, base).href, request);
}

async function trustOf(request: SessionRequest): Promise<string | undefined> {
  const { trust, trustText } = request.sources;
  return trustText !== undefined || trust === null || trust === ""
    ? trustText
    : text({ address: trust, maxBytes: MAX_TRUST_BYTES, code: "trust.invalid", attribute: "trust" }, request);
}

/** Returns the file name in the address of a trust file; undefined for a text. */
function trustNameOf({ sources }: SessionRequest): string | undefined {
  const { trust, trustText } = sources;
  if (trustText !== undefined || trust === null) {
    return undefined;
  }
  return trust.split(/[?#]/, 1)[0]?.split("/").at(-1) || undefined;
}

/** Returns a function that loads rules on demand; undefined for none. */
function rulesOf(request: SessionRequest): (() => Promise<string>) | undefined {
  const { rules } = request.sources;
  if (rules === null || rules === "") {
    return rules === null ? undefined : request.tools.rules;
  }
  return () => text({ address: rules, maxBytes: MAX_RULES_BYTES, code: "pack.invalid", attribute: "rules" }, request);
}

/** A text at the address in an attribute. */
interface LinkedText {
  readonly address: string;
  readonly maxBytes: number;
  /** Code of the errors. */
  readonly code: ErrorCode;
  readonly attribute: "trust" | "rules";
}

/** Loads a text. */
async function text({ address, maxBytes, code, attribute }: LinkedText, request: SessionRequest): Promise<string> {
  const response = await fetchAddress(address, request);
  const hint = `hint.source.${attribute}` as const;
  if (!response.ok) {
    const other = (status: number) => sourceError(code, `source.${attribute}`, { hint, values: { status } });
    throw (await refusalIn(response, other)).error;
  }
  const body = await readAtMost(refusePage(response, code).body, maxBytes);
  if (body === undefined) {
    throw sourceError(code, "source.size", { hint, values: { size: maxBytes } });
  }
  return new TextDecoder().decode(body);
}

async function fetchAddress(address: string, { sources, signal }: SessionRequest): Promise<Response> {
  try {
    return await sources.request(address, { signal, referrerPolicy: "no-referrer" });
  } catch (cause) {
    throw sourceError("source.unreadable", "source.unreachable", { hint: "hint.source.unreachable", cause });
  }
}

function nameOf(file: Blob): string | undefined {
  return "name" in file && typeof file.name === "string" ? file.name : undefined;
}
