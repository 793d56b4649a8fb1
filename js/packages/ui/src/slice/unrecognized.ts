/**
 * Query that selects the events of which no parser and no field of SPEC.md, section 12, states an action or actor
 * (SPEC-DETECTION.md, section 14).
 */
export const UNRECOGNIZED = "-has:as -has:action -has:actor";
