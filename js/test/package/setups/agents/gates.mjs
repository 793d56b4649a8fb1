/** Gates of the agents' tests, with rules in the form of `countersign rules build`. */

import { gate } from "countersign/gate";

export const rule = (id, decision, detection) => ({
  "countersign.decision": decision,
  detection: { condition: "it", it: detection },
  id,
  level: "high",
  title: `The rule ${id}`,
});

const RULES = [
  rule("etc", "deny", { "metadata.tool.arguments.path|startswith": "/etc" }),
  rule("bad", "deny", { "actor.id": "u_bad" }),
  rule("delete", "challenge", { "target.name": "delete" }),
];

/** By default, denies paths below /etc and everything for the person `u_bad`, and challenges deletions. */
export const guard = (rules = RULES, fail = "closed") =>
  gate({ pack: { countersign: "rules/v1", name: "agents", rules }, fail, onError: () => {} });

/** Returns the events of a test recorder, and verifies what it recorded. */
export async function recorded(audit) {
  await audit.verified();
  return audit.events();
}

/** SHA-256 of a value's canonical JSON, for values whose fields are in order. */
export async function sha256(value) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(value)));
  return Buffer.from(hash).toString("hex");
}
