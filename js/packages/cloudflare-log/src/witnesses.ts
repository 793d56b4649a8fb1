/** Requests cosignatures from a log's witnesses over HTTP (C2SP tlog-witness). */

import { readAtMost } from "@countersign/shared/bytes.js";
import { isStop } from "./instance.js";
import { Log, type Witnesses } from "./wasm/log.js";

/** Maximum size of a response in bytes. */
const MAX_RESPONSE_BYTES = 64 << 10;

/** Asks all witnesses at the same time, until enough have responded or the time is over. */
export async function gather(log: Log, witnesses: Witnesses, now: () => number): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  const timer = setTimeout(() => over.abort(), Log.patience);
  // Number of proofs being fetched. The round waits for them, because a witness may know a newer tree.
  let proofs = 0;
  const prove = async (number: number) => {
    const url = log.proofUrl(witnesses, number);
    if (url === undefined) {
      return;
    }
    proofs += 1;
    try {
      const response = await fetch(url, { redirect: "manual", signal });
      const note = response.status === 200 ? await readAtMost(response.body, MAX_RESPONSE_BYTES) : undefined;
      if (note !== undefined && !signal.aborted) {
        log.prove(witnesses, number, note);
      }
    } finally {
      proofs -= 1;
    }
  };
  const requestAll = async (url: string, number: number) => {
    try {
      for (let again = true; again; ) {
        const body = log.ask(witnesses, number);
        if (body === undefined) {
          break;
        }
        const response = await fetch(url, { method: "POST", body, redirect: "manual", signal });
        const answer = await readAtMost(response.body, MAX_RESPONSE_BYTES);
        if (answer === undefined) {
          throw new Error("the response is too large");
        }
        if (signal.aborted) {
          return;
        }
        const kind = response.headers.get("content-type") ?? undefined;
        again = log.answered(witnesses, number, response.status, kind, answer, now());
      }
      await prove(number);
    } catch (error) {
      if (isStop(error)) {
        throw error;
      }
      if (!signal.aborted) {
        log.unanswered(witnesses, number, error instanceof Error ? error.message : "the witness did not respond");
      }
    }
    if (!signal.aborted && proofs === 0 && witnesses.areEnough) {
      over.abort();
    }
  };
  try {
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => resolve());
      Promise.all(witnesses.urls.map(requestAll)).then(() => resolve(), reject);
    });
  } finally {
    clearTimeout(timer);
    // Later responses are ignored, because the round is over.
    over.abort();
  }
}
