/**
 * The entry `countersign/ai-sdk`: the adapter for the Vercel AI SDK.
 *
 * @module
 */

export { type AiModelContext, type AuditMiddleware, auditModel } from "./agents/ai-sdk/model.js";
export { type AiToolContext, auditTools } from "./agents/ai-sdk/tools.js";
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
