/** Serves the tools to agents, and a page where a person approves calls and sees what agents did, and for whom. */

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { createMcpHandler } from "@modelcontextprotocol/server";
import type { Approval, ApprovalRequest } from "countersign/mcp";
import { Hono } from "hono";
import { csrf } from "hono/csrf";
import { html } from "hono/html";
import { proxy } from "hono/proxy";
import { createShop } from "./tools.ts";

const {
  AUDIT_URL = "",
  AUDIT_TRUST = ".countersign/dev/log/trust.txt",
  COUNTERSIGN_TOKEN,
  PORT = "3000",
} = process.env;
const authorization = `Bearer ${COUNTERSIGN_TOKEN}`;
const trust = readFileSync(AUDIT_TRUST, "utf8");
const people = ["grace", "linus"];

/** Calls that wait for a person's answer. */
const waiting = new Map<string, ApprovalRequest & { answer: (approval: Approval) => void }>();

const mcp = createMcpHandler(() =>
  createShop((request) => {
    const id = randomUUID();
    // After two minutes, the call has been refused.
    setTimeout(() => waiting.delete(id), 120_000).unref();
    console.log(`${request.target.name} waits for approval`);
    return new Promise((answer) => waiting.set(id, { ...request, answer }));
  }),
);

const app = new Hono();

app.all("/mcp", async (c) => {
  // In this example, the access token is the person's name. Verify your authorization server's tokens instead.
  const token = c.req.header("authorization")?.replace("Bearer ", "") ?? "";
  const authInfo = { token, clientId: "support-bot", scopes: [], extra: { sub: token } };
  return people.includes(token) ? mcp.fetch(c.req.raw, { authInfo }) : c.text("unknown token", 401);
});

app.get("/", (c) =>
  c.html(html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="color-scheme" content="light dark" />
      <title>Agents of the shop</title>
      <script type="module" src="/countersign-viewer/viewer.js"></script>
      <main>
        <h1>Agents of the shop</h1>
        ${[...waiting].map(
          ([id, call]) =>
            html`<form method="post" action="/approvals/${id}">
              For ${call.onBehalfOf?.id}, ${call.actor?.id} wants to call ${call.target.name} with
              <code style="white-space: pre">${call.argumentsText}</code>. <button name="answer" value="yes">Approve</button> <button>Decline</button>
            </form>`,
        )}
        <countersign-viewer src="/audit/export" trust="/audit/trust" live></countersign-viewer>
      </main>
    </html>`),
);

app.post("/approvals/:id", csrf(), async (c) => {
  // In this example, ada is always signed in. Use your session.
  const approval = (await c.req.parseBody()).answer === "yes" && { approvedBy: "ada" };
  waiting.get(c.req.param("id"))?.answer(approval);
  waiting.delete(c.req.param("id"));
  return c.redirect("/");
});

app.get("/audit/trust", (c) => c.text(trust));

/** Forwards the viewer's requests to the log, with a token that stays on this server. */
app.on("GET", ["/audit/export", "/audit/stream"], (c) => {
  const { pathname, search } = new URL(c.req.url);
  const { accept, "last-event-id": last } = c.req.header();
  const headers = { authorization, accept, "last-event-id": last };
  return proxy(new URL(pathname.replace("/audit", "") + search, AUDIT_URL), { headers });
});

const root = fileURLToPath(new URL(".", import.meta.resolve("@countersign/viewer")));
const rewriteRequestPath = (path: string) => path.replace("/countersign-viewer", "");
app.use("/countersign-viewer/*", serveStatic({ root, rewriteRequestPath }));

serve({ fetch: app.fetch, port: Number(PORT), hostname: "127.0.0.1" }, ({ port }) => {
  console.log(`http://127.0.0.1:${port}/`);
});
