/** What every fixture records with: into a file, under a key that all know. */

import { gate } from "countersign/gate";
import { fileTransport } from "countersign/node";

export const options = () => ({
  key: "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH",
  origin: "log.example/audit",
  to: fileTransport(process.env.EXPORT),
});

/** Denies what is below /internal, by a rule as `countersign rules build` writes it. */
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
