import type { Tools } from "@countersign/ui/viewer/session/session.js";
import type { Mark, VerifyOptions } from "countersign/verify";

/** Number of withheld events by reason, as claimed by the log: unproven. */
export type Withheld = Record<"erased" | "redacted" | "filtered" | "unsaid", number>;

/** Returns the tools, with a count of withheld events by reason. */
export function counting(tools: Tools): { readonly tools: Tools; readonly withheld: Withheld } {
  const withheld: Withheld = { erased: 0, redacted: 0, filtered: 0, unsaid: 0 };
  const counted = <Options extends VerifyOptions | undefined>(options: Options): Options =>
    ({
      ...options,
      onMarks: (marks: readonly Mark[]) => {
        for (const mark of marks) if (mark.kind === "withheld") withheld[mark.why ?? "unsaid"] += 1;
        return options?.onMarks?.(marks);
      },
    }) as Options;
  return {
    tools: {
      ...tools,
      verify: (source, options) => tools.verify(source, counted(options)),
      verifyLive: (lines, options) => tools.verifyLive(lines, counted(options)),
    },
    withheld,
  };
}
