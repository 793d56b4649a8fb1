/** The requests and notifications of MCP, in all revisions, and how a gate treats them. */

/** Requests that are recorded and gated: they run something, or return content. */
export const GATED = ["tools/call", "resources/read", "prompts/get"] as const;

/** Requests that pass a gate: they list, connect, or follow up on a request that the gate let pass. */
export const PASSED: readonly string[] = [
  "completion/complete",
  "initialize",
  "logging/setLevel",
  "ping",
  "prompts/list",
  "resources/list",
  "resources/subscribe",
  "resources/templates/list",
  "resources/unsubscribe",
  "server/discover",
  "subscriptions/listen",
  "tasks/cancel",
  "tasks/get",
  "tasks/list",
  "tasks/result",
  "tasks/update",
  "tools/list",
];

/** Notifications that pass a gate. */
export const NOTIFICATIONS: readonly string[] = [
  "notifications/cancelled",
  "notifications/initialized",
  "notifications/progress",
  "notifications/roots/list_changed",
  "notifications/tasks/status",
];
