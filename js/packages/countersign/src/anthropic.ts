/**
 * The entry `countersign/anthropic`: the adapter for the Anthropic SDK and the Claude Agent SDK.
 *
 * @module
 */

export { type AuditHook, type AuditHooks, auditHooks, type HookContext } from "./agents/anthropic/hooks.js";
export { type AnthropicToolContext, auditTools } from "./agents/anthropic/tools.js";
export type { ContentPolicy, ContentRule } from "./agents/content.js";
export { type Delegation, type DelegationClaims, delegation } from "./agents/delegation.js";
export type {
  AgentInput,
  AgentOptions,
  Approval,
  ApprovalOptions,
  ApprovalRequest,
  ToolPolicyOptions,
} from "./agents/options.js";
export type { Audit } from "./record/audit.js";
