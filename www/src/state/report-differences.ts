import type { CheckName, FindingCode, Report } from "countersign/verify";

/** A statement of a report that differs from another report; a value is undefined if the report doesn't have it. */
export interface ReportDifference {
  readonly about:
    | { readonly is: "verdict" | "origin" | "complete" | "size" | "root" | "time" }
    | { readonly is: "count"; readonly name: keyof Report["counts"] }
    | { readonly is: "check"; readonly name: CheckName }
    | { readonly is: "problem"; readonly code: FindingCode }
    | { readonly is: "signer"; readonly vkey: string };
  readonly theirs: string | undefined;
  readonly ours: string | undefined;
}

type Facts = Map<string, { readonly about: ReportDifference["about"]; readonly value: string }>;

/** Returns the statements that differ between two reports. Sentences for people and line numbers don't count. */
export function reportDifferences(theirs: Report, ours: Report): readonly ReportDifference[] {
  const [stated, found] = [factsOf(theirs), factsOf(ours)];
  const names = new Set([...found.keys(), ...stated.keys()]);
  return [...names].flatMap((name) => {
    const [one, other] = [stated.get(name), found.get(name)];
    const about = (other ?? one)?.about;
    return about === undefined || one?.value === other?.value
      ? []
      : [{ about, theirs: one?.value, ours: other?.value }];
  });
}

function factsOf({ verdict, origin, complete, counts, log, checks, signers, finding_counts }: Report): Facts {
  const facts: Facts = new Map();
  const add = (about: ReportDifference["about"], value: unknown) => {
    if (value === undefined || value === null) return;
    facts.set(JSON.stringify(about), { about, value: String(value) });
  };
  add({ is: "verdict" }, verdict);
  add({ is: "origin" }, origin);
  add({ is: "complete" }, complete?.by === "range" ? complete.range.join("..") : complete?.by);
  for (const name of ["entries", "events", "withheld", "skipped", "chains"] as const)
    add({ is: "count", name }, counts[name]);
  add({ is: "size" }, log?.size);
  add({ is: "root" }, log?.root);
  add({ is: "time" }, log?.time);
  for (const { vkey, trust } of signers) add({ is: "signer", vkey }, trust);
  for (const [name, { state }] of Object.entries(checks))
    add({ is: "check", name: name as CheckName }, state);
  for (const [code, number] of Object.entries(finding_counts))
    add({ is: "problem", code: code as FindingCode }, number);
  return facts;
}

/** How the pins explain differences between two reports on one file. */
export interface PinDifferences {
  /** The report that was compared with a pin and passed, while the other was compared with none; undefined if neither. */
  readonly onlyIn: "theirs" | "ours" | undefined;
  /** True if the differences are only about pins, and the verdict that follows. */
  readonly explainsAll: boolean;
  /** The differences besides `onlyIn`. */
  readonly others: readonly ReportDifference[];
}

/** Problems that only a pin shows. */
const PIN_PROBLEMS = /^(?:append_only\.|head\.(?:split|order)$)/;

/** Separates the differences that exist only because one of two reports was compared with a pin. */
export function pinDifferences(differences: readonly ReportDifference[]): PinDifferences {
  const isCheck = ({ about }: ReportDifference) => about.is === "check" && about.name === "append_only";
  const check = differences.find(isCheck);
  const states = [check?.theirs, check?.ours];
  const isPassOnly = states.includes("pass") && states.includes("not_checked");
  const others = isPassOnly ? differences.filter((one) => one !== check) : differences;
  const explains = (one: ReportDifference) =>
    isCheck(one) ||
    one.about.is === "verdict" ||
    one.about.is === "complete" ||
    (one.about.is === "problem" && PIN_PROBLEMS.test(one.about.code));
  return {
    onlyIn: !isPassOnly ? undefined : check?.ours === "pass" ? "ours" : "theirs",
    explainsAll: differences.every(explains),
    others,
  };
}
