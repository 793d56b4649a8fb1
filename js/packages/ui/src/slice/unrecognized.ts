/**
 * Query that selects the events that no parser recognizes, and whose fields of SPEC.md, section 12, state no actor or
 * no action (SPEC-DETECTION.md, section 14). Of these events, an answer about who or what can't be sure.
 */
export const UNRECOGNIZED = "-has:as (-has:action OR -has:actor)";
