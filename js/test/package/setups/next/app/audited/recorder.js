import { memory } from "countersign";
import { gate } from "countersign/gate";
import { auditNext } from "countersign/next";
import { after } from "next/server";

const key = "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

/** Shared, because handlers and actions are bundled separately. */
globalThis.delivered ??= memory();
export const to = globalThis.delivered;

// Events are only delivered by `after`.
const options = () => ({ key, origin: "log.example/audit", to, autoFlush: false });
export const audited = auditNext(options, { after });

const rule = {
  "countersign.decision": "deny",
  detection: { condition: "path", path: { "http.path|startswith": "/guarded" } },
  id: "guarded",
  level: "high",
  title: "Guarded paths",
};
const guard = gate({ pack: { countersign: "rules/v1", name: "fixture", rules: [rule] }, fail: "closed" });
/** Refuses paths below /guarded. */
export const guarded = auditNext(options, { after, http: { gate: guard } });
