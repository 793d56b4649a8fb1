/** What names a request, as a proxy says it. */

/** The most characters of a name. */
const MOST = 128;

/** What names a request that came through Cloudflare, or through a proxy that names requests. */
export function requestId(header: (name: string) => string | undefined): string | undefined {
  return asId(header("cf-ray") ?? header("x-request-id"));
}

/** A client can write what it likes there. */
export function asId(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x21-\x7e]+$/.test(text) && text.length <= MOST ? text : undefined;
}
