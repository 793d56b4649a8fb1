/** What only runtimes with files have: Node, Deno and Bun. */

export { fileOutbox } from "./outbox/file.node.js";
export type { Outbox } from "./outbox/outbox.js";
export { fileTransport } from "./transport/file.node.js";
