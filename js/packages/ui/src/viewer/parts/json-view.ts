/** Access to the JSON content of an event. */

import type { Json } from "../../index/types.js";

export type { Json };

/** Returns the value of an object's field. */
export function member(json: Json | undefined, name: string): Json | undefined {
  return json?.kind === "object" ? json.members.find(([found]) => found === name)?.[1] : undefined;
}

/** Returns the value as compact text, with all digits and the order of fields as written. */
export function written(json: Json): string {
  switch (json.kind) {
    case "literal":
      return json.source;
    case "string":
      return JSON.stringify(json.value);
    case "array":
      return `[${json.items.map(written).join(",")}]`;
    case "object":
      return `{${json.members.map(([name, value]) => `${JSON.stringify(name)}:${written(value)}`).join(",")}}`;
  }
}
