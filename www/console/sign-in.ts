/** Signing in where the log's operator says: OpenID Connect, by authorization code and PKCE. The log gets the token that comes of it, and nobody else does. */

import * as oauth from "oauth4webapi";
import type { TrustChoice } from "../src/input/trust.ts";

/** Where a reader signs in, as the server wrote it into the page (crates/log-server/src/server/page.rs). */
export interface Issuer {
  readonly issuer: string;
  readonly client: string;
  readonly scope: string;
  /** What an access token is to be for, where one is asked for by that. */
  readonly resource: string | undefined;
  /** Which token the log takes. */
  readonly token: "id" | "access";
}

/** What a reader comes back with. */
export interface SignedIn {
  readonly token: string;
  /** What they had brought before they went. */
  readonly trust: TrustChoice;
  readonly isKept: boolean;
}

/** What is remembered in this tab from going until coming back. */
interface Pending {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly hash: string;
  readonly name: string | undefined;
  readonly text: string | undefined;
  readonly isKept: boolean;
}

const KEY = "countersign.console/sign-in/v1";
const META = 'meta[name="countersign-sign-in"]';

/** The issuer that the page names, if it names one. */
export function issuerOf(page: Document): Issuer | undefined {
  try {
    const said = JSON.parse(page.querySelector(META)?.getAttribute("content") ?? "null") as Record<
      string,
      unknown
    > | null;
    const { issuer, client, scope, resource, token } = said ?? {};
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

/** Where to go to sign in. What comes back is known by what is remembered here. */
export async function leave(
  { issuer, client, scope, resource }: Issuer,
  { file }: TrustChoice,
  isKept: boolean,
): Promise<string> {
  const server = await discover(issuer);
  const [verifier, state, nonce] = [
    oauth.generateRandomCodeVerifier(),
    oauth.generateRandomState(),
    oauth.generateRandomNonce(),
  ];
  if (server.authorization_endpoint === undefined) throw new Error("the issuer has no place to sign in");
  const there = new URL(server.authorization_endpoint);
  const asked = {
    client_id: client,
    response_type: "code",
    redirect_uri: back(),
    scope,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...(resource === undefined ? {} : { resource }),
    // A fragment is sent to no server: the code is not in the log's or a proxy's records.
    ...(server.response_modes_supported?.includes("fragment") ? { response_mode: "fragment" } : {}),
  };
  for (const [name, value] of Object.entries(asked)) there.searchParams.set(name, value);
  const pending: Pending = {
    state,
    nonce,
    verifier,
    hash: location.hash,
    name: file?.name,
    text: file?.text,
    isKept,
  };
  sessionStorage.setItem(KEY, JSON.stringify(pending));
  return there.href;
}

/** What a reader came back with, taken out of the address: nothing of it stays there. Undefined where they come from elsewhere. */
export function returned(): (() => Promise<SignedIn>) | undefined {
  const parameters = [location.search.slice(1), location.hash.slice(1)]
    .map((text) => new URLSearchParams(text))
    .find((said) => said.has("state") && (said.has("code") || said.has("error")));
  if (parameters === undefined) return undefined;
  const pending = take();
  history.replaceState(null, "", `${location.pathname}${pending?.hash ?? ""}`);
  return () => finish(parameters, pending);
}

async function finish(parameters: URLSearchParams, pending: Pending | undefined): Promise<SignedIn> {
  const from = issuerOf(document);
  if (pending === undefined || from === undefined) throw new Error("nobody went from this tab to sign in");
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
  if (token === undefined) throw new Error("the issuer gave no token");
  const { name, text, isKept } = pending;
  const file = name === undefined || text === undefined ? undefined : { name, text };
  return { token, trust: { file, keys: [] }, isKept };
}

async function discover(issuer: string): Promise<oauth.AuthorizationServer> {
  const at = new URL(issuer);
  const response = await oauth.discoveryRequest(at, { algorithm: "oidc", ...insecure(issuer) });
  return await oauth.processDiscoveryResponse(at, response);
}

/** An issuer on this machine may be asked without encryption, as the server does. */
function insecure(issuer: string): { [oauth.allowInsecureRequests]?: boolean } {
  const { protocol, hostname } = new URL(issuer);
  const isHere = hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
  return protocol === "http:" && isHere ? { [oauth.allowInsecureRequests]: true } : {};
}

/** Where the issuer sends a reader back to: this page. */
function back(): string {
  return `${location.origin}${location.pathname}`;
}

function take(): Pending | undefined {
  const text = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return text === null ? undefined : (JSON.parse(text) as Pending);
}
