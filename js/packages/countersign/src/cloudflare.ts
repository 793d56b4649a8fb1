/**
 * The entry `countersign/cloudflare`: handlers, bindings, Durable Objects, and R2 for Cloudflare Workers.
 *
 * @module
 */

export {
  type AuditedHandlers,
  type Handlers,
  type Message,
  type WithCountersignOptions,
  type WorkerContext,
  withCountersign,
} from "./adapters/cloudflare.js";
export type { HttpOptions } from "./adapters/http-request.js";
export { auditOf } from "./adapters/invocation.js";
export type {
  NamedObject,
  ObjectNamespace,
  ServiceBinding,
  StoredSecret,
  WorkerLogOptions,
  WorkerOptions,
  WorkerOptionsOf,
  WorkerTransportOptions,
} from "./adapters/worker-options.js";
export { CountersignError, type ErrorCode } from "./error.js";
export { GateLimits } from "./gate/limit-object.js";
export {
  type DurableObjectOutboxOptions,
  durableObjectOutbox,
  type ObjectStorage,
} from "./outbox/durable-object.js";
export type { Audit } from "./record/audit.js";
export { type Bucket, type R2TransportOptions, r2Transport } from "./transport/r2.js";
