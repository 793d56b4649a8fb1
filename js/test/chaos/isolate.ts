/** Runs many concurrent requests in one isolate of workerd without an outbox; some clients disconnect. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { EMITTERS, LOG } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { chance } from "./chance.ts";
import { EVENTS, MORE, type Ordeal, SEED } from "./ordeal.ts";
import { bundled, started } from "./workerd.ts";

/** Number of concurrent requests. */
const AT_ONCE = 6;
/** Maximum number of events per request; the minimum is one. */
const MAX_EVENTS = 12;

/** Long, because on a busy machine the log is often too slow for a recorder. */
const SETTLED_MS = 200_000;

interface IsolateState {
  taken: number[];
  waiting: number;
  dead: number;
}

export async function inOneIsolate(ordeal: Ordeal): Promise<void> {
  const { worker } = await started({
    ...(await bundled("isolate-worker.ts", ordeal)),
    bindings: { KEY: EMITTERS[0].secret, LOG_URL: ordeal.proxy.url("isolate"), LOG: LOG.vkey },
  });
  try {
    const url = await worker.ready;
    const below = chance(SEED);
    let left = Math.ceil((EVENTS / ((1 + MAX_EVENTS) / 2)) * MORE);
    const ask = async () => {
      while (left-- > 0) {
        const query = `events=${1 + below(MAX_EVENTS)}&pause=${below(12)}&behind=${below(3)}`;
        const wants = below(3) === 0 ? "&flush" : "";
        await asked(new URL(`/record?${query}${wants}`, url), below(8) === 0 ? below(20) : undefined);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
    ordeal.proxy.calm = true;
    const told = await settled(
      async () => (await (await worker.dispatchFetch(new URL("/taken", url))).json()) as IsolateState,
    );
    assert.equal(told.dead, 0);
    const page = ordeal.book.page("isolate");
    for (const n of told.taken) {
      page.read(`taken ${n}`);
    }
    page.read("ended 0");
  } finally {
    await worker.dispose();
  }
}

/** Sends a request, and disconnects after this many milliseconds. */
async function asked(url: URL, patience: number | undefined): Promise<void> {
  const outgoing = request(url);
  const timer = patience === undefined ? undefined : setTimeout(() => outgoing.destroy(), patience);
  outgoing.end();
  try {
    const [incoming] = await once(outgoing, "response");
    assert.equal(incoming.statusCode, 200);
    for await (const _ of incoming) {
      // Reads the response to its end.
    }
  } catch (error) {
    assert.ok(patience !== undefined, `${error}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the counts once no event waits. */
async function settled(ask: () => Promise<IsolateState>): Promise<IsolateState> {
  return eventually("no event waits", ask, ({ waiting }) => waiting === 0, SETTLED_MS);
}
