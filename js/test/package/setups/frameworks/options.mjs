/** The recorder options of all fixtures: into a file, with a well-known key. */

import { gate } from "countersign/gate";
import { fileTransport } from "countersign/node";

export const options = () => ({
  key: "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH",
  origin: "log.example/audit",
  to: fileTransport(process.env.EXPORT),
});

/** Refuses paths below /internal, with a rule in the form of `countersign rules build`. */
export const guard = gate({
  pack: {
    countersign: "rules/v1",
    name: "fixture",
    rules: [
      {
        "countersign.decision": "deny",
        detection: { condition: "path", path: { "http.path|startswith": "/internal" } },
        id: "internal",
        level: "high",
        title: "Internal paths",
      },
    ],
  },
  fail: "closed",
});
