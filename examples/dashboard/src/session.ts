/** What the page knows from its own server, which it trusts already. */

export interface Session {
  /** Who is signed in. */
  user: { id: string; name: string };
  /** Where the log takes events. */
  collector: string;
  /** A trust file: the log's key, and who may say whose events are genuine. Never from the log itself. */
  trust: string;
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
