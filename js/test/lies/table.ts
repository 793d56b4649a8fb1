/** The tables of lies in SECURITY.md. */

import type { ClientName } from "./clients.ts";
import { ROWS } from "./lies.ts";

/** The columns of each table, and the command that a column is for. */
const TABLES: Record<string, Partial<Record<ClientName, string>>> = {
  "tenant log": {
    verify: "`verify`",
    "verify with a pin": "`verify` with a pin",
    monitor: "`monitor`",
    record: "`record`",
    "monitor --all-tenants": "`monitor --all-tenants`",
  },
  "root log": {
    check: "`check`",
    "check with a pin": "`check` with a pin",
    "monitor --all-tenants": "`monitor --all-tenants`",
  },
};

/** Returns a document with current tables between its markers. */
export function withTables(document: string): string {
  return Object.entries(TABLES).reduce((text, [name, columns]) => {
    const [begin, end] = [`<!-- lies: ${name} -->\n`, "<!-- end -->\n"];
    const [before, rest] = halves(text, begin);
    const [, after] = halves(rest, end);
    return `${before}${begin}\n${tableOf(columns)}\n${end}${after}`;
  }, document);
}

function tableOf(columns: Partial<Record<ClientName, string>>): string {
  const names = Object.keys(columns) as ClientName[];
  // A client that is in both tables selects no row of its own.
  const rows = ROWS.filter(({ cells }) => names.some((name) => name !== "monitor --all-tenants" && name in cells));
  const lines = [
    ["the lie", ...Object.values(columns)],
    ["---", ...names.map(() => "---")],
    ...rows.map(({ lie, cells }) => [lie, ...names.map((name) => cells[name]?.words ?? "–")]),
  ];
  return lines.map((line) => `| ${line.join(" | ")} |\n`).join("");
}

function halves(text: string, marker: string): [before: string, after: string] {
  const at = text.indexOf(marker);
  if (at === -1) {
    throw new Error(`SECURITY.md lacks the line ${marker}`);
  }
  return [text.slice(0, at), text.slice(at + marker.length)];
}
