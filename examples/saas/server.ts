/** A service with several customers. Each of them sees its own audit log, complete, and nothing of the others'. */

import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { createRecorder } from "countersign";
import { fileOutbox } from "countersign/node";
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { secureHeaders } from "hono/secure-headers";
import { customersIn } from "./customers.ts";

const { AUDIT_KEY = "", AUDIT_URL = "", AUDIT_LOG = "", CUSTOMERS = "customers", PORT = "3000" } = process.env;

const customers = customersIn(CUSTOMERS);

mkdirSync(`${CUSTOMERS}/receipts`, { recursive: true });

/** One recorder for all customers. Each event goes to the log of its `tenant`, or to those of its `tenants`. */
const audit = createRecorder({
  key: AUDIT_KEY,
  to: AUDIT_URL,
  log: AUDIT_LOG,
  tenants: (name) => customers.get(name)?.origin,
  // Remembers what each log has shown, also after a restart.
  outbox: fileOutbox(`${CUSTOMERS}/audit.outbox`),
  onError: ({ code, message, tenant, evidence }) => {
    console.warn(`${code}: ${message}`);
    if (evidence !== undefined) {
      // The log server has shown two histories of this customer's log, or could not prove that it only grew.
      writeFileSync(`${CUSTOMERS}/receipts/${tenant}-evidence.json`, JSON.stringify(evidence));
    }
  },
});

const jobs = new Map([...customers.keys()].map((name) => [name, new Set(["nightly-backup", "invoice-run"])]));

const app = new Hono();

app.use(
  secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
      workerSrc: ["'self'"],
      connectSrc: ["'self'"],
      styleSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
  }),
);

/** Milliseconds that a page waits for the log's proof. */
const PATIENCE_MS = 10_000;

/** Waits for the log's proof of an event. If it comes too late, the event stays in the outbox, and is sent again. */
function proven<T>(delivered: Promise<T>): Promise<T> {
  const late = sleep(PATIENCE_MS, undefined, { ref: false }).then(() => {
    throw new Error("the log hasn't proven in time that it has the event");
  });
  return Promise.race([delivered, late]);
}

/** Returns the customer of the signed-in user. In this example, it is a part of the address; use your session. */
const customerOf = (c: Context): string => c.req.param("customer") ?? "";

app.get("/:customer/", (c) => {
  const name = customerOf(c);
  const own = jobs.get(name);
  if (own === undefined) {
    return c.notFound();
  }
  return c.html(html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="color-scheme" content="light dark" />
      <title>${name}</title>
      <script type="module" src="/countersign-viewer/viewer.js"></script>
      <h1>${name}</h1>
      ${[...own].map((job) => html`<form method="post" action="jobs/${job}/delete"><button>Delete ${job}</button></form>`)}
      ${[...own].flatMap((job) =>
        [...customers.keys()]
          .filter((other) => other !== name)
          .map(
            (other) =>
              html`<form method="post" action="jobs/${job}/give/${other}"><button>Give ${job} to ${other}</button></form>`,
          ),
      )}
      <countersign-viewer src="audit/export" trust="audit/trust" live></countersign-viewer>
    </html>`);
});

app.post("/:customer/jobs/:job/delete", async (c) => {
  const [name, job] = [customerOf(c), c.req.param("job")];
  if (!jobs.get(name)?.delete(job)) {
    return c.notFound();
  }
  const event = audit.record({
    tenant: name,
    action: "job.delete",
    actor: { type: "user", id: `admin@${name}` },
    target: { type: "job", id: job },
  });
  // Waits for the next tick, and keeps the receipt: the log's proof that it has the event.
  const { links, proof } = await proven(event.delivered());
  writeFileSync(`${CUSTOMERS}/receipts/${name}-${job}.link`, links[0] ?? "");
  writeFileSync(`${CUSTOMERS}/receipts/${name}-${job}.receipt`, proof ?? "");
  return c.redirect("../../");
});

/** Gives a job to another customer. The event is in both customers' logs, and each log names only its own customer. */
app.post("/:customer/jobs/:job/give/:other", async (c) => {
  const [name, job, other] = [customerOf(c), c.req.param("job"), c.req.param("other")];
  if (name === other || !jobs.has(other) || !jobs.get(name)?.delete(job)) {
    return c.notFound();
  }
  jobs.get(other)?.add(job);
  const event = audit.record({
    tenants: [name, other],
    action: "job.move",
    // The user belongs to one of the customers, whom the other's log must not name.
    actor: { type: "service", id: "job-transfer" },
    target: { type: "job", id: job },
  });
  await proven(event.delivered());
  return c.redirect("../../../");
});

/** The routes that the viewer requests. With `head` and `tile`, it checks keys that were granted in the log. */
const FORWARDED = ["export", "stream", "head", "tile/*"].map((path) => `/:customer/audit/${path}`);
/** Paths in the customer's log. Others, such as `tile/../erasures`, aren't for browsers. */
const IN_LOG = /^(export|stream|head|tile\/(\d{1,2}|entries)(\/x\d{3})*\/\d{3}(\.p\/\d{1,3})?)$/;

/** Forwards the viewer's requests to the customer's log. */
app.on("GET", FORWARDED, async (c) => {
  const customer = customers.get(customerOf(c));
  if (customer === undefined) {
    return c.notFound();
  }
  // Without the dots in the request's path, which Hono may have matched as they are.
  const { pathname, search } = new URL(c.req.url);
  const path = pathname.split("/audit/").at(-1) ?? "";
  if (!IN_LOG.test(path)) {
    return c.notFound();
  }
  const headers = new Headers({ authorization: `Bearer ${customer.token}` });
  for (const name of ["accept", "last-event-id"]) {
    const value = c.req.header(name);
    if (value !== undefined) {
      headers.set(name, value);
    }
  }
  const id = customer.origin.split("/").at(-1);
  const address = new URL(`/t/${id}/${path}${search}`, AUDIT_URL);
  const { body, status, headers: answered } = await fetch(address, { headers, signal: c.req.raw.signal });
  const type = answered.get("content-type") ?? "application/json";
  return new Response(body, { status, headers: { "content-type": type, "cache-control": "no-store" } });
});

/** Returns the trust file. A real customer gets it elsewhere too: here, the service vouches for itself. */
app.get("/:customer/audit/trust", (c) => {
  const customer = customers.get(customerOf(c));
  return customer === undefined ? c.notFound() : c.text(customer.trust);
});

const viewer = fileURLToPath(new URL(".", import.meta.resolve("@countersign/viewer")));
app.get(
  "/countersign-viewer/*",
  serveStatic({ root: viewer, rewriteRequestPath: (path) => path.replace("/countersign-viewer", "") }),
);

app.onError((error, c) => {
  console.error(error);
  // The error itself may name another customer.
  const problem = c.req.method === "POST" ? "the log hasn't proven that it has the event" : "the log can't be reached";
  return c.json({ error: problem }, 502);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => audit.close({ retryForMs: 5_000 }).finally(() => process.exit()));
}

serve({ fetch: app.fetch, port: Number(PORT), hostname: "127.0.0.1" }, ({ port }) => {
  for (const name of customers.keys()) {
    console.log(`http://127.0.0.1:${port}/${name}/`);
  }
});
