/** What the page knows from its own server, which it trusts already. */

export interface Session {
  /** Who is signed in. */
  user: { id: string; name: string };
  /** Where the log takes events. */
  logServer: string;
  /** The log's key, never from the log itself: what is delivered has to be proven by it. */
  log: string;
  /** The name of who grants this page's key. */
  issuer: string;
}

export async function loadSession(): Promise<Session> {
  const response = await fetch("/api/session");
  if (!response.ok) {
    throw new Error(`the dashboard's server answers with ${response.status}`);
  }
  return response.json();
}
