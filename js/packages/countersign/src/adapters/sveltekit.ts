/** SvelteKit. */

import type { Asking } from "../gate/gate.js";
import { type Audit, mustRecord } from "../record/audit.js";
import { responseOf, seen } from "./fetch.js";
import { type HttpOptions, HttpRecording } from "./http-request.js";

/** What is needed of SvelteKit's `RequestEvent`. */
export interface SvelteKitEvent {
  readonly request: Request;
  readonly route: { readonly id: string | null };
  readonly locals: object;
  readonly platform?: unknown;
  getClientAddress(): string;
}

/** What the hook sets, for `App.Locals`. */
export interface SvelteKitLocals {
  audit: Audit;
}

/**
 * A `handle` hook that sets `event.locals.audit`, which names the request in what is recorded, and records each request
 * when there is an answer: with its route's id, such as `/jobs/[id]`.
 *
 *     export const handle = sequence(auditHandle(audit, { actor: (event) => event.locals.user?.id }), others);
 */
export function auditHandle<Event extends SvelteKitEvent = SvelteKitEvent>(
  audit: Audit,
  options: HttpOptions<Event> = {},
): <E extends Event>(input: { event: E; resolve: (event: E) => Response | Promise<Response> }) => Promise<Response> {
  mustRecord(audit);
  const recording = new HttpRecording<Event>(options);
  return async ({ event, resolve }) => {
    const { ctx } = (event.platform ?? {}) as { ctx?: Asking };
    const asked = {
      ...seen(event.request),
      ip: () => event.getClientAddress(),
      template: () => event.route.id ?? undefined,
    };
    return recording.answered(audit, event, asked, {
      answer: (audit) => {
        (event.locals as SvelteKitLocals).audit = audit;
        return resolve(event);
      },
      statusOf: ({ status }) => status,
      refusal: responseOf,
      asking: ctx,
    });
  };
}
