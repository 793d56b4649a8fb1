/** The session, from the page's own server, which the page trusts already. */

export interface Session {
  /** The signed-in user. */
  user: { id: string; name: string };
  /** The URL of the log server. */
  logServer: string;
  /** The log's public key, not from the log server itself, for verifying proofs of delivery. */
  log: string;
  /** The name of the issuer that grants this page's key. */
  issuer: string;
}

export async function loadSession(): Promise<Session> {
  const response = await fetch("/api/session");
  if (!response.ok) {
    throw new Error(`the dashboard's server returned HTTP status ${response.status}`);
  }
  return response.json();
}
