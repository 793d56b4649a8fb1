/**
 * Sign-in with OpenID Connect, by authorization code and PKCE, at the issuer that the log operator
 * configured. Only the log receives the resulting token.
 */

import * as oauth from "oauth4webapi";
import type { TrustChoice } from "../src/input/trust.ts";

/** The issuer for readers, as the server inserts it into the page (crates/log-server/src/server/page.rs). */
export interface Issuer {
  readonly issuer: string;
  readonly client: string;
  readonly scope: string;
  /** Resource that the access token is for, if one is requested. */
  readonly resource: string | undefined;
  /** Kind of token that the log accepts. */
  readonly token: "id" | "access";
}

/** Result of signing in. */
export interface SignedIn {
  readonly token: string;
  /** The reader's trust before they went to the issuer. */
  readonly trust: TrustChoice;
  readonly isKept: boolean;
}

/** State kept in this tab while the reader signs in. */
interface Pending {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly hash: string;
  readonly name: string | undefined;
  readonly text: string | undefined;
  /** Keys that the reader confirmed by hand. */
  readonly keys: TrustChoice["keys"];
  readonly isKept: boolean;
}

const KEY = "countersign.console/sign-in/v1";
const META = 'meta[name="countersign-sign-in"]';

/** Returns the issuer that the page names; undefined if there is none. */
export function issuerOf(page: Document): Issuer | undefined {
  try {
    const config = JSON.parse(page.querySelector(META)?.getAttribute("content") ?? "null") as Record<
      string,
      unknown
    > | null;
    const { issuer, client, scope, resource, token } = config ?? {};
    return typeof issuer === "string" && typeof client === "string" && typeof scope === "string"
      ? {
          issuer,
          client,
          scope,
          resource: typeof resource === "string" ? resource : undefined,
          token: token === "access" ? "access" : "id",
        }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Goes to the issuer. The response is matched with the state stored here. */
export async function leave(
  { issuer, client, scope, resource }: Issuer,
  { file, keys }: TrustChoice,
  isKept: boolean,
): Promise<string> {
  const server = await discover(issuer);
  const [verifier, state, nonce] = [
    oauth.generateRandomCodeVerifier(),
    oauth.generateRandomState(),
    oauth.generateRandomNonce(),
  ];
  if (server.authorization_endpoint === undefined)
    throw new Error("the issuer has no authorization endpoint");
  const url = new URL(server.authorization_endpoint);
  const parameters = {
    client_id: client,
    response_type: "code",
    redirect_uri: back(),
    scope,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...(resource === undefined ? {} : { resource }),
    // Browsers don't send fragments to servers, so the code isn't in the records of the log or a proxy.
    ...(server.response_modes_supported?.includes("fragment") ? { response_mode: "fragment" } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const pending: Pending = {
    state,
    nonce,
    verifier,
    hash: location.hash,
    name: file?.name,
    text: file?.text,
    keys,
    isKept,
  };
  sessionStorage.setItem(KEY, JSON.stringify(pending));
  return url.href;
}

/**
 * Removes the issuer's response from the page's address, and returns a function that completes the sign-in.
 * Returns undefined unless the reader returns from the issuer.
 */
export function returned(): (() => Promise<SignedIn>) | undefined {
  const parameters = [location.search.slice(1), location.hash.slice(1)]
    .map((text) => new URLSearchParams(text))
    .find((params) => params.has("state") && (params.has("code") || params.has("error")));
  if (parameters === undefined) return undefined;
  const pending = takePending();
  history.replaceState(null, "", `${location.pathname}${pending?.hash ?? ""}`);
  return () => finish(parameters, pending);
}

async function finish(parameters: URLSearchParams, pending: Pending | undefined): Promise<SignedIn> {
  const from = issuerOf(document);
  if (pending === undefined || from === undefined) throw new Error("sign-in wasn't started in this tab");
  const server = await discover(from.issuer);
  const client = { client_id: from.client };
  const answer = oauth.validateAuthResponse(server, client, parameters, pending.state);
  const resource = from.resource === undefined ? {} : { resource: from.resource };
  const granted = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    answer,
    back(),
    pending.verifier,
    { ...insecure(from.issuer), additionalParameters: resource },
  );
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, granted, {
    expectedNonce: pending.nonce,
    requireIdToken: true,
  });
  const token = from.token === "id" ? tokens.id_token : tokens.access_token;
  if (token === undefined) throw new Error("the issuer returned no token");
  const { name, text, keys, isKept } = pending;
  const file = name === undefined || text === undefined ? undefined : { name, text };
  return { token, trust: { file, keys }, isKept };
}

async function discover(issuer: string): Promise<oauth.AuthorizationServer> {
  const at = new URL(issuer);
  const response = await oauth.discoveryRequest(at, { algorithm: "oidc", ...insecure(issuer) });
  return await oauth.processDiscoveryResponse(at, response);
}

/** Allows plain HTTP for an issuer on this machine, as the server does. */
function insecure(issuer: string): { [oauth.allowInsecureRequests]?: boolean } {
  const { protocol, hostname } = new URL(issuer);
  const isLocal = hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
  return protocol === "http:" && isLocal ? { [oauth.allowInsecureRequests]: true } : {};
}

/** Returns the redirect URI: this page. */
function back(): string {
  return `${location.origin}${location.pathname}`;
}

function takePending(): Pending | undefined {
  const text = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return text === null ? undefined : (JSON.parse(text) as Pending);
}
