/**
 * Query that selects the events that no parser recognizes, and whose fields of SPEC.md, section 12, state no actor,
 * no action, or no time, and those that state a time which can't be understood (SPEC-DETECTION.md, section 14). An
 * answer about who did what when can't be sure about these events.
 */
export const UNRECOGNIZED = "-has:as (-has:action OR -has:actor OR -has:occurred_at) OR time:unclear";
