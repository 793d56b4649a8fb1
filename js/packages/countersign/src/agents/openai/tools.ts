/** The adapter for tools of the OpenAI SDK and of the OpenAI Agents SDK. */

import { must } from "../../error.js";
import { field } from "../../own.js";
import type { Audit } from "../../record/audit.js";
import type { AgentCall, CallRefusal } from "../call.js";
import type { AgentOptions } from "../options.js";
import { AgentRecording } from "../recording.js";
import { auditedFunction, mustBeKnown, parsedInput, withFields } from "../tool-function.js";

/**
 * The context that callbacks receive: the Agents SDK's `RunContext`, the runner of `runTools`, or the options of a
 * Responses runner's function.
 */
export type OpenAiContext = unknown;

/** Returns the tool with each call recorded. See `auditTools`. */
export function auditTool<Tool extends object>(
  audit: Audit,
  tool: Tool,
  options: AgentOptions<OpenAiContext> = {},
): Tool {
  const [audited] = auditTools(audit, [tool] as const, options);
  return audited;
}

/**
 * Returns tools of which each call is recorded: those of `chat.completions.runTools`, also of `zodFunction`; functions
 * of a Responses runner; and for the Agents SDK, either what `tool()` takes, or what it returns. The model sees the
 * refusal of a call that the gate refuses. Name tools that OpenAI runs, and those of other kinds, such as
 * `shellTool()`, in the option `ungated`.
 *
 * The tools that `tool()` returns catch errors, so events of their calls don't state whether they succeeded. Audit what
 * you pass to `tool()` instead.
 *
 * @example
 * ```ts
 * const deleteJob = tool(auditTool(audit, { name: "delete_job", description, parameters, execute }));
 * ```
 */
export function auditTools<Tools extends readonly object[]>(
  audit: Audit,
  tools: Tools,
  options: AgentOptions<OpenAiContext> = {},
): { [Nth in keyof Tools]: Tools[Nth] } {
  must(Array.isArray(tools), "tools", "`tools` must be an array", "call auditTools(audit, [tool], options)");
  const completions = new AgentRecording<OpenAiContext>(audit, "openai", options);
  const agents = new AgentRecording<OpenAiContext>(audit, "openai-agents", options);
  const audited = tools.map((tool) => {
    if (agents.isUngated(nameOf(tool))) {
      return tool;
    }
    mustBeKnown(KINDS.includes(field(tool, "type")), nameOf(tool));
    if (typeof field(tool, "invoke") === "function") {
      return withFields(tool, { invoke: auditedInvoke(agents, tool) });
    }
    if (typeof field(tool, "execute") === "function") {
      const isDescribed = field(tool, "tool") !== undefined;
      return withFields(tool, {
        execute: isDescribed ? auditedRunnerFunction(completions, tool) : auditedExecute(agents, tool),
      });
    }
    if (typeof field(tool, "$callback") === "function") {
      const name = field(field(tool, "function"), "name");
      return withFields(tool, { $callback: auditedCallback(completions, name, field(tool, "$callback")) });
    }
    const definition = field(tool, "function");
    const callback = field(definition, "function");
    if (typeof callback === "function") {
      const name = field(definition, "name") ?? callback.name;
      return withFields(tool, {
        function: withFields(definition as object, {
          function: auditedCallback(completions, name, callback),
          // The name of the callback stands in for a missing one.
          name,
        }),
      });
    }
    return mustBeKnown(false, nameOf(tool));
  });
  return audited as unknown as { [Nth in keyof Tools]: Tools[Nth] };
}

/** The kinds of tools that are functions. Others, such as `shell`, run in ways of their own. */
const KINDS: readonly unknown[] = [undefined, "function"];

/** Returns a tool's name, or its kind if only one of it can exist. */
function nameOf(tool: object): unknown {
  return (
    field(tool, "name") ??
    field(field(tool, "tool"), "name") ??
    field(field(tool, "function"), "name") ??
    field(tool, "type")
  );
}

/** The model sees a refusal as the tool's result. */
const refused = ({ message }: CallRefusal) => message;

type Call = AgentCall<OpenAiContext>;

function call(name: unknown, input: unknown, source: unknown, details: Partial<Call>): Call {
  return { action: "tool.call", name: String(name), ...parsedInput(input), source, origin: {}, ...details };
}

/** Returns the ID of a call and its signal from the details that the Agents SDK passes to a tool. */
function detailsOf(details: unknown): Partial<Call> {
  const id = field(field(details, "toolCall"), "callId");
  const signal = field(details, "signal") as AbortSignal | undefined;
  return { callId: typeof id === "string" ? id : undefined, signal };
}

function auditedInvoke(recording: AgentRecording<OpenAiContext>, tool: object) {
  // Only without this function does the tool throw.
  const throws = field(tool, "errorFunction") === null;
  return auditedFunction(recording, field(tool, "invoke"), {
    callOf: ([context, input, details]) => call(field(tool, "name"), input, context, detailsOf(details)),
    endOf: (result) => ({ outcome: throws ? "success" : undefined, result }),
    refused,
  });
}

function auditedExecute(recording: AgentRecording<OpenAiContext>, tool: object) {
  return auditedFunction(recording, field(tool, "execute"), {
    callOf: ([input, context, details]) => call(field(tool, "name"), input, context, detailsOf(details)),
    refused,
  });
}

function auditedRunnerFunction(recording: AgentRecording<OpenAiContext>, tool: object) {
  return auditedFunction(recording, field(tool, "execute"), {
    callOf: ([input, options]) => call(field(field(tool, "tool"), "name"), input, options, detailsOf(options)),
    refused,
  });
}

function auditedCallback(recording: AgentRecording<OpenAiContext>, name: unknown, callback: unknown) {
  return auditedFunction(recording, callback, {
    callOf: ([input, runner]) => {
      const signal = field(field(runner, "controller"), "signal") as AbortSignal | undefined;
      return call(name, input, runner, { signal });
    },
    refused,
  });
}
