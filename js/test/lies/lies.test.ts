/**
 * Tests what each client reports if the operator of a log lies. The log server is written from SPEC.md alone. SECURITY.md
 * has tables of the lies. After a change of lies.ts, update them, and review the diff:
 *
 *     UPDATE_LIES=1 npm run test:files -- test/lies/lies.test.ts
 */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { serve as program } from "../conformance/serve.ts";
import { CLIENTS, type Client, type ClientName, createClient, removeFiles } from "./clients.ts";
import { type Cell, type Expected, ROWS, type Row } from "./lies.ts";
import { OperatorLog } from "./log.ts";
import { serve } from "./server.ts";
import { withTables } from "./table.ts";

after(removeFiles);

const SECURITY = new URL("../../../SECURITY.md", import.meta.url);

/** Returns what a client must report at each visit, up to the last one that the cell is about. */
function expectations({ visits }: Row, { expected, stays }: Cell): (Expected | undefined)[] {
  const all = visits.map(([, when]) => expected[when]);
  const last = all.findLastIndex((one) => one !== undefined);
  if (last === -1) {
    return all;
  }
  return all.slice(0, stays ? undefined : last + 1).map((one, visit) => (visit > last ? all[last] : one));
}

/** Tests that a client reports what a cell says. */
async function testCell(row: Row, cell: Cell, client: Client): Promise<void> {
  const log = new OperatorLog(row.operator);
  const server = await serve(log);
  try {
    for (const [nth, expected] of expectations(row, cell).entries()) {
      const [tick = 0, when = ""] = row.visits[nth] ?? [];
      log.visit = nth;
      if (row.grows && nth > 0) {
        log.record();
      }
      log.advance(tick);
      const { status, codes, output } = await client.visit(log, server.url);
      const message = `${when}, at tick ${log.visibleTick}:\n${output}`;
      if (expected === undefined) {
        assert.deepEqual({ status, codes }, { status: 0, codes: [] }, message);
      } else {
        const [code] = codes.includes(expected.code) ? [expected.code] : codes;
        assert.deepEqual({ status, code }, expected, message);
      }
    }
  } finally {
    await server.close();
  }
}

describe("lies", { concurrency: 4, skip: program.skip }, () => {
  for (const row of ROWS) {
    for (const [name, cell] of Object.entries(row.cells) as [ClientName, Cell][]) {
      for (const [nth, make] of CLIENTS[name].entries()) {
        const client = nth === 0 ? name : `${name}, npm package`;
        test(`${row.lie}: ${client}`, { timeout: 60_000 }, () => testCell(row, cell, createClient(make)));
      }
    }
  }
});

test("lies: SECURITY.md has the tables", () => {
  const document = readFileSync(SECURITY, "utf8");
  const current = withTables(document);
  if (process.env.UPDATE_LIES !== undefined) {
    writeFileSync(SECURITY, current);
  } else {
    assert.equal(document, current);
  }
});
