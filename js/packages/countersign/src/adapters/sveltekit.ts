/** The adapter for SvelteKit. */

import type { DecisionContext } from "../gate/gate.js";
import { type Audit, mustRecord } from "../record/audit.js";
import { requestView, responseOf } from "./fetch.js";
import { type HttpOptions, HttpRecording } from "./http-request.js";
import { splitTarget } from "./request-path.js";

/** The parts of SvelteKit's `RequestEvent` that are used. */
export interface SvelteKitEvent {
  readonly request: Request;
  /** The URL that SvelteKit routes by, such as `/jobs` for a request of `/jobs/__data.json`. */
  readonly url: URL;
  /** True for a call of a remote function. SvelteKit then reads `url` from headers that the client sends. */
  readonly isRemoteRequest?: boolean;
  readonly route: { readonly id: string | null };
  readonly locals: object;
  readonly platform?: unknown;
  getClientAddress(): string;
}

/** The locals that the hook sets, for `App.Locals`. */
export interface SvelteKitLocals {
  audit: Audit;
}

/**
 * Returns a `handle` hook that sets `event.locals.audit` and records each request when there is a response, with its
 * route's ID, such as `/jobs/[id]`. Events recorded with `event.locals.audit` have the request's ID.
 *
 * @example
 * ```ts
 * export const handle = sequence(auditHandle(audit, { actor: (event) => event.locals.user?.id }), others);
 * ```
 */
export function auditHandle<Event extends SvelteKitEvent = SvelteKitEvent>(
  audit: Audit,
  options: HttpOptions<Event> = {},
): <E extends Event>(input: { event: E; resolve: (event: E) => Response | Promise<Response> }) => Promise<Response> {
  mustRecord(audit);
  const recording = new HttpRecording<Event>(options);
  return async ({ event, resolve }) => {
    const { ctx } = (event.platform ?? {}) as { ctx?: DecisionContext };
    const view = {
      ...requestView(event.request),
      path: () => event.url.pathname,
      otherPath: () => (event.isRemoteRequest ? splitTarget(event.request.url).path : formPath(event)),
      ip: () => event.getClientAddress(),
      template: () => event.route.id ?? undefined,
    };
    return recording.handle(audit, event, view, {
      answer: (audit) => {
        (event.locals as SvelteKitLocals).audit = audit;
        return resolve(event);
      },
      statusOf: ({ status }) => status,
      refusal: responseOf,
      decisionContext: ctx,
    });
  };
}

/** Returns the path of the form function that a page's URL calls, as the call with scripts has it; undefined if none. */
function formPath({ request, url }: SvelteKitEvent): string | undefined {
  // SvelteKit doesn't allow reading the query while it prerenders, which isn't a POST.
  const id = request.method === "POST" ? url.searchParams.get("/remote") : null;
  // The third part is the form's key.
  return id ? `/_app/remote/${id.split("/", 2).join("/")}` : undefined;
}
