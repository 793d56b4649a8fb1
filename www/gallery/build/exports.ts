import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { inlined } from "../../build/inlined.ts";
import { packed } from "../../build/packed.ts";
import { FINDINGS, VECTORS } from "../findings.ts";
import { recordActivity } from "./activity.ts";

const FOLDER = fileURLToPath(new URL("../../../tests/vectors/", import.meta.url));

/** Inlines the exports that the gallery shows: conformance vectors, and one that is recorded here. */
export function exportsOf(): Plugin {
  return inlined("virtual:gallery", async () => {
    const names = [...new Set([...Object.values(FINDINGS), ...VECTORS])].sort();
    const all: Record<string, unknown> = Object.fromEntries(names.map((name) => [name, vector(name)]));
    const { exported, trust } = await recordActivity();
    all.activity = {
      file: "activity.countersign.ndjson",
      bytes: Buffer.from(exported).toString("base64"),
      trust,
      pins: [],
    };
    return { exports: packed(JSON.stringify(all)) };
  });
}

function vector(name: string): unknown {
  const folder = `${FOLDER}${name}/`;
  const files = readdirSync(folder).sort();
  const text = (file: string) => readFileSync(folder + file, "utf8");
  const file = files.find((one) => one.startsWith("export."));
  if (file === undefined) throw new Error(`${name} has no export`);
  const { max_age_seconds: seconds, ...expect } = existsSync(`${folder}args.json`)
    ? JSON.parse(text("args.json"))
    : {};
  const maxAgeMs = seconds === undefined ? undefined : seconds * 1000;
  return {
    file: `${name}${file.slice("export".length)}`,
    bytes: readFileSync(folder + file).toString("base64"),
    trust: existsSync(`${folder}trust.txt`) ? text("trust.txt") : undefined,
    pins: files.filter((one) => one.startsWith("pin-")).map(text),
    expect: existsSync(`${folder}args.json`) ? { ...expect, maxAgeMs } : undefined,
  };
}
