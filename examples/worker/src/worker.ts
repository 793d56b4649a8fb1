import { env } from "cloudflare:workers";
import { withCountersign } from "countersign/cloudflare";
import { gate } from "countersign/gate";
import pack from "./pack.json";
import page from "./page.html";

interface Env {
  /** The log server, as a service binding. */
  AUDIT: { fetch: typeof fetch };
  /** The log's public key (vkey). */
  AUDIT_LOG: string;
  /** This Worker's private key, as a secret. */
  AUDIT_KEY: string;
  /** The URL of the watchlist from `countersign watch`, and the vkey that signs it. */
  AUDIT_WATCHLIST?: string;
  AUDIT_WATCH?: string;
  /** The URL of the log's console, which the page links to. */
  AUDIT_CONSOLE?: string;
}

const { AUDIT_WATCHLIST: url = "", AUDIT_WATCH: key = "", AUDIT_CONSOLE = "" } = env as unknown as Env;

/** Refuses requests by the rules in ../rules, and those of identities on the watchlist, if there is one. */
const edge = gate({ pack, fail: "closed", ...(url !== "" && { watchlist: { url, key, maxAgeMs: 1_000 } }) });

/** The page, with its link. A parsed URL contains no quotes or angle brackets. */
const shown = page.replace("AUDIT_CONSOLE", AUDIT_CONSOLE === "" ? "" : new URL(AUDIT_CONSOLE).href);

const actorOf = (request: Request) => ({ id: request.headers.get("x-user") ?? "anonymous" });

export default withCountersign(
  (env: Env) => ({ key: env.AUDIT_KEY, to: env.AUDIT, log: env.AUDIT_LOG }),
  {
    async fetch(request: Request, _env: Env, _ctx, audit): Promise<Response> {
      const { pathname } = new URL(request.url);
      const [, id = ""] = /^\/jobs\/([\w-]+)$/.exec(pathname) ?? [];
      const about = { actor: actorOf(request), target: { type: "job", id } };

      if (id !== "" && request.method === "POST") {
        // Delivered after the response, without waiting.
        audit.record({ action: "job.trigger", ...about });
        return Response.json({ id, started: true }, { status: 202 });
      }
      if (id !== "" && request.method === "DELETE") {
        // Responds only when the log has proven that it contains the event.
        const { index, chain, seq } = await audit.record({ action: "job.delete", ...about }).delivered();
        return Response.json({ id, deleted: true, entry: { index, chain, seq } });
      }
      return pathname === "/"
        ? new Response(shown, { headers: { "content-type": "text/html; charset=utf-8" } })
        : new Response("not found", { status: 404 });
    },

    async scheduled({ cron }, _env: Env, _ctx, audit) {
      audit.record({
        action: "job.trigger",
        actor: { type: "service", id: "cron" },
        target: { type: "job", id: "nightly-backup" },
        metadata: { cron },
      });
    },
  },
  {
    // Refused requests are recorded as requests. Others are recorded above, by their actions.
    http: { gate: edge, path: "actual", actor: actorOf, only: () => false },
  },
);
