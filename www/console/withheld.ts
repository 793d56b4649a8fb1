import type { Tools } from "@countersign/ui/viewer/session/session.js";
import type { Mark, VerifyOptions } from "countersign/verify";

/** Why events are withheld, by the words of the log: nothing proves them. */
export type Withheld = Record<"erased" | "redacted" | "filtered" | "unsaid", number>;

/** The tools, with a count of what is withheld and why. */
export function counting(tools: Tools): { readonly tools: Tools; readonly withheld: Withheld } {
  const withheld: Withheld = { erased: 0, redacted: 0, filtered: 0, unsaid: 0 };
  const heard = <Options extends VerifyOptions | undefined>(options: Options): Options =>
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
      verify: (source, options) => tools.verify(source, heard(options)),
      verifyLive: (lines, options) => tools.verifyLive(lines, heard(options)),
    },
    withheld,
  };
}
