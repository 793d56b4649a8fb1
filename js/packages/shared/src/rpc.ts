/** Remote calls between a page and its workers, and between workers. */

export { connect, type Port, type Remote, transfer } from "../../countersign/dist/rpc/connect.js";
export {
  codedBy,
  deserializeError,
  peerFailed,
  serializeError,
  type WireError,
} from "../../countersign/dist/rpc/errors.js";
export { serveFromWorker } from "../../countersign/dist/rpc/web-worker.js";
export { WorkerGroup, type WorkerLike } from "../../countersign/dist/rpc/worker-group.js";
export { WorkerPool } from "../../countersign/dist/rpc/worker-pool.js";
