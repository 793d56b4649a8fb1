/** Indexes filled by tests; rows are created on request. */

import type {
  EventIndex,
  EventRow,
  Json,
  Parsed,
  SearchResult,
  WholeEvent,
  WholeRow,
} from "../../../packages/ui/dist/index/types.js";

const CHAIN = "0123456789abcdef0123456789abcdef";
const VKEY = "example.com/recorder+5cc3cc17+AXXk4FqvBmVpPW1yJ0qpQ9ZvV5xq3h0h5wF6J8sYzGxk";
const ACTIONS = ["job.create", "job.trigger", "session.login", "config.update", "role.grant"];
const NAMES = ["Ada Lovelace", "Grace Hopper", "Nightly backup", "Jürgen Weiß", "محمد"];

/** Content of an index filled by a test. */
export type Made = Pick<EventIndex, "rows" | "row" | "rowOf">;

/** An index that only returns rows. */
export function indexOf(
  size: number,
  row: (number: number) => WholeRow,
): { index: Made; found: SearchResult; asked: number[] } {
  const asked: number[] = [];
  const index: Made = {
    rows: async (from, to, fields) => {
      asked.push(from);
      await new Promise<void>((told) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => told();
        port2.postMessage(0);
      });
      return Array.from({ length: Math.min(to, size) - from }, (_, place) => listed(row(from + place), fields));
    },
    row: async (at) => (at < size ? row(at) : undefined),
    rowOf: async (line) => line - usual(0).line,
  };
  const found: SearchResult = {
    query: 1,
    isFiltered: false,
    rows: size,
    events: size,
    of: size,
    unknown: { withheld: 0, gaps: 0 },
    searched: size,
    complete: true,
    facets: {} as SearchResult["facets"],
    histogram: undefined,
    unknownFields: [],
    conditions: [],
    steps: [],
    asksTime: false,
    times: { own: 0, recorded: size, last: 0 },
  };
  return { index, found, asked };
}

/** Returns a row as a list has it. */
export function listed(row: WholeRow, fields: readonly string[] = []): EventRow | Exclude<WholeRow, WholeEvent> {
  if (row.kind !== "event") {
    return row;
  }
  const { json, ...rest } = row;
  const values = fields.flatMap((field) => {
    const value = at(JSON.parse(json), field.split("."));
    return value === undefined ? [] : [[field, [typeof value === "string" ? value : JSON.stringify(value)]] as const];
  });
  return {
    ...rest,
    fields: new Map(values),
    begin: row.parsed === undefined ? json.slice(0, 300) : undefined,
    place: { blob: 0, begin: 0, end: 0 },
  };
}

function at(value: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) {
    return value;
  }
  const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, name);
  return isThere ? at((value as Record<string, unknown>)[name], rest) : undefined;
}

/** Returns the row of an event as JSON, parsed as countersign's own shape if it has an action. */
export function event(number: number, json: string, rest: Partial<WholeEvent> = {}): WholeEvent {
  const { action, actor, target, outcome, tenant } = JSON.parse(json) as Record<string, string> & Parsed;
  return {
    kind: "event",
    line: number + 3,
    index: number + 1,
    chain: CHAIN,
    seq: number + 1,
    time: new Date(Date.UTC(2026, 10, 1) + number * 1000).toISOString(),
    vkey: VKEY,
    authorized: true,
    happened: undefined,
    parsed:
      typeof action === "string"
        ? {
            as: "countersign",
            action,
            ...(actor && { actor }),
            ...(target && { target }),
            outcome: outcome ?? "not-stated",
          }
        : undefined,
    own: undefined,
    tenant,
    json,
    tree: treeOf(json),
    ...rest,
  };
}

/** Parses JSON as the core does for pages. */
function treeOf(json: string): Json {
  const revive = (_: string, value: unknown, { source }: { source?: string }): Json => {
    if (typeof value === "string") {
      return { kind: "string", value };
    }
    if (Array.isArray(value)) {
      return { kind: "array", items: value as Json[] };
    }
    return typeof value === "object" && value !== null
      ? {
          kind: "object",
          members: Object.entries(value as Record<string, Json>).map(([name, of]) => [name.replace(AGAIN, ""), of]),
        }
      : { kind: "literal", source: source ?? String(value) };
  };
  const apart = json.replace(/("action":"first",)"action"/, `$1"action${AGAIN}"`);
  return JSON.parse(apart, revive as (key: string, value: unknown) => unknown) as Json;
}

/** Marks the second occurrence of a name, because `JSON.parse` would keep only one. */
const AGAIN = "\ue000";

