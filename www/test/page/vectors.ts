import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../tests/vectors/", import.meta.url));

/** A conformance vector: an export, its trust, and the expected report. */
export interface Vector {
  readonly export: string;
  readonly trust: string | undefined;
  readonly pins: readonly string[];
  readonly report: Record<string, unknown>;
}

export function vector(name: string): Vector {
  const folder = `${FOLDER}${name}/`;
  const files = readdirSync(folder);
  const trust = `${folder}trust.txt`;
  return {
    export: folder + files.find((file) => file.startsWith("export.")),
    trust: existsSync(trust) ? trust : undefined,
    pins: files.filter((file) => file.startsWith("pin-")).map((file) => folder + file),
    report: JSON.parse(readFileSync(`${folder}report.json`, "utf8")),
  };
}

/** Returns the report without free text. */
export function comparable(report: unknown): unknown {
  return JSON.parse(
    JSON.stringify(report, (name, value) =>
      ["message", "hint", "reason"].includes(name) ? undefined : value,
    ),
  );
}
