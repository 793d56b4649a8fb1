/** Must compile with the types of the SDKs. */

import { Client } from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { McpServer } from "@modelcontextprotocol/server";
import type { Audit } from "countersign";
import { auditMcp, auditMcpClient } from "countersign/mcp";

declare const audit: Audit;

export const servers: [OldServer, McpServer] = [
  auditMcp(audit, new OldServer({ name: "jobs", version: "1.0.0" }), { session: ({ sessionId }) => sessionId }),
  auditMcp(audit, new McpServer({ name: "jobs", version: "1.0.0" }), { onBehalfOf: { id: 7, grant: "g_1" } }),
];
export const clients: [OldClient, Client] = [
  auditMcpClient(audit, new OldClient({ name: "bot", version: "1.0.0" }), { agent: "bot" }),
  auditMcpClient(audit, new Client({ name: "bot", version: "1.0.0" }), { agent: { id: "bot", type: "service" } }),
];
// @ts-expect-error An unknown rule.
auditMcp(audit, servers[0], { results: "keep" });
