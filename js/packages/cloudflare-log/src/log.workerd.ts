/**
 * A log in a Durable Object, and the Worker in front of it.
 *
 * @module
 */

import { LogObject } from "./object.js";
import type { LogEnv, ObjectState } from "./platform.js";
import module from "./wasm/log_bg.wasm";

export { type LogHandlerOptions, logHandler } from "./handler.js";
export type { ExportBucket, LogEnv, LogNamespace, LogStorage, ObjectId, ObjectState, TileBucket } from "./platform.js";
export type { LogQuota, LogSettings, LogTenants } from "./settings.js";

/**
 * A whole log as a Durable Object. It accepts submissions, publishes them as C2SP tlog-tiles, has them witnessed, and
 * serves exports, live views, and proofs, with the HTTP interface of `countersign serve`. Its name is the log's origin.
 *
 * @example
 * ```ts
 * export { CountersignLog } from "@countersign/cloudflare-log";
 * ```
 */
export class CountersignLog<Env extends LogEnv = LogEnv> extends LogObject<Env> {
  constructor(ctx: ObjectState, env: Env) {
    super(module, ctx, env);
  }
}
