/** The program that records events. */

import { must } from "../error.js";
import { ownOptions } from "../known.js";
import { permittedVariable } from "./variables.js";

/** A program, named as in OpenTelemetry's `service.name` and `service.version`. */
export interface Service {
  /** The program's name, such as `billing`. */
  readonly name: string;
  /**
   * The program's version, such as `1.4.2` or a commit.
   *
   * @default undefined: not recorded
   */
  readonly version?: string | undefined;
}

/** Maximum length of a name or a version, in characters. */
const MAX_LENGTH = 200;

/** Validates the option `service`. */
export function serviceOf(given: unknown): Service | undefined {
  if (given === false) {
    return undefined;
  }
  if (given === undefined) {
    return fromVariables();
  }
  const isPair = typeof given === "object" && given !== null;
  const { name, version } = isPair
    ? ownOptions(given as Partial<Service>, ["name", "version"], "service")
    : { name: given, version: undefined };
  const hint = 'pass { name: "billing", version: "1.4.2" }, a name, or false to record none';
  must(
    isLabel(name),
    "service",
    `\`service\` must be a name of 1 to ${MAX_LENGTH} characters, or { name, version }`,
    hint,
  );
  const message = `\`service.version\` must be a string of 1 to ${MAX_LENGTH} characters`;
  must(version === undefined || isLabel(version), "service.version", message, "pass a string, or omit it");
  return { name, ...(version === undefined ? {} : { version }) };
}

/**
 * Returns the service that OpenTelemetry's variables name: `OTEL_SERVICE_NAME`, and `service.name` and
 * `service.version` in `OTEL_RESOURCE_ATTRIBUTES`. Unusable values count as absent, as in OpenTelemetry.
 */
function fromVariables(): Service | undefined {
  const attributes = attributesIn(permittedVariable("OTEL_RESOURCE_ATTRIBUTES") ?? "");
  const name = permittedVariable("OTEL_SERVICE_NAME") ?? attributes.get("service.name");
  const version = attributes.get("service.version");
  return isLabel(name) ? { name, ...(isLabel(version) ? { version } : {}) } : undefined;
}

/** Parses `name=value` pairs separated by commas, with percent-encoded values. Malformed pairs are omitted. */
function attributesIn(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(",").flatMap((pair) => {
      const end = pair.indexOf("=");
      const name = pair.slice(0, Math.max(end, 0)).trim();
      try {
        return name === "" ? [] : [[name, decodeURIComponent(pair.slice(end + 1).trim())] as const];
      } catch {
        return [];
      }
    }),
  );
}

function isLabel(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_LENGTH && value.isWellFormed();
}
