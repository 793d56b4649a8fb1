/** What only Cloudflare Workers have: Durable Objects, and R2. */

export {
  type DurableObjectOutboxOptions,
  durableObjectOutbox,
  type ObjectStorage,
} from "./outbox/durable-object.js";
export { type Bucket, type R2TransportOptions, r2Transport } from "./transport/r2.js";
