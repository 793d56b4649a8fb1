/** A Worker whose recorder has no options. */

import { DurableObject } from "cloudflare:workers";
import { type Audit, type WorkerContext, withCountersign } from "countersign/cloudflare";

interface Env {
  ROOM: { idFromName(name: string): unknown; get(id: never): { note(): Promise<void> } };
}

/** Records in its storage. */
export class Room extends withCountersign(DurableObject<Env>) {
  async note(): Promise<void> {
    await this.audit.record("job.stop", { id: "m_1", target: ["job", "of the object"] }).delivered();
  }
}

export default withCountersign({
  async fetch(request: Request, env: Env, _ctx: WorkerContext, audit: Audit) {
    if (new URL(request.url).pathname === "/room") {
      await env.ROOM.get(env.ROOM.idFromName("a") as never).note();
      return new Response("ok");
    }
    const handle = audit.record("job.delete", { actor: "u_1", target: ["job", 42] });
    const outcome = await handle.delivered().then(
      () => "delivered",
      ({ code, member, message, hint }) => `${code} ${member}: ${message} (${hint})`,
    );
    return new Response(outcome);
  },
});
