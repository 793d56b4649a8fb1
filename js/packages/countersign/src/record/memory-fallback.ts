/** Recording without an outbox that can't be used where the program runs. */

import { CountersignError, callOnError } from "../error.js";
import type { EventPipeline } from "./event-pipeline.js";
import type { Settings } from "./options.js";

/**
 * Opens a pipeline. If its outbox is unavailable, reports that, and opens one that keeps events in memory: what can't be
 * durable can still be delivered.
 *
 * All other errors of an outbox are thrown. Such an outbox exists, so it may contain events of an earlier recorder, and
 * the IDs and heads that the next one must know:
 *
 *   outbox.in_use               Its holder delivers them. The next attempt continues with what is left.
 *   outbox.damaged              Someone must look at it, which a recorder that works without it would conceal.
 *   outbox.full, outbox.failed  The next attempt may succeed.
 */
export async function openWithMemoryFallback(
  settings: Settings,
  open: (settings: Settings) => Promise<EventPipeline>,
): Promise<EventPipeline> {
  try {
    return await open(settings);
  } catch (cause) {
    if (!(cause instanceof CountersignError) || cause.code !== "outbox.unavailable") {
      throw cause;
    }
    const message = `events are only in memory until they are delivered: ${cause.message}`;
    callOnError(settings.onError, new CountersignError("outbox.unavailable", message, { hint: cause.hint, cause }));
    return open({ ...settings, outbox: undefined, outboxError: cause });
  }
}
