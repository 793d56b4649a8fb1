/** Type tests for recording, compiled against the tarball and never run. */

import {
  type Audit,
  asyncContext,
  auditFetch,
  type CountersignError,
  createRecorder,
  defineEvents,
  type ErrorCode,
  type EventOf,
  type Evidence,
  type Handle,
  type LogOptions,
  memory,
  type Outbox,
  type Receipt,
  type Recorder,
  type RecorderOptions,
  type Status,
  type TransportOptions,
} from "countersign";
import { browserKey, indexedDbOutbox } from "countersign/browser";
import { durableObjectOutbox, r2Transport, withCountersign } from "countersign/cloudflare";
import { type Decision, gate } from "countersign/gate";
import { createIssuer } from "countersign/issuer";
import { traced } from "countersign/opentelemetry";

/** True only for identical types, not just assignable ones. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>() => {};

// ---- Options: `log` for a log server, `origin` for a transport, and not both.

const key = "";
const log = "";
const origin = "";
createRecorder({ key, to: "https://log.example", log });
createRecorder({ key, to: new URL("https://log.example"), log, autoFlush: false, onFull: "drop" });
createRecorder({ key, to: { url: "https://log", fetch: (url, init) => fetch(url, init) }, log });
createRecorder({ key, to: memory(), origin });
createRecorder({ key, to: (chunk: Uint8Array) => chunk.length, origin });
createRecorder({ key, to: { begun: async () => false, write: async () => {} }, origin, autoFlush: { maxDelayMs: 10 } });
// Options that may be undefined, like those of an environment.
createRecorder({ key, to: "", log, outbox: undefined, redact: undefined });

// Absent options come from environment variables.
createRecorder();
createRecorder({ key, to: "https://log.example" });
// @ts-expect-error: `origin` can't be combined with `log`
createRecorder({ key, to: "https://log.example", log, origin });
// @ts-expect-error: `log` is required with a URL
createRecorder({ key, to: "https://log.example", origin });
// @ts-expect-error: a transport has no `log`
createRecorder({ key, to: memory(), log });
// @ts-expect-error: `origin` is required with a transport
createRecorder({ key, to: memory() });
// A secret that may be missing, which is reported at run time.
const variable = undefined as string | undefined;
createRecorder({ key: variable, to: variable, log: variable });
createIssuer({ key: variable, to: variable, log: variable });
createRecorder({ key, to: "", log, redact: ["ssn", "card.number"], onInvalid: "report" });
createRecorder({ key, to: "", log, redact: { only: [] }, beforeRecord: (event) => ({ ...event, tenant: "t" }) });
createRecorder({ key, to: "", log, redact: { keep: ["api_key.hint"], also: ["ssn"] } });
createRecorder({ key, to: "", log, redact: { keep: undefined } });
// @ts-expect-error: `keep` must be an array
createRecorder({ key, to: "", log, redact: { keep: "ssn" } });
createRecorder({ key, to: "", log, redact: false });
// @ts-expect-error: `beforeRecord` must return an event
createRecorder({ key, to: "", log, beforeRecord: () => undefined });
createRecorder({ to: "", log });
// @ts-expect-error: a CryptoKey alone is not a key
createRecorder({ key: {} as CryptoKey, to: "", log });
// @ts-expect-error: unknown option
createRecorder({ key, to: "", log, flushEvery: 10 });
// @ts-expect-error: unknown option of `autoFlush`
createRecorder({ key, to: "", log, autoFlush: { seconds: 1 } });
// @ts-expect-error: `autoFlush` must be false or options
createRecorder({ key, to: "", log, autoFlush: true });
// @ts-expect-error: unknown value of `onFull`
createRecorder({ key, to: "", log, onFull: "wait" });
// @ts-expect-error: `outbox` must be an outbox
createRecorder({ key, to: "", log, outbox: "./outbox" });
// @ts-expect-error: `url` is required
createRecorder({ key, to: { fetch }, log });

holds<Same<RecorderOptions, LogOptions | TransportOptions>>();

// ---- Outcome of an event.

const audit = createRecorder({ key, to: "", log, onError: ({ code }) => holds<Same<typeof code, ErrorCode>>() });
const handle = audit.record({ action: "job.delete" });
holds<Same<typeof handle, Handle>>();
holds<Same<ReturnType<typeof handle.stored>, Promise<void>>>();
holds<Same<ReturnType<typeof handle.delivered>, Promise<Receipt>>>();
holds<
  Same<
    { [K in keyof Receipt]: Receipt[K] },
    {
      readonly chain: string;
      readonly seq: number;
      readonly links: readonly string[];
      readonly index: number | null;
      readonly proof: string | null;
    }
  >
>();
const receipt = await handle.delivered();
interface Job {
  name: string;
  retries?: number;
}
class Role {
  readonly name = "admin";
}
const job: Job = { name: "nightly" };
audit.record({ action: "job.update", before: job, after: { ...job, retries: 3 }, metadata: new Role() });
// @ts-expect-error: `metadata` must be an object
audit.record({ action: "job.update", metadata: "nightly" });
// @ts-expect-error: a receipt is readonly
receipt.seq = 0;
// @ts-expect-error: a receipt without a log has no proof
receipt.proof.length;
holds<Same<ReturnType<typeof audit.recordJson>, Handle>>();
holds<Same<ReturnType<typeof audit.flush>, Promise<void>>>();
await audit.flush({ retryForMs: 1000 });
audit.record({ action: "job.delete", actor: "u_1" });
auditFetch(audit, () => new Response(), { actor: () => 7, tenant: () => null });
createRecorder({ key, to: "", log, beforeRecord: (event) => ({ ...event, actor: "u_1" }) });
// @ts-expect-error: `flush` takes options
await audit.flush(1000);
await audit.rotate({ vkey: "", sign: (bytes) => bytes });
await audit.close({ retryForMs: undefined });

const status: Status = audit.status();
holds<Same<typeof status.lastError, CountersignError | undefined>>();
holds<Same<(typeof status)["queued" | "waiting" | "waitingBytes" | "inFlight" | "dropped"], number>>();
holds<Same<NonNullable<typeof status.lastProof>["index"], number>>();
// @ts-expect-error: a status is readonly
status.dropped = 0;

// ---- Scopes.

declare class AsyncLocalStorage<T> {
  getStore(): T | undefined;
  run<R>(store: T, callback: () => R): R;
  run<R, Args extends unknown[]>(store: T, callback: (...args: Args) => R, ...args: Args): R;
}

audit
  .record({ action: "a.b", tenants: ["acme", 7] })
  .tenants?.get("acme")
  ?.delivered();
audit.record({ action: "a.b", tenants: null });
const evidence: Evidence | undefined = audit.status().dead[0]?.error.evidence;
export const heads: readonly (string | undefined)[] = [evidence?.before, evidence?.after];
// @ts-expect-error: not an array
audit.record({ action: "a.b", tenants: "acme" });
const scoped = audit.with({ actor: "u_1", tenant: "acme", request: new Request("https://app.example/") });
holds<Same<typeof scoped, Audit>>();
scoped.record({ action: "a.b" });
// @ts-expect-error: unknown field
audit.with({ user: "u_1" });
const following = asyncContext(audit);
holds<Same<typeof following, Audit>>();
const answer = await following.with({ actor: { id: "u_1" } }, async (inner) => inner.status().waiting);
holds<Same<typeof answer, number>>();
asyncContext(audit, { AsyncLocalStorage });
traced(audit, () => ({ traceId: "", spanId: "" }))
  .with({})
  .record({ action: "a.b" });
// @ts-expect-error: `action` is required
traced(audit).record({ actor: { id: "u_1" } });

// ---- A program's own events.

interface Events {
  "job.delete": { target: { type: "job"; id: string }; actor: { id: string } };
  "job.run": { metadata?: { tries: number } };
}
const listed = createRecorder<Events>({ key, to: "", log });
listed.record({ action: "job.delete", target: { type: "job", id: "42" }, actor: { id: "u_1" }, tenant: "acme" });
listed.record({ action: "job.run", metadata: { tries: 1 } });
// @ts-expect-error: unknown event
listed.record({ action: "job.update" });
// @ts-expect-error: `target` is required
listed.record({ action: "job.delete", actor: { id: "u_1" } });
// @ts-expect-error: `tries` must be a number
listed.with({ actor: "u_1" }).record({ action: "job.run", metadata: { tries: "1" } });
listed satisfies Recorder<EventOf<Events>> satisfies Audit<EventOf<Events>>;
// Functions that accept any recorder accept this one.
auditFetch(listed, () => new Response("ok"));

declare const schema: {
  "~standard": {
    version: 1;
    vendor: string;
    validate: (value: unknown) => { value: unknown; issues?: undefined };
    types?: { input: { target: { type: "job"; id: string } }; output: unknown };
  };
};
const events = defineEvents({ "job.delete": schema });
const checked = createRecorder({ key, to: "", log, events });
checked.record({ action: "job.delete", target: { type: "job", id: "42" } });
holds<Same<typeof checked, Recorder<EventOf<{ "job.delete": { target: { type: "job"; id: string } } }>>>>();
// @ts-expect-error: the target's type must be "job"
checked.record({ action: "job.delete", target: { type: "user", id: "42" } });
// @ts-expect-error: `events` must be the result of defineEvents
createRecorder({ key, to: "", log, events: { "job.delete": schema } });

// ---- Errors: a closed union of known codes.

holds<Same<string extends ErrorCode ? "open" : "closed", "closed">>();
export const retry = (code: ErrorCode): boolean => {
  switch (code) {
    case "log_server.unreachable":
    case "log_server.timeout":
    case "log_server.busy":
    case "log_server.failed":
      return true;
    case "outbox.full":
    case "outbox.in_use":
    case "outbox.damaged":
    case "outbox.failed":
    case "outbox.unavailable":
    case "clock.ahead":
    case "recorder.full":
    case "recorder.lost":
    case "signer.failed":
    case "key.invalid":
    case "options.invalid":
    case "log.unauthorized":
    case "log.fork":
    case "wasm.unavailable":
      return false;
    // @ts-expect-error: unknown code
    case "log_server.down":
      return false;
    default:
      return false;
  }
};
export const said = ({ code, message, hint, line, member }: CountersignError) => {
  holds<Same<typeof message, string>>();
  holds<Same<typeof hint | typeof member, string | undefined>>();
  holds<Same<typeof line, number | undefined>>();
  return code;
};

// ---- Outboxes and transports.

const outboxes: Outbox[] = [indexedDbOutbox(), indexedDbOutbox({ name: "x" })];
export const everywhere = outboxes.map((outbox) => createRecorder({ key, to: "", log, outbox }));
export const inBucket = (bucket: Parameters<typeof r2Transport>[0]) =>
  createRecorder({ key, to: r2Transport(bucket, { prefix: "x/" }), origin });
export const inObject = (storage: Parameters<typeof durableObjectOutbox>[0]): Outbox => durableObjectOutbox(storage);
// @ts-expect-error: the bucket must be a binding
r2Transport("bucket");

// ---- Keys and adapters.

const made = await browserKey({ issuer: "example.com/page" });
createRecorder({ key: made.key, to: "", log });
// @ts-expect-error: `issuer` is required
await browserKey({});

interface Env {
  AUDIT_KEY: string;
}
export default withCountersign((env: Env) => ({ key: env.AUDIT_KEY, to: "", log }), {
  async fetch(request, env, ctx, recorder) {
    holds<Same<typeof request, Request>>();
    holds<Same<typeof env, Env>>();
    ctx.waitUntil(recorder.record({ action: "a.b" }).delivered());
    // @ts-expect-error: `action` is required
    recorder.record({ actor: { id: "u_1" } });
    return new Response("ok");
  },
});
// Absent options come from the environment.
withCountersign((env: Env) => ({ key: env.AUDIT_KEY, to: "https://log.example" }), {});
withCountersign({
  async fetch(request, _env, _ctx, recorder) {
    recorder.record("job.delete", { actor: "u_1", target: ["job", 42] });
    recorder.record("job.delete");
    // @ts-expect-error: a target has an ID
    recorder.record("job.delete", { target: ["job"] });
    // @ts-expect-error: the action is the first argument
    recorder.record("job.delete", { action: "job.delete" });
    return new Response(request.url);
  },
});
async function scope() {
  await using recorder = createRecorder();
  recorder.record("job.delete", { id: "m_1", targets: [["job", 42], { type: "job", id: 7n }] });
}
scope satisfies () => Promise<void>;
export const answering: (request: Request) => Promise<Response> = auditFetch(audit, () => new Response("ok"));

// ---- Gates: `fail` is required, and decisions are a discriminated union.

const pack = {};
const edge = gate({ pack, fail: "open", watchlist: { url: new URL("https://watch.example"), key: ["a", "b"] } });
gate({ pack: "{}", fail: "closed", limits: [{ name: "a", by: (event) => event.tenant, max: 1, windowMs: 1 }] });
// @ts-expect-error: `fail` is required
gate({ pack });
// @ts-expect-error: unknown value of `fail`
gate({ pack, fail: "half" });
// @ts-expect-error: the watchlist's key is required
gate({ pack, fail: "open", watchlist: { url: "https://watch.example" } });
const decision: Decision = await edge.decide({ action: "http.request", http: { method: "GET", path: "/" } });
if (decision.decision !== "allow") {
  const rule: string = decision.rule;
  edge.answer(decision).headers[rule];
}
auditFetch({} as Audit, () => new Response(), { gate: edge });
