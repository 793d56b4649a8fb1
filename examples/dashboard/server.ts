/** The dashboard's server: it serves the page, grants the page's key, and passes the log on to it. */

import { readFileSync } from "node:fs";
import process from "node:process";
import { serve } from "@hono/node-server";
import { getConnInfo } from "@hono/node-server/conninfo";
import { serveStatic } from "@hono/node-server/serve-static";
import { createRecorder } from "countersign";
import { createIssuer } from "countersign/issuer";
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { isPassword } from "./accounts.ts";

const {
  AUDIT_URL = "",
  AUDIT_TRUST = "",
  AUDIT_TOKEN = "",
  AUDIT_KEY = "",
  AUDIT_ISSUER_KEY = "",
  PORT = "3000",
} = process.env;
if (!AUDIT_URL || !AUDIT_TRUST || !AUDIT_TOKEN || !AUDIT_KEY || !AUDIT_ISSUER_KEY) {
  throw new Error("AUDIT_URL, AUDIT_TRUST, AUDIT_TOKEN, AUDIT_KEY and AUDIT_ISSUER_KEY have to be set: see README.md");
}
const trust = readFileSync(AUDIT_TRUST, "utf8");
const [, log = ""] = /^log (.+)$/m.exec(trust) ?? [];
const issuer = createIssuer({ key: AUDIT_ISSUER_KEY, to: AUDIT_URL, log });
/** What the server itself has to say, it signs itself. */
const audit = createRecorder({ key: AUDIT_KEY, to: AUDIT_URL, log });

/** How many of the log's leaves a page begins with. */
const NEWEST = 500;

/** Who is signed in. Here it is always the same person: put your session in its place. */
function userOf(_request: Request): { id: string; name: string } | undefined {
  return { id: "u_ada", name: "Ada Okafor" };
}

/** The page's key may sign for as long as a working day, if somebody is signed in. */
const grant = issuer.handler({ authorize: (request) => userOf(request) !== undefined && { ttlMs: 8 * 3_600_000 } });

const app = new Hono();

app.use(
  secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      // WebAssembly may run, and the page may connect to this server and to the log.
      scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
      workerSrc: ["'self'"],
      connectSrc: ["'self'", new URL(AUDIT_URL).origin],
      styleSrc: ["'self'"],
      imgSrc: ["data:"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  }),
);

app.get("/api/session", (c) => c.json({ user: userOf(c.req.raw), logServer: AUDIT_URL, log, issuer: issuer.name }));

/** Who signs in is recorded, and who tries to. */
app.post("/api/login", async (c) => {
  const { user, password } = await c.req.json<{ user: string; password: string }>();
  const isRight = isPassword(user, password);
  const ip = getConnInfo(c).remote.address;
  audit.record({
    action: "session.login",
    actor: { type: "user", id: user },
    ...(isRight ? { outcome: "success" } : { outcome: "failure", reason: "wrong password" }),
    ...(ip !== undefined && { context: { ip } }),
  });
  return isRight ? c.json({ user }) : c.json({ error: "wrong name or password" }, 401);
});

app.post("/api/grant", (c) => grant(c.req.raw));

/** Whose events the page takes for genuine. It trusts this server already, which serves the page itself. */
app.get("/api/trust", (c) => c.text(trust));

/** The log as it goes on. Events are for who has a reader's token, which stays here. A server of several tenants adds `tenant`. */
app.get("/api/stream", async (c) => {
  if (userOf(c.req.raw) === undefined) {
    return c.json({ error: "nobody is signed in" }, 401);
  }
  const last = c.req.header("last-event-id");
  const from = c.req.query("from") ?? (last === undefined ? await recently() : undefined);
  const headers = { authorization: `Bearer ${AUDIT_TOKEN}`, ...(last !== undefined && { "last-event-id": last }) };
  const address = new URL(`/stream${from === undefined ? "" : `?from=${from}`}`, AUDIT_URL);
  const { body, status } = await fetch(address, { headers });
  if (status === 401) {
    return c.json({ error: "the log does not know the dashboard's token" }, 502);
  }
  return new Response(body, {
    status,
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
});

app.get("*", serveStatic({ root: "dist" }));

app.onError((error, c) => {
  console.error(error);
  return c.json({ error: "the log cannot be reached" }, 502);
});

/** Where the newest leaves begin. */
async function recently(): Promise<string> {
  const health = await fetch(new URL("/healthz", AUDIT_URL));
  const { published } = (await health.json()) as { published: { size: number } };
  return String(Math.max(0, published.size - NEWEST));
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => audit.close({ retryForMs: 5_000 }).finally(() => process.exit()));
}

serve({ fetch: app.fetch, port: Number(PORT), hostname: "127.0.0.1" }, ({ port }) =>
  console.log(`http://127.0.0.1:${port}`),
);
