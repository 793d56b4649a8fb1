/** Type tests without the DOM library, with Node.js's types; compiled against the tarball and never run. */

import {
  type Audit,
  asyncContext,
  auditFetch,
  change,
  createRecorder,
  defineEvents,
  type Handle,
  memory,
  recordMany,
  type Schema,
} from "countersign";
import { withCountersign } from "countersign/cloudflare";
import { createIssuer } from "countersign/issuer";
import { auditNext } from "countersign/next";
import { auditHttp, closeOnSignals, fileOutbox } from "countersign/node";
import { traced } from "countersign/opentelemetry";
import { createVerifier, recording } from "countersign/slim";
import { createTestRecorder, matchers } from "countersign/testing";
import { type Report, verify } from "countersign/verify";

const audit = createRecorder({ key: "", to: "https://log.example", log: "", outbox: fileOutbox("outbox") });
export const handle: Handle = audit.record({ action: "job.delete", actor: { id: "u_1" } });
export const answering: (request: Request) => Promise<Response> = auditFetch(audit, () => new Response("ok"));
closeOnSignals(audit);
auditHttp(audit);

const { report } = await verify(new Uint8Array(), { trust: "", signal: AbortSignal.timeout(1000) });
export const shown: Report["verdict"] = report.verdict;

const following = traced(asyncContext(audit));
await following.with({ actor: "u_1", request: { headers: { "x-request-id": "r_1" } } }, () =>
  recordMany(following, []),
);
following.record({ action: "job.update", ...change({ a: 1 }, { a: 2 }) });
// A field with the schema's own type.
const updates = defineEvents({} as { "job.update": Schema<{ before?: Record<string, unknown> }> });
(await createTestRecorder({ events: updates })).record({ action: "job.update", ...change({ a: 1 }, { a: 2 }) });
const audited = auditNext(() => ({ key: "", to: "", log: "" }), { after: () => {} });
export const [route, action, empty] = [
  audited(async ({ url }: Request, { params }: { params: Promise<{ id: string }> }, audit: Audit) => {
    audit.record({ action: "job.delete", target: { type: "job", id: (await params).id } });
    return url;
  }),
  audited.action((audit, id: string) => void audit.record({ action: "job.delete", target: { type: "job", id } })),
  audited.action((audit) => audit.status().waiting),
] satisfies [
  (request: Request, context: { params: Promise<{ id: string }> }) => Promise<string>,
  (id: string) => Promise<void>,
  () => Promise<number>,
];
// The arguments of a route handler are inferred.
export const inferred = audited(async (request, { params }, audit) => {
  audit.record({ action: "job.delete", target: { type: "job", id: (await params).id ?? "" } });
  return request.url;
}) satisfies (request: Request, context: { params: Promise<{ id: string }> }) => Promise<string>;
// @ts-expect-error: unknown field of an event
audited((_request, _context, audit) => void audit.record({ action: "a.b", user: "u" }));
// @ts-expect-error: the third argument of a route handler is the recorder
audited((_request: Request, _context: { params: Promise<object> }, audit: string) => audit);
// @ts-expect-error: the first argument of a server action is the recorder
audited.action((id: string) => id);
const tested = await createTestRecorder({ events: defineEvents({}) });
export const found: number = tested.events().length + Object.keys(matchers).length;

// @ts-expect-error: `action` is required
audit.record({ actor: { id: "u_1" } });
// @ts-expect-error: the DOM's types are missing
document.createElement("p");

export type * as browser from "countersign/browser";
export type * as gate from "countersign/gate";
export type * as koa from "countersign/koa";
export type * as lambda from "countersign/lambda";
export type * as nestjs from "countersign/nestjs";
export type * as postgres from "countersign/postgres";
export type * as sveltekit from "countersign/sveltekit";
export { createIssuer, createVerifier, memory, recording, withCountersign };
