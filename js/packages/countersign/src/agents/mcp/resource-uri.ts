/**
 * The one form of a resource's URI, which rules judge. Servers parse a URI before they look for the resource, and find
 * `vault://keys/a` for `vault://keys/x/../a`.
 */

/** Escapes that programs read in different ways. */
const AMBIGUOUS_ESCAPE = /%(?:2f|5c|25[\da-f]{2}|[01][\da-f]|7f)/i;

/** Returns the decoded URI; undefined if programs read it in different ways. Text that is no URI has only one form. */
export function readableUri(uri: string): string | undefined {
  if (!URL.canParse(uri)) {
    return uri;
  }
  const [path = ""] = uri.split(/[?#]/, 1);
  try {
    const decoded = decodeURI(uri);
    // A URL without a path gets a slash.
    const isNormal = [decoded, `${decoded}/`].includes(decodeURI(new URL(uri).href));
    return isNormal && !AMBIGUOUS_ESCAPE.test(path) ? decoded : undefined;
  } catch {
    return undefined;
  }
}
