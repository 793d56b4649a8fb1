/** A Worker that reads a log. */

import { openLog } from "countersign/read";

interface Env {
  URL: string;
  TOKEN: string;
  TRUST: string;
}

export default {
  async fetch(_: Request, env: Env): Promise<Response> {
    const events = openLog({ url: env.URL, token: env.TOKEN, trust: env.TRUST }).events({ query: "action:job.run" });
    const ids: unknown[] = [];
    try {
      for await (const event of events) {
        ids.push(event.parse().metadata);
      }
      return Response.json({ ids, next: events.position.next });
    } catch (error) {
      return Response.json({ error: `${error}`, code: (error as { code?: string }).code }, { status: 500 });
    }
  },
};
