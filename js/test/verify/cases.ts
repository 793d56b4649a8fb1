/** The conformance cases in `tests/vectors`, one folder each. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Report, VerifyOptions } from "countersign/verify";

const FOLDER = new URL("../../../tests/vectors/", import.meta.url);
const EXPORTS = ["export.ndjson", "export.ndjson.gz", "export.ndjson.zst"];

/** An export, its options, and the expected report. */
export interface Case {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
  options: Pick<VerifyOptions, "trust" | "pins" | "expect">;
  /** The report without free text. */
  report: unknown;
}

/** All cases. */
export const cases: readonly Case[] = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => readCase(name, new URL(`${name}/`, FOLDER)));

function readCase(name: string, folder: URL): Case {
  const file = (path: string) => {
    const address = new URL(path, folder);
    return existsSync(address) ? new Uint8Array(readFileSync(address)) : undefined;
  };
  const text = (path: string) => {
    const bytes = file(path);
    return bytes && new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  };
  const bytes = EXPORTS.map(file).find((bytes) => bytes !== undefined);
  const pins = [];
  for (let pin = text("pin-1.txt"); pin !== undefined; pin = text(`pin-${pins.length + 1}.txt`)) {
    pins.push(pin);
  }
  const args = text("args.json");
  if (bytes === undefined) {
    throw new Error(`${name} has no export`);
  }
  return {
    name,
    bytes,
    report: JSON.parse(text("report.json") ?? ""),
    options: {
      trust: text("trust.txt"),
      pins,
      expect: args === undefined ? undefined : expectations(JSON.parse(args)),
    },
  };
}

function expectations(args: { origin?: string; range?: [number, number]; max_age_seconds?: number; now?: string }) {
  const { origin, range, max_age_seconds: seconds, now } = args;
  const maxAgeMs = seconds === undefined ? undefined : seconds * 1000;
  return { origin, range, maxAgeMs, now: now === undefined ? undefined : new Date(now) };
}

/** Returns a case by name. */
export function caseNamed(wanted: string): Case {
  const found = cases.find(({ name }) => name === wanted);
  if (found === undefined) {
    throw new Error(`there is no case ${wanted}`);
  }
  return found;
}

/** Returns a report without free text. */
export function stripped(report: Report): unknown {
  return JSON.parse(JSON.stringify(report), (name, value) =>
    ["message", "hint", "reason"].includes(name) ? undefined : value,
  );
}
