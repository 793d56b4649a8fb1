/** Sends requests with the limits and errors of the native program (crates/client/src/http.rs). */

import { readAtMost } from "../bytes.js";
import type { HostAnswer, HostError } from "./host-task.js";
import { submitAddress } from "./log-address.node.js";

/** Milliseconds for sending a body and receiving the response. */
const SEND_TIMEOUT_MS = 60_000;
/** Maximum size of a response in bytes. */
const MAX_RESPONSE_BYTES = 8 << 20;
const MAX_REDIRECTS = 5;

/** A failure with the program's code and hint. */
class RequestError extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** Submits lines to a log server. */
export async function submit(url: string, since: string | undefined, lines: Uint8Array): Promise<HostAnswer> {
  const address = submitAddress(url, since);
  return send(address, lines).catch((error: unknown) => ({ head: { error: { ...described(error), place: address } } }));
}

async function send(first: string, body: Uint8Array): Promise<HostAnswer> {
  const signal = AbortSignal.timeout(SEND_TIMEOUT_MS);
  let url = first;
  for (let redirects = 0; ; redirects += 1) {
    const headers = { "content-type": "application/x-ndjson", "user-agent": "countersign" };
    const init = { method: "POST", headers, body: body as Uint8Array<ArrayBuffer>, signal };
    const response = await fetch(url, { ...init, redirect: "manual" });
    const to = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || to === null) {
      const received = await readAtMost(response.body, MAX_RESPONSE_BYTES);
      if (received === undefined) {
        const hint = "check the URL; the server returned something else";
        throw new RequestError("http.too_large", `the response is larger than ${MAX_RESPONSE_BYTES} bytes`, hint);
      }
      const retryAfterMs = retryAfter(response.headers);
      return { head: { status: response.status, ...(retryAfterMs !== undefined && { retryAfterMs }) }, body: received };
    }
    await response.body?.cancel();
    url = redirected({ first, last: url, to, status: response.status, redirects });
  }
}

/** Returns the address that a request with a body is sent to next. */
function redirected(redirect: { first: string; last: string; to: string; status: number; redirects: number }): string {
  const { status, redirects } = redirect;
  const [first, last] = [new URL(redirect.first), new URL(redirect.last)];
  const next = URL.canParse(redirect.to, last) ? new URL(redirect.to, last) : undefined;
  const isUpgrade = first.protocol === "http:" && next?.protocol === "https:";
  const isSameHost = next?.hostname === first.hostname && (portOf(next) === portOf(first) || isUpgrade);
  const refuse = (message: string) =>
    new RequestError("http.redirect", message, "use the URL that it redirects to, if you trust it");
  if (redirects === MAX_REDIRECTS) {
    throw refuse("the server sent too many redirects");
  }
  const isPlain = last.protocol === "https:" && next?.protocol === "http:";
  if (next === undefined || !/^https?:$/.test(next.protocol) || isPlain) {
    throw refuse("the server redirects to an unencrypted address");
  }
  if (!isSameHost) {
    throw refuse("the server redirects to another host");
  }
  if (status !== 307 && status !== 308) {
    throw refuse(`the server redirects with status ${status}, which would drop the request body`);
  }
  return next.href;
}

const portOf = ({ port, protocol }: URL): string => port || (protocol === "https:" ? "443" : "80");

/** Returns the milliseconds in `Retry-After`: seconds, or the span until a time by the server's own clock. */
function retryAfter(headers: Headers): number | undefined {
  const after = headers.get("retry-after")?.trim() ?? "";
  const ms = /^\d{1,10}$/.test(after)
    ? Number(after) * 1000
    : Date.parse(after) - Date.parse(headers.get("date") ?? "");
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

function described(error: unknown): HostError {
  if (error instanceof RequestError) {
    return { code: error.code, message: error.message, hint: error.hint };
  }
  const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
  const { code = "", errno = 0, message: reason = message } = cause ?? {};
  if (name === "TimeoutError" || code.includes("TIMEOUT")) {
    const hint = "check that the server is running, and try again";
    return { code: "http.timeout", message: "the request takes too long", hint };
  }
  if (code === "ECONNREFUSED") {
    return { code: "http.connect", message: `Connection refused (os error ${-errno})`, hint: CONNECT_HINT };
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code)) {
    const hint =
      "check the URL, because Node.js doesn't trust the server's certificate; if the certificate is from your own authority, set NODE_EXTRA_CA_CERTS to its PEM file";
    return { code: "http.connect", message: reason, hint };
  }
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG") {
    const hint = "check whether the URL must start with http://; the server doesn't speak TLS";
    return { code: "http.connect", message: "the server doesn't speak TLS", hint };
  }
  if (/^E[A-Z]+$/.test(code)) {
    return { code: "http.connect", message: reason, hint: CONNECT_HINT };
  }
  return {
    code: "http.failed",
    message: reason,
    hint: "check the URL; the server doesn't speak HTTP as expected",
  };
}

const CONNECT_HINT = "check the URL, the network, and that the server is running";
