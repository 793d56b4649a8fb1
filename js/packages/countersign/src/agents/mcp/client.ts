/** The adapter for MCP clients. */

import { must } from "../../error.js";
import { field } from "../../own.js";
import type { Audit } from "../../record/audit.js";
import type { AgentOptions } from "../options.js";
import { AgentRecording } from "../recording.js";
import { callOf, endOf, isSignal, type McpImplementation, refusedResult } from "./context.js";

/** The parts of the SDK's `Client` that are used. */
export interface McpClientLike {
  // biome-ignore-start lint/suspicious/noExplicitAny: the parameters differ between the SDK's generations.
  callTool(...args: any[]): Promise<any>;
  readResource(...args: any[]): Promise<any>;
  getPrompt(...args: any[]): Promise<any>;
  // biome-ignore-end lint/suspicious/noExplicitAny: see above
  getServerVersion(): McpImplementation | undefined;
}

/** The client's methods, with the requests that they send. */
const METHODS = { callTool: "tools/call", readResource: "resources/read", getPrompt: "prompts/get" } as const;

/**
 * Records each tool call, resource read, and prompt that an MCP client requests, and returns the client. With the
 * option `gate`, calls that the gate refuses aren't sent. Callbacks receive the parameters of the request.
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
  for (const [name, method] of Object.entries(METHODS)) {
    const send = (client as unknown as Record<string, unknown> | undefined)?.[name];
    must(typeof send === "function", "client", "`client` must be an MCP client", hint);
    Object.assign(client, {
      [name]: async (params: object, ...rest: unknown[]) => {
        const call = callOf(method, params);
        const work = () => Reflect.apply(send, client, [params, ...rest]) as Promise<unknown>;
        return call === undefined
          ? work()
          : recording.handle<unknown>(
              {
                ...call,
                source: params,
                server: client.getServerVersion()?.name,
                origin: {},
                signal: rest.map((one) => field(one, "signal")).find(isSignal),
              },
              { work, endOf, refused: ({ message }) => refusedResult(call.action, message) },
            );
      },
    });
  }
  return client;
}
