/**
 * The entry `countersign/gate`: gates, which decide whether an event may happen before it is recorded.
 *
 * @module
 */

import { artifact } from "#gate";
import { gating } from "./gate/gate.js";

export { CountersignError, type ErrorCode } from "./error.js";
export type { Answer, Decision, EventToBe, Refusal } from "./gate/decision.js";
export type { DecisionContext, Gate, GateOptions, GateStatus } from "./gate/gate.js";
export type { Limit } from "./gate/limits.js";
export type { WatchlistOptions } from "./gate/watchlist.js";

/** Creates a gate. */
export const gate = gating(artifact);
