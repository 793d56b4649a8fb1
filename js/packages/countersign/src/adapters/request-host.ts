/** The host of a request, which a request can contain in several places. Programs differ in which one they read. */

import { CountersignError } from "../error.js";
import { splitTarget } from "./request-path.js";

/** The parts of a request of `node:http` or `node:http2` that contain a host. */
export interface NodeHostSource {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Names and values in turn. Node.js leaves repeated values out of `headers`. */
  readonly rawHeaders?: readonly string[];
}

/** Ports that a host may omit, by the scheme. */
const DEFAULT_PORTS: Readonly<Record<string, RegExp>> = { "http:": /:80$/, "https:": /:443$/ };

/** Throws `event.invalid` if the request of Node.js has several hosts, or one that programs read in different ways. */
export function mustHaveOneHost({ headers, rawHeaders = [] }: NodeHostSource, target: string): void {
  const { origin } = splitTarget(target);
  const [, scheme = "", authority] = /^(.*?:)\/\/(.*)$/.exec(origin.toLowerCase()) ?? [];
  mustBeSame(
    [
      authority,
      headers[":authority"],
      headers.host,
      ...rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === "host"),
    ].flat(),
    DEFAULT_PORTS[scheme],
  );
}

/** Throws `event.invalid` if the hosts differ, or if programs read one of them in different ways. */
export function mustBeSame(hosts: readonly (string | undefined)[], defaultPort = /$^/): void {
  const given = hosts.filter((host) => host !== undefined).map((host) => host.toLowerCase().replace(defaultPort, ""));
  if (new Set(given).size > 1) {
    throw invalidHost("the request has several hosts");
  }
  mustBeNormalHost(given[0]);
}

/** Throws `event.invalid` for a host that programs read in different ways, because parsing it as a URL changes it. */
export function mustBeNormalHost(host = ""): void {
  // Port 80 is the one that parsing omits.
  const written = host.toLowerCase().replace(/:80$/, "");
  const url = `http://${written}`;
  const isNormal = () => /^[!-+\--~]+$/.test(host) && URL.canParse(url) && new URL(url).host === written;
  if (host !== "" && !isNormal()) {
    throw invalidHost("the request's host is malformed");
  }
}

function invalidHost(message: string): CountersignError {
  const hint = "send one host: in `Host`, or in `:authority` with HTTP/2, and the same one in an absolute URL";
  return new CountersignError("event.invalid", message, { member: "http.host", hint });
}
