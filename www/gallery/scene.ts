import type { FindingCode } from "countersign/verify";
import { CODES } from "./findings.ts";
import type { Scene } from "./state.ts";

/** Returns a function that finds the scene of a state or of a finding code. */
export function finder(
  scenes: Readonly<Record<string, Scene>>,
  finding: (code: FindingCode) => Scene,
): (name: string) => Scene | undefined {
  return (name) => {
    if (Object.hasOwn(scenes, name)) return scenes[name];
    const code = CODES.find((code) => code === name);
    return code && finding(code);
  };
}
