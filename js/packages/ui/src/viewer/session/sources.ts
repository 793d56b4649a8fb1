/** Where a viewer's export comes from, and the sessions that are made of it. */

import { readAtMost } from "@countersign/shared/bytes.js";
import { CountersignError, type ErrorCode } from "@countersign/shared/error.js";
import { bodyWithEarlierEntries, namesIssuers, withEarlierEntries } from "./earlier-entries.js";
import { Following, type Link } from "./following.js";
import { Session, type Tools } from "./session.js";

/** What a viewer was given. */
export interface Given {
  readonly src: string | null;
  /** The address of a trust file. */
  readonly trust: string | null;
  readonly live: boolean;
  readonly file: Blob | undefined;
  readonly trustText: string | undefined;
  /** The address of a pack of rules; empty for the one that comes with the package, null for none. */
  readonly rules: string | null;
  readonly request: (address: string, init: RequestInit) => Promise<Response>;
}

/** What is opened, and with what. */
export interface Opening {
  readonly tools: Tools;
  readonly given: Given;
  readonly pins: readonly string[];
  /** What is fed to it, if anything is. */
  readonly fed: ReadableStream<Uint8Array> | undefined;
  readonly signal: AbortSignal;
  /** Told whenever the connection to a live log changes. */
  readonly onLink: (link: Link) => void;
  /** Told of the session that follows another, where a log could not go on from what it had shown. */
  readonly onNext: (session: Session) => void;
}

/** A log that is followed for long is held to its newest pins. */
const MOST_PINS = 8;

/** No trust file is longer. */
const LONGEST_TRUST = 1 << 20;

/** No pack of rules is longer. */
const LONGEST_RULES = 16 << 20;

/** The session of an export, opened once. */
export async function openSession(opening: Opening): Promise<Session> {
  const { tools, fed, pins } = opening;
  const { file, live, src } = opening.given;
  const trust = await trustOf(opening);
  const given = { trust, trustName: trustNameOf(opening), pins, rules: rulesOf(opening) };
  if (fed !== undefined) {
    return new Session(fed, given, tools);
  }
  if (file !== undefined) {
    if (typeof file !== "object") {
      const hint = "give a Blob or File, or its address as src";
      throw new CountersignError("source.invalid", "the property file is no file", { hint });
    }
    return new Session(file, { ...given, name: nameOf(file) }, tools);
  }
  const address = src ?? "";
  if (live) {
    return follow(address, trust, opening);
  }
  const response = await ask(address, opening);
  if (!response.ok || response.body === null) {
    return new Session(response, { ...given, name: address }, tools);
  }
  const body = namesIssuers(trust) ? bodyWithEarlierEntries(response.body, beside(address, opening)) : response.body;
  return new Session(new Response(body, { headers: response.headers }), { ...given, name: address }, tools);
}

/** A session for as long as the log goes on from what it showed, and then another that is held to the last pin. */
function follow(address: string, trust: string | undefined, opening: Opening): Session {
  const { given, signal, onLink, onNext, tools } = opening;
  const following = new Following(address, given.request, signal);
  following.onLink = onLink;
  const begin = (before: Session | undefined): Session => {
    const pin = before?.goodPin ?? null;
    const pins = [...(before?.pins ?? opening.pins), ...(pin === null ? [] : [pin])].slice(-MOST_PINS);
    const lines = following.lines(pin ?? pins.at(-1) ?? null);
    const session = new Session(
      { live: namesIssuers(trust) ? withEarlierEntries(lines, beside(address, opening)) : lines },
      { trust, trustName: trustNameOf(opening), pins: [...new Set(pins)], name: address, rules: rulesOf(opening) },
      tools,
    );
    following.onAnew = () => {
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

/** How what anyone may read of a log is asked for: its addresses are beside that of the export. */
function beside(address: string, opening: Opening): (path: string) => Promise<Response> {
  const base = new URL(address, document.baseURI);
  return (path) => ask(new URL(path, base).href, opening);
}

async function trustOf(opening: Opening): Promise<string | undefined> {
  const { trust, trustText } = opening.given;
  return trustText !== undefined || trust === null || trust === ""
    ? trustText
    : text(trust, LONGEST_TRUST, "trust.invalid", "the trust file", "trust", opening);
}

/** The file's name in the address of a trust file; undefined for a text. */
function trustNameOf({ given }: Opening): string | undefined {
  const { trust, trustText } = given;
  if (trustText !== undefined || trust === null) {
    return undefined;
  }
  return trust.split(/[?#]/, 1)[0]?.split("/").at(-1) || undefined;
}

/** Reads rules when they are wanted; undefined for none. */
function rulesOf(opening: Opening): (() => Promise<string>) | undefined {
  const { rules } = opening.given;
  if (rules === null || rules === "") {
    return rules === null ? undefined : opening.tools.rules;
  }
  return () => text(rules, LONGEST_RULES, "pack.invalid", "the rules", "rules", opening);
}

/** A text that an attribute leads to. */
async function text(
  address: string,
  most: number,
  code: ErrorCode,
  what: string,
  attribute: string,
  opening: Opening,
): Promise<string> {
  const response = await ask(address, opening);
  const body = response.ok ? await readAtMost(response.body, most) : undefined;
  if (body === undefined) {
    throw new CountersignError(code, `${what} cannot be had: status ${response.status}`, {
      hint: `check the address in the attribute ${attribute}`,
    });
  }
  return new TextDecoder().decode(body);
}

async function ask(address: string, { given, signal }: Opening): Promise<Response> {
  try {
    return await given.request(address, { signal, referrerPolicy: "no-referrer" });
  } catch (cause) {
    throw new CountersignError("source.unreadable", "the address cannot be reached", {
      hint: "check the address, the connection, and whether the server and the page's Content-Security-Policy allow it",
      cause,
    });
  }
}

function nameOf(file: Blob): string | undefined {
  return "name" in file && typeof file.name === "string" ? file.name : undefined;
}
