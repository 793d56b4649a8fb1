/**
 * The entry `countersign/mcp`: the adapter for servers and clients of the Model Context Protocol.
 *
 * @module
 */

export type { ContentPolicy, ContentRule } from "./agents/content.js";
export { type Delegation, type DelegationClaims, delegation } from "./agents/delegation.js";
export { auditMcpClient, type McpClientLike } from "./agents/mcp/client.js";
export type { McpAuthInfo, McpContext, McpImplementation } from "./agents/mcp/context.js";
export { auditMcp, type McpProtocolServer, type McpServerLike } from "./agents/mcp/server.js";
export type {
  AgentInput,
  AgentOptions,
  Approval,
  ApprovalOptions,
  ApprovalRequest,
  ToolPolicyOptions,
} from "./agents/options.js";
export type { Audit } from "./record/audit.js";
