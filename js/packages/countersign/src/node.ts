/**
 * The entry `countersign/node`: files, signals, and `node:http` servers in Node.js, Deno, and Bun.
 *
 * @module
 */

export { type CloseOptions, closeOnSignals } from "./adapters/close.node.js";
export { auditHttp, type NodeMiddleware, type NodeOptions, type NodeRequest } from "./adapters/http.node.js";
export type { HttpOptions } from "./adapters/http-request.js";
export { nodeListener } from "./adapters/listener.node.js";
export { fileOutbox } from "./outbox/file.node.js";
export type { Outbox } from "./outbox/outbox.js";
export type { Audit } from "./record/audit.js";
export { fileTransport } from "./transport/file.node.js";
