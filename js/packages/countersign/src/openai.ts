/**
 * The entry `countersign/openai`: the adapter for the OpenAI SDK and the OpenAI Agents SDK.
 *
 * @module
 */

export type { ContentPolicy, ContentRule } from "./agents/content.js";
export { type Delegation, type DelegationClaims, delegation } from "./agents/delegation.js";
export { auditTool, auditTools, type OpenAiContext } from "./agents/openai/tools.js";
export type {
  AgentInput,
  AgentOptions,
  Approval,
  ApprovalOptions,
  ApprovalRequest,
  ToolPolicyOptions,
} from "./agents/options.js";
export type { Audit } from "./record/audit.js";
