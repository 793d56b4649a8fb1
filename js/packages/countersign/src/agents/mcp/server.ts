/** The adapter for MCP servers. */

import { must } from "../../error.js";
import { field } from "../../own.js";
import type { Audit } from "../../record/audit.js";
import type { AgentOptions, ApprovalRequest } from "../options.js";
import { AgentRecording } from "../recording.js";
import {
  callOf,
  endOf,
  type McpContext,
  type McpImplementation,
  originOf,
  refusedResult,
  requestOf,
} from "./context.js";
import { askingResult, type ElicitingServer, elicited } from "./elicitation.js";

/** The parts of the SDK's `Server` that are used. */
export interface McpProtocolServer extends ElicitingServer {
  // biome-ignore lint/suspicious/noExplicitAny: the parameters differ between the SDK's generations.
  setRequestHandler(...args: any[]): void;
  getClientVersion(): McpImplementation | undefined;
}

/** The SDK's `McpServer`, or its `Server`. */
export type McpServerLike = McpProtocolServer | { readonly server: McpProtocolServer };

type Handler = (request: unknown, context: McpContext, ...rest: unknown[]) => unknown;

/** The methods that are recorded. */
const METHODS = ["tools/call", "resources/read", "prompts/get"];

/** Servers that are already audited, whose calls would be recorded twice. */
const audited = new WeakSet<object>();

/**
 * Records each tool call, resource read, and prompt of an MCP server, and returns the server. With the option `gate`,
 * calls that the gate refuses don't reach the tool; if the gate challenges one, the client asks its user.
 *
 * By default, the actor is the OAuth client, or without one the name that the client states, which isn't verified, or
 * without a name the agent `unknown`. The person is the subject of the access token (`authInfo.extra.sub`).
 *
 * @example
 * ```ts
 * const server = auditMcp(audit, new McpServer({ name: "jobs", version: "1.0.0" }), { results: "record" });
 * ```
 */
export function auditMcp<Server extends McpServerLike>(
  audit: Audit,
  server: Server,
  options: AgentOptions<McpContext> = {},
): Server {
  const protocol = field(server, "server") === undefined ? server : (server as { server: unknown }).server;
  const { setRequestHandler: set } = Object(protocol) as { setRequestHandler?: unknown };
  const hint = "call auditMcp(audit, new McpServer({ name, version }), options)";
  must(typeof set === "function", "server", "`server` must be an MCP server", hint);
  must(!audited.has(protocol as object), "server", "the server is audited twice", "call auditMcp once for each server");
  const auditing = new ServerAuditing(protocol as McpProtocolServer, new AgentRecording(audit, "mcp", options));
  audited.add(protocol as object);
  auditing.wrapExisting();
  (protocol as McpProtocolServer).setRequestHandler = function (this: unknown, ...args: unknown[]) {
    const handler = args.at(-1);
    const wrapped = typeof handler === "function" ? auditing.wrapped(handler as Handler) : handler;
    return Reflect.apply(set, protocol, [...args.slice(0, -1), wrapped]);
  };
  return server;
}

class ServerAuditing {
  readonly #server: McpProtocolServer;
  readonly #recording: AgentRecording<McpContext>;

  constructor(server: McpProtocolServer, recording: AgentRecording<McpContext>) {
    this.#server = server;
    this.#recording = recording;
  }

  /** Wraps handlers that the server registered when it was created. */
  wrapExisting(): void {
    const handlers = (this.#server as { _requestHandlers?: unknown })._requestHandlers;
    for (const method of METHODS) {
      const handler: unknown = handlers instanceof Map ? handlers.get(method) : undefined;
      if (typeof handler === "function") {
        (handlers as Map<string, unknown>).set(method, this.wrapped(handler as Handler));
      }
    }
  }

  wrapped(handler: Handler): Handler {
    return (request, context, ...rest) => {
      const call = callOf(field(request, "method"), field(request, "params"));
      const work = () => handler(request, context, ...rest);
      return call === undefined ? work() : this.#handle(call, context, work);
    };
  }

  #handle(call: NonNullable<ReturnType<typeof callOf>>, context: McpContext, work: () => unknown): Promise<unknown> {
    const request = requestOf(context);
    const client = clientOf(request.envelope) ?? this.#server.getClientVersion();
    let asked: ApprovalRequest | undefined;
    return this.#recording.handle<unknown>(
      {
        ...call,
        source: context,
        server: nameOf(this.#server),
        callId: request.id,
        origin: originOf(context, client),
        signal: request.signal,
        ask: async (approval) => {
          const answer = await elicited(this.#server, request, approval, this.#recording.approvalTimeoutMs);
          asked = answer === "later" ? approval : undefined;
          return answer;
        },
      },
      {
        work,
        endOf,
        refused: ({ message }) => (asked === undefined ? refusedResult(call.action, message) : askingResult(asked)),
      },
    );
  }
}

/** The field of a request's envelope with the client's name. */
const CLIENT = "io.modelcontextprotocol/clientInfo";

function clientOf(envelope: object | undefined): McpImplementation | undefined {
  const client = field(envelope, CLIENT);
  return typeof field(client, "name") === "string" ? (client as McpImplementation) : undefined;
}

/** Returns the server's name, which the SDK keeps in a private field. */
function nameOf(server: object): string | undefined {
  const name = field(field(server, "_serverInfo"), "name");
  return typeof name === "string" && name !== "" ? name : undefined;
}
