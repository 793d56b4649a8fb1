/** Refuses paths below /internal. */
export const PACK = {
  countersign: "rules/v1",
  name: "test",
  rules: [
    {
      "countersign.decision": "deny",
      detection: { condition: "path", path: { "http.path|startswith": "/internal" } },
      id: "internal",
      level: "high",
      title: "The rule internal",
    },
  ],
};
