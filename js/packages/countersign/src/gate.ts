/** Deciding on what is about to be recorded: whether it goes on. */

import { artifact } from "#gate";
import { gating } from "./gate/gate.js";

export { CountersignError, type ErrorCode } from "./error.js";
export type { Answer, Decision, EventToBe, Refusal } from "./gate/decision.js";
export type { Asking, Gate, GateOptions, GateStatus } from "./gate/gate.js";
export type { Limit } from "./gate/limits.js";
export type { WatchlistOptions } from "./gate/watchlist.js";

/** Makes a gate. */
export const gate = gating(artifact);
