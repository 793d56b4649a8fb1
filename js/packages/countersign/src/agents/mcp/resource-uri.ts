/**
 * The one form of a resource's URI, which rules judge. Servers parse a URI before they look for the resource, and find
 * `vault://keys/a` for `vault://keys/x/../a`.
 */

/** A URI in the form that rules judge. */
export interface ResourceUri {
  /** The URI without its query and fragment, decoded. */
  readonly id: string;
  /** The query and the fragment, which many servers ignore; undefined if there are none. */
  readonly details: { readonly uri: string; readonly query?: string; readonly fragment?: string } | undefined;
}

/** Parts of a URI before decoding that programs read in different ways. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about.
const AMBIGUOUS = /[\0-\x1f\x7f\\]|%(?:2f|5c|3f|23|[01][\da-f]|7f)/i;

/** The scheme and the authority of a URI, before its path. */
const BEFORE_PATH = /^[a-z][a-z\d+.-]*:(?:\/\/[^/]*)?/i;

/** An empty segment or a dot segment of a decoded path. */
const AMBIGUOUS_SEGMENT = /\/\/|(?:^|\/)\.{1,2}(?:\/|$)/;

const ESCAPE = /%[\da-f]{2}/i;

/** Returns the one form of a URI; undefined if programs read it in different ways. */
export function parseUri(uri: string): ResourceUri | undefined {
  try {
    const [path, rest] = splitUri(uri);
    const id = decodeURIComponent(path);
    const isEncodedTwice = ESCAPE.test(id);
    const isAmbiguous = AMBIGUOUS.test(path) || AMBIGUOUS_SEGMENT.test(id.replace(BEFORE_PATH, ""));
    if (isEncodedTwice || isAmbiguous || !isNormal(uri, id, decodeURIComponent(rest))) {
      return undefined;
    }
    const [, query, fragment] = /^(?:\?([^#]*))?(?:#(.*))?$/s.exec(rest) ?? [];
    const details = {
      uri,
      ...(query === undefined ? {} : { query: decodeURIComponent(query) }),
      ...(fragment === undefined ? {} : { fragment: decodeURIComponent(fragment) }),
    };
    return { id, details: rest === "" ? undefined : details };
  } catch {
    return undefined;
  }
}

/** Splits a URI before its query and fragment. */
function splitUri(uri: string): [path: string, rest: string] {
  const [path = ""] = uri.split(/[?#]/, 1);
  return [path, uri.slice(path.length)];
}

/** True if parsing the URI doesn't change it. Text that isn't a URI can't be parsed. */
function isNormal(uri: string, id: string, rest: string): boolean {
  if (!URL.canParse(uri)) {
    return true;
  }
  const [parsed, parsedRest] = splitUri(new URL(uri).href).map(decodeURIComponent);
  return parsed === id && parsedRest === rest;
}
