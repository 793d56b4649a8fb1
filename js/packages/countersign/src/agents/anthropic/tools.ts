/** The adapter for tools of the Anthropic SDK's tool runner. */

import { must } from "../../error.js";
import { field } from "../../own.js";
import type { Audit } from "../../record/audit.js";
import type { AgentOptions } from "../options.js";
import { AgentRecording } from "../recording.js";
import { auditedFunction, mustBeKnown, throwRefusal, withFields } from "../tool-function.js";

/** The context that the tool runner passes to a tool, and that callbacks receive. */
export interface AnthropicToolContext {
  /** The model's request for the call. */
  readonly toolUse: { readonly id: string };
  readonly signal?: AbortSignal | null | undefined;
}

/**
 * Returns tools for `beta.messages.toolRunner` of which each call is recorded. The model sees the refusal of a call that
 * the gate refuses as an error. Tools that Anthropic runs have no `run`; name them in the option `ungated`, and toolsets
 * by their type.
 *
 * @example
 * ```ts
 * const tools = auditTools(audit, [betaZodTool({ name: "delete_job", description, inputSchema, run })]);
 * ```
 */
export function auditTools<Tools extends readonly object[]>(
  audit: Audit,
  tools: Tools,
  options: AgentOptions<AnthropicToolContext> = {},
): { [Nth in keyof Tools]: Tools[Nth] } {
  must(Array.isArray(tools), "tools", "`tools` must be an array", "call auditTools(audit, [betaTool({ … })], options)");
  const recording = new AgentRecording<AnthropicToolContext>(audit, "anthropic", options);
  const audited = tools.map((tool) => {
    const name = field(tool, "name");
    const kind = name ?? field(tool, "mcp_server_name") ?? field(tool, "type");
    if (recording.isUngated(kind)) {
      return tool;
    }
    const run = field(tool, "run");
    // The `run` of toolsets, which have no name, has other parameters.
    mustBeKnown(typeof run === "function" && typeof name === "string", kind);
    return withFields(tool, { run: auditedRun(recording, name, run) });
  });
  return audited as unknown as { [Nth in keyof Tools]: Tools[Nth] };
}

function auditedRun(recording: AgentRecording<AnthropicToolContext>, name: unknown, run: unknown) {
  return auditedFunction(recording, run, {
    callOf: ([input, context]) => {
      const source = Object(context) as AnthropicToolContext;
      return {
        action: "tool.call",
        source,
        name: String(name),
        callId: source.toolUse?.id,
        arguments: input,
        origin: {},
        signal: source.signal ?? undefined,
      };
    },
    refused: throwRefusal,
  });
}
