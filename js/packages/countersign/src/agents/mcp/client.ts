/** The adapter for MCP clients. */

import { must } from "../../error.js";
import { field } from "../../own.js";
import type { Audit } from "../../record/audit.js";
import type { AgentOptions } from "../options.js";
import { AgentRecording } from "../recording.js";
import type { McpImplementation } from "./context.js";
import { callGuard } from "./guard.js";
import { observeTransports } from "./observe-transports.js";
import { GuardedTransport } from "./transport.js";

/** The parts of the SDK's `Client` that are used. */
export interface McpClientLike {
  // biome-ignore lint/suspicious/noExplicitAny: the parameters differ between the SDK's generations.
  connect(...args: any[]): Promise<any>;
  getServerVersion(): McpImplementation | undefined;
}

/**
 * Records each tool call, resource read, and prompt that an MCP client requests, and returns the client. With the
 * option `gate`, calls that the gate refuses aren't sent. All requests that the client sends are seen, whichever method
 * sends them. Callbacks receive the parameters of the request.
 *
 * @example
 * ```ts
 * const client = auditMcpClient(audit, new Client({ name: "support-bot", version: "1.0.0" }), { agent: "support-bot" });
 * ```
 */
export function auditMcpClient<Client extends McpClientLike>(
  audit: Audit,
  client: Client,
  options: AgentOptions<object> = {},
): Client {
  const recording = new AgentRecording<object>(audit, "mcp", options);
  const hint = "call auditMcpClient(audit, new Client({ name, version }), options)";
  must(typeof field(client, "getServerVersion") === "function", "client", "`client` must be an MCP client", hint);
  const guard = callGuard(recording, async (request) => ({
    request,
    details: { source: Object(request.params), server: client.getServerVersion()?.name, origin: {} },
  }));
  observeTransports(client, "client", hint, (transport) => void GuardedTransport.forClient(transport, guard));
  return client;
}