/** Returns an ordinary event. */
export function usual(number: number): WholeEvent {
  const outcome = number % 7 === 3 ? "failure" : "success";
  return event(
    number,
    JSON.stringify({
      action: ACTIONS[number % ACTIONS.length],
      actor: { id: `u_${number}`, name: NAMES[number % NAMES.length], type: "user" },
      context: { ip: `10.0.${Math.floor(number / 256) % 256}.${number % 256}`, request_id: `req_${number}` },
      outcome,
      target: { id: `job_${number % 97}`, name: "Nightly backup", type: "job" },
      tenant: `t_${number % 5}`,
    }),
  );
}

/** Ordinary events with a gap at row 5, withheld ones at rows 8 to 11, and both together from row 50 on. */
export function mixed(number: number): WholeRow {
  const row = usual(number);
  if (number === 5) {
    return { kind: "gap", line: row.line, index: row.index, entries: 1024 };
  }
  if (number >= 8 && number <= 11) {
    const { line, index, chain, seq, time, vkey, authorized } = row;
    const why = (["erased", "redacted", "filtered", null] as const)[number - 8] ?? null;
    return { kind: "withheld", line, index, chain, seq, time, vkey, authorized, why };
  }
  if (number >= 50 && number <= 52) {
    const [withheld, entries] = (
      [
        [3, 0],
        [0, 4],
        [1, 2],
      ] as const
    )[number - 50] ?? [0, 0];
    const { line, index } = row;
    return { kind: "fold", line, index, last: index + withheld + entries - 1, withheld, entries };
  }
  return row;
}

/** Events that imitate other content, each in a row of its own. */
export const HOSTILE: readonly string[] = [
  '{"action":"<img src=x onerror=\\"globalThis.ran=1\\">","actor":{"id":"<script>globalThis.ran=1</script>"},"target":{"id":"javascript:globalThis.ran=1"}}',
  '{"action":"user.delete","actor":{"id":"admin\u202egnp.exe","name":"\u2066\u200badmin\u2069"},"target":{"id":"u_1"}}',
  '{"аction":"session.login","action":"data.export","actor":{"id":"pаypal"},"target":{"id":"x"}}',
  `{"action":"data.export","actor":{"id":"u_1"},"big":"${"A".repeat(1_000_000)}","target":{"id":"${"B".repeat(5_000)}"}}`,
  '{"__proto__":{"action":"x","polluted":true},"action":"role.grant","actor":{"id":"u_2"},"constructor":{"prototype":{"y":1}},"toString":"z"}',
  `{"action":"deep","actor":{"id":"u_3"},"deep":${'{"a":'.repeat(62)}1${"}".repeat(62)}}`,
  '{"":"nameless","action":"empty","actor":{"id":""},"n":[9007199254740993,1.10,-0,1e400,true,null]}',
  '{"action":"first","action":"second","actor":{"id":"u_4"}}',
  '{"nothing":"usual","here":1}',
  `{"action":"wide",${Array.from({ length: 5_000 }, (_, place) => `"m${place}":${place}`).join(",")}}`,
  `{"action":"unseen","v":"${"\u200b".repeat(50_000)}","w":"${"a\u202e".repeat(20_000)}"}`,
  '{"action":"{actor}","actor":{"id":"{target}"},"target":{"id":"\\u0024{x} {{action}}"}}',
];

/** Events with a state before and after. */
export const CHANGED: readonly string[] = [
  JSON.stringify({
    action: "config.update",
    actor: { id: "u_1", name: "Ada Lovelace" },
    after: {
      enabled: true,
      limits: { cpu: 4, memory: "8 GiB" },
      owner: "u_9",
      schedule: "0 3 * * *",
      tags: ["prod", "night", "eu"],
    },
    before: {
      enabled: false,
      legacy: null,
      limits: { cpu: 2, memory: "8 GiB" },
      schedule: "0 3 * * *",
      tags: ["prod", "eu"],
    },
    outcome: "success",
    target: { id: "job_7", name: "Nightly backup", type: "job" },
  }),
  '{"action":"config.update","after":{"a":1},"before":{"a":1}}',
  '{"action":"job.create","after":{"a":1}}',
  '{"action":"job.delete","after":null,"before":{"a":{"b":1}}}',
  `{"action":"big","after":{"v":"${"b".repeat(100_000)}"},"before":{"v":"${"a".repeat(100_000)}"}}`,
  `{"action":"many","after":{${Array.from({ length: 3_000 }, (_, place) => `"m${place}":1`).join(",")}},"before":{}}`,
  '{"action":"hostile","after":{"__proto__":2,"<b>x</b>":"<i>y</i>","constructor":1},"before":{"__proto__":1,"constructor":1}}',
];
