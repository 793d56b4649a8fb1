/** The dashboard's server: it serves the page, grants the page's key, and reads the log for it. */

import { readFileSync } from "node:fs";
import process from "node:process";
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { createIssuer } from "countersign/issuer";
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";

const { AUDIT_URL = "", AUDIT_TRUST = "", AUDIT_TOKEN = "", AUDIT_ISSUER_KEY = "", PORT = "3000" } = process.env;
if (!AUDIT_URL || !AUDIT_TRUST || !AUDIT_TOKEN || !AUDIT_ISSUER_KEY) {
  throw new Error("AUDIT_URL, AUDIT_TRUST, AUDIT_TOKEN and AUDIT_ISSUER_KEY have to be set: see README.md");
}
const trust = readFileSync(AUDIT_TRUST, "utf8");
const [, log = ""] = /^log (.+)$/m.exec(trust) ?? [];
const issuer = createIssuer({ key: AUDIT_ISSUER_KEY, to: AUDIT_URL, log });

/** Who is signed in. Here it is always the same person: put your session in its place. */
function userOf(_request: Request): { id: string; name: string } | undefined {
  return { id: "u_ada", name: "Ada Okafor" };
}

/** The page's key may sign for as long as a working day, if somebody is signed in. */
const grant = issuer.handler({ authorise: (request) => userOf(request) !== undefined && { ttlSeconds: 8 * 3600 } });

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

app.get("/api/session", (c) => c.json({ user: userOf(c.req.raw), collector: AUDIT_URL, trust, issuer: issuer.name }));

app.post("/api/grant", (c) => grant(c.req.raw));

/** Events are for who has a reader's token, which stays here. A server of several tenants adds `tenant`. */
app.get("/api/export", async (c) => {
  if (userOf(c.req.raw) === undefined) {
    return c.json({ error: "nobody is signed in" }, 401);
  }
  const query = new URLSearchParams();
  for (const name of ["limit", "boundary"]) {
    const value = c.req.query(name);
    if (value !== undefined) {
      query.set(name, value);
    }
  }
  const { status, body } = await read(`/export?${query}`, c.req.raw.signal);
  return new Response(body, { status, headers: { "cache-control": "no-store" } });
});

/** A message whenever the log has grown, and not what it has grown by: the page reads that itself, and verifies it. */
app.get("/api/changes", async (c) => {
  const health = await fetch(new URL("/healthz", AUDIT_URL));
  const { published } = (await health.json()) as { published: { size: number } };
  const { ok, status, body } = await read(`/stream?from=${published.size}`, c.req.raw.signal);
  if (!ok || body === null) {
    return c.json({ error: "the log has no view to give" }, status === 401 ? 502 : 503);
  }
  const changes = body.pipeThrough(new TextDecoderStream()).pipeThrough(onlyCheckpoints());
  const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
  return new Response(changes.pipeThrough(new TextEncoderStream()), { headers });
});

app.get("*", serveStatic({ root: "dist" }));

app.onError((error, c) => {
  console.error(error);
  return c.json({ error: "the log cannot be reached" }, 502);
});

/** Asks the log for what only readers may see. */
function read(path: string, signal: AbortSignal): Promise<Response> {
  return fetch(new URL(path, AUDIT_URL), { headers: { authorization: `Bearer ${AUDIT_TOKEN}` }, signal });
}

/** Of a live view, that there was a checkpoint. */
function onlyCheckpoints(): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(text, out) {
      const lines = `${rest}${text}`.split("\n");
      rest = lines.pop() ?? "";
      if (lines.some((line) => line.startsWith('data: {"checkpoint"'))) {
        out.enqueue("data: grown\n\n");
      }
    },
  });
}

serve({ fetch: app.fetch, port: Number(PORT), hostname: "127.0.0.1" }, ({ port }) =>
  console.log(`http://127.0.0.1:${port}`),
);
