import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A customer's audit log, as the service keeps it. */
export interface Customer {
  /** The log's origin, which ends in `/t/` and its ID. */
  readonly origin: string;
  /** Reads this log alone. Never leaves the server. */
  readonly token: string;
  readonly trust: string;
}

/** Reads the files that `countersign tenant add` wrote: `acme.txt` and `acme-trust.txt` for the customer `acme`. */
export function customersIn(folder: string): ReadonlyMap<string, Customer> {
  const names = readdirSync(folder).flatMap((file) => /^(.+)-trust\.txt$/.exec(file)?.[1] ?? []);
  return new Map(
    names.map((name) => {
      const text = readFileSync(join(folder, `${name}.txt`), "utf8");
      const [, origin = ""] = /^origin (.+)$/m.exec(text) ?? [];
      const [, token = ""] = /^token (.+)$/m.exec(text) ?? [];
      return [name, { origin, token, trust: readFileSync(join(folder, `${name}-trust.txt`), "utf8") }];
    }),
  );
}
