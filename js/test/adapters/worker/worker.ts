import { withCountersign } from "countersign/cloudflare";

interface Env {
  AUDIT_KEY: string;
  AUDIT_URL: string;
  AUDIT_LOG: string;
}

export default withCountersign((env: Env) => ({ key: env.AUDIT_KEY, to: env.AUDIT_URL, log: env.AUDIT_LOG }), {
  async fetch(request, _env, _ctx, audit) {
    audit.record({
      action: "job.delete",
      actor: { id: "u_1" },
      target: { type: "cron_job", id: new URL(request.url).pathname },
    });
    return new Response("ok");
  },
});
