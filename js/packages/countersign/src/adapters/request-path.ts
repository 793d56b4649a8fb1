/**
 * The one form of a request's path, which rules judge. Programs read a path such as `/x/..%2finternal` in several ways:
 * one decodes it, the next resolves it, a third compares it as it is. Such a path has no such form, and is rejected.
 */

import { CountersignError } from "../error.js";

/** A path that all programs read in the same way. */
export interface RequestPath {
  /** The decoded path, for rules. */
  readonly decoded: string;
  /** The path in the normal form of a URL (RFC 3986, section 6.2.2), for the program. */
  readonly normal: string;
}

/** Escapes of characters that are the same without one (RFC 3986, section 2.3). */
const UNRESERVED = /^%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)$/i;

/** Parts of paths that programs read in different ways, before and after decoding. */
const AMBIGUITIES: readonly (readonly [RegExp, string])[] = [
  [/^(?![/*])|^\*./s, "the path doesn't start with a slash"],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about.
  [/[\0-\x1f\x7f]|%[01][\da-f]|%7f/i, "the path contains a control character"],
  [/\\|%5c/i, "the path contains a backslash"],
  [/%2f/i, "the path contains an encoded slash"],
  [/[?#]|%3f|%23/i, "the path contains a question mark or a number sign"],
  [/%(?![\da-f]{2})/i, "the path contains an incomplete escape"],
  [/%25[\da-f]{2}/i, "the path is encoded twice"],
  [/.\/\/|^\/\//s, "the path contains an empty segment"],
  [/\/(?:\.|%2e){1,2}(?=\/|$)/i, "the path contains a dot segment"],
];

/** Returns the one form of a path without its query. Throws `path.ambiguous` if there are several. */
export function parsePath(path: string): RequestPath {
  mustBeUnambiguous(path);
  if (!path.isWellFormed()) {
    throw ambiguous("the path contains a lone surrogate");
  }
  const normal = path.replace(/%[\da-f]{2}/gi, normalEscape);
  // An escaped percent sign and escaped digits make another escape: `%25%36%39` becomes `%2569`.
  mustBeUnambiguous(normal);
  try {
    return { decoded: decodeURIComponent(path), normal };
  } catch {
    throw ambiguous("the path isn't UTF-8");
  }
}

function mustBeUnambiguous(path: string): void {
  const ambiguity = AMBIGUITIES.find(([pattern]) => pattern.test(path));
  if (ambiguity !== undefined) {
    throw ambiguous(ambiguity[1]);
  }
}

function normalEscape(escaped: string): string {
  return UNRESERVED.test(escaped) ? decodeURIComponent(escaped) : escaped.toUpperCase();
}

function ambiguous(message: string): CountersignError {
  const hint = "send the path in normal form (RFC 3986, section 6.2.2), and put other text into the query";
  return new CountersignError("path.ambiguous", message, { member: "http.path", hint });
}

/** The parts of a request's target, which is a path or an absolute URL, with a query. */
export interface TargetParts {
  /** The scheme and the host of an absolute URL, or empty. */
  readonly origin: string;
  readonly path: string;
  /** The query with its question mark, or empty. */
  readonly query: string;
}

/** Splits a request's target. Programs split an unusual URL in different ways; it then remains part of the path. */
export function splitTarget(target: string): TargetParts {
  const [origin = ""] = /^[a-z][a-z\d+.-]*:\/\/[\w.:[\]-]+(?=\/|$)/i.exec(target) ?? [];
  const rest = target.slice(origin.length);
  const end = rest.indexOf("?");
  const path = end === -1 ? rest : rest.slice(0, end);
  return { origin, path: path === "" && origin !== "" ? "/" : path, query: rest.slice(path.length) };
}
