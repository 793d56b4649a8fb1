/**
 * A Worker whose isolate serves many requests: `/record?events=N` records N events, with the requested operations in
 * between.
 */

import { withCountersign } from "../../packages/countersign/dist/adapters/cloudflare.js";

interface Environment {
  KEY: string;
  LOG_URL: string;
  LOG: string;
}

/** The numbers of accepted events. */
const taken: number[] = [];
let next = 1;
let behind = 0;
// Recorders use the runtime's clock.
const now = Date.now;
Date.now = () => now() - behind;

export default withCountersign(
  ({ KEY, LOG_URL, LOG }: Environment) => ({
    key: KEY,
    to: LOG_URL,
    log: LOG,
    timeoutMs: 600,
    retry: { initialDelayMs: 20, maxDelayMs: 100 },
    onError: () => {},
  }),
  {
    async fetch(request, _env, _ctx, audit) {
      const { pathname, searchParams } = new URL(request.url);
      const number = (name: string) => Number(searchParams.get(name) ?? 0);
      if (pathname === "/taken") {
        return Response.json({ taken, waiting: audit.status().waiting, dead: audit.status().dead.length });
      }
      behind = number("behind") * 60_000;
      for (let event = 0; event < number("events"); event++) {
        const n = next++;
        audit.record({ action: "chaos.event", metadata: { id: `isolate.${n}` } });
        taken.push(n);
        if (event === number("pause")) {
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      }
      if (searchParams.has("flush")) {
        await Promise.allSettled([audit.flush(), audit.flush({ retryForMs: 300 })]);
      }
      return new Response();
    },
  },
);
