/** The dashboard's server: serves the page, grants the page's key, and forwards the log to it. */

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
  throw new Error("AUDIT_URL, AUDIT_TRUST, AUDIT_TOKEN, AUDIT_KEY and AUDIT_ISSUER_KEY must be set; see README.md");
}
const trust = readFileSync(AUDIT_TRUST, "utf8");
const [, log = ""] = /^log (.+)$/m.exec(trust) ?? [];
const issuer = createIssuer({ key: AUDIT_ISSUER_KEY, to: AUDIT_URL, log });
/** Records the server's own events. */
const audit = createRecorder({ key: AUDIT_KEY, to: AUDIT_URL, log });

/** Number of the log's newest entries that a page starts with. */
const NEWEST = 500;

/** Returns the signed-in user. It is always the same in this example; replace it with your session. */
function userOf(_request: Request): { id: string; name: string } | undefined {
  return { id: "u_ada", name: "Ada Okafor" };
}

/** Grants the page's key for eight hours if a user is signed in. */
const grant = issuer.handler({ authorize: (request) => userOf(request) !== undefined && { ttlMs: 8 * 3_600_000 } });

const app = new Hono();

app.use(
  secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      // Allows WebAssembly, and connections to this server and to the log.
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

/** Records successful and failed logins. */
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

/** Returns the trust file. The page trusts this server already, because it serves the page. */
app.get("/api/trust", (c) => c.text(trust));

/** Streams the log. Events need a reader's token, which stays on this server. A server with many customers gives each a log of its own (docs/tenants.md). */
app.get("/api/stream", async (c) => {
  if (userOf(c.req.raw) === undefined) {
    return c.json({ error: "not signed in" }, 401);
  }
  const last = c.req.header("last-event-id");
  const from = c.req.query("from") ?? (last === undefined ? await newestEntries() : undefined);
  const headers = { authorization: `Bearer ${AUDIT_TOKEN}`, ...(last !== undefined && { "last-event-id": last }) };
  const address = new URL(`/stream${from === undefined ? "" : `?from=${from}`}`, AUDIT_URL);
  const { body, status } = await fetch(address, { headers });
  if (status === 401) {
    return c.json({ error: "the log rejected the dashboard's token" }, 502);
  }
  return new Response(body, {
    status,
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
});

/** Paths of the log's public files. Others, such as `/tile/../metrics`, aren't for browsers. */
const PUBLIC = /^\/(checkpoint|tile\/(\d{1,2}|entries)(\/x\d{3})*\/\d{3}(\.p\/\d{1,3})?)$/;

/**
 * Forwards the log's public files, which contain no events. Browsers' keys are granted in the log, so the viewer loads the
 * entries before the newest ones to check that none of them revokes such a key.
 */
app.on("GET", ["/api/checkpoint", "/api/tile/*"], async (c) => {
  // Without the dots in the request's path, which Hono may have matched as they are.
  const path = new URL(c.req.url).pathname.replace("/api", "");
  if (!PUBLIC.test(path)) {
    return c.notFound();
  }
  const { body, status, headers } = await fetch(new URL(path, AUDIT_URL));
  const kept = ["content-type", "cache-control"].map((name) => [name, headers.get(name) ?? ""]);
  return new Response(body, { status, headers: Object.fromEntries(kept) });
});

app.get("*", serveStatic({ root: "dist" }));

app.onError((error, c) => {
  console.error(error);
  return c.json({ error: "the log can't be reached" }, 502);
});

/** Returns the index of the first of the newest entries. */
async function newestEntries(): Promise<string> {
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
