/**
 * Tries what an administrator could who has access to the log's folder: deletes one event of one customer, behind the
 * log server's back. With `--entry`, also the entry itself.
 */

import process from "node:process";
import { DatabaseSync } from "node:sqlite";

const [folder = "", customer = "", action = "", how] = process.argv.slice(2);
const database = new DatabaseSync(`${folder}/log.sqlite`);
const tenant = database.prepare("SELECT number FROM tenants WHERE name = ?").get(customer);
if (tenant === undefined) {
  throw new Error("usage: node drop.ts FOLDER CUSTOMER ACTION [--entry]");
}

/** The entries of a tenant log are a range of the tables' keys. */
const first = Number(tenant.number) * 2 ** 32;
const found = database
  .prepare("SELECT idx FROM events WHERE idx >= ? AND idx < ? AND event LIKE ? ORDER BY idx DESC")
  .get(first, first + 2 ** 32, `%"action":"${action}"%`);
if (found === undefined) {
  throw new Error(`${customer} has no event ${action}`);
}
for (const table of how === "--entry" ? ["events", "leaves"] : ["events"]) {
  database.prepare(`DELETE FROM ${table} WHERE idx = ?`).run(Number(found.idx));
}
console.log(`deleted entry ${Number(found.idx) - first} of ${customer}'s log`);
