/** Finds the transports that the SDK's client or server connects to. */

import { must } from "../../error.js";
import { field } from "../../own.js";
import type { McpTransport } from "./transport.js";

/** Clients and servers that are already audited, whose calls would be recorded twice. */
const audited = new WeakSet<object>();

/** Calls back with the transport that a client or server is connected to, and with each before it connects. */
export function observeTransports(
  protocol: object,
  member: "client" | "server",
  hint: string,
  onTransport: (transport: McpTransport) => void,
): void {
  const connect = field(protocol, "connect");
  must(typeof connect === "function", member, `\`${member}\` must be an MCP ${member}`, hint);
  must(!audited.has(protocol), member, `the ${member} is audited twice`, `audit each ${member} once`);
  audited.add(protocol);
  const transports = new WeakSet<object>();
  const found = (transport: unknown) => {
    if (typeof field(transport, "send") === "function" && !transports.has(transport as object)) {
      transports.add(transport as object);
      onTransport(transport as McpTransport);
    }
  };
  found(field(protocol, "transport"));
  Object.assign(protocol, {
    connect: async (transport: unknown, ...rest: unknown[]) => {
      found(transport);
      return await Reflect.apply(connect, protocol, [transport, ...rest]);
    },
  });
}
