import { withCountersign } from "countersign/cloudflare";

// The recorder `audit` reads AUDIT_KEY, AUDIT_URL, and AUDIT_LOG from `env`.
export default withCountersign({
  async fetch(request, env, ctx, audit) {
    const { pathname } = new URL(request.url);
    const [, id] = /^\/jobs\/([\w-]+)$/.exec(pathname) ?? [];
    if (request.method !== "DELETE" || id === undefined) {
      return new Response("not found\n", { status: 404 });
    }
    audit.record({ action: "job.delete", actor: { id: "u_1" }, target: { type: "job", id } });
    return new Response("deleted\n");
  },
});
