/** Uses a file outbox in any runtime: `child.ts PATH WHAT`. */

import { fileOutbox } from "../../packages/countersign/dist/outbox/file.node.js";
import { chance, entry, texts } from "./conformance.ts";

const [path = "", what = "", seed = "1"] = process.argv.slice(2);
const outbox = fileOutbox(path);
const print = (line: string) => console.log(line);

switch (what) {
  /** Prints the entries, then adds and removes some until it is killed, printing each change that is made. */
  case "churn": {
    const entries = await outbox.open();
    print(
      texts(entries)
        .map((text) => text.trim())
        .join(),
    );
    const below = chance(Number(seed));
    let ids = entries.map(({ id }) => id);
    let next = (ids.at(-1) ?? 0) + 1;
    for (;;) {
      // Several at a time, so that some share a sync.
      const changes = Array.from({ length: 1 + below(4) }, () => {
        const first = next;
        next += 1 + below(5);
        const last = next - 1;
        // Removes the oldest first, as deliveries do.
        const remove = ids.splice(0, ids.length > 50 ? below(20) : 0);
        // Without removals, each entry is a line of its own, so a kill may leave the first ones of a change.
        const end = (id: number) => (remove.length > 0 ? last : id);
        const put = Array.from({ length: last - first + 1 }, (_, nth) =>
          entry(first + nth, `${first + nth}/${end(first + nth)}`.padEnd(6000)),
        );
        ids = [...ids, ...put.map(({ id }) => id)];
        return { put, remove };
      });
      await Promise.all(
        changes.map(async (change) => {
          await outbox.write(change);
          print(`${change.put.map(({ id }) => id).join()} ${change.remove.join()}`);
        }),
      );
    }
  }
  /** Prints whether it could be opened, and ends: an outbox must not keep the process alive. */
  case "open":
    await outbox.open().then(
      (entries) => print(`open ${entries.length}`),
      (error) => print(`${error.code}\n${error.hint}`),
    );
    break;
  /** Writes until there is no space, and prints what it can do then. */
  case "fill": {
    await outbox.open();
    const attempt = async (what: string, put: number[], remove: number[]) => {
      const change = { put: put.map((id) => entry(id, `${id}`.padEnd(10_000))), remove };
      const made = await outbox.write(change).then(
        () => "made",
        ({ code, hint }) => `${code}: ${hint}`,
      );
      print(`${what} ${made}`);
      return made === "made";
    };
    let id = 1;
    while (await attempt(`${id}`, [id], [])) {
      id += 1;
    }
    // Too large alone, but not for concurrent changes.
    await Promise.all([
      attempt("many", [id + 1, id + 2, id + 3], []),
      attempt(
        "removal",
        [],
        Array.from({ length: id }, (_, nth) => nth + 1),
      ),
      attempt("after", [id + 4], []),
    ]);
    break;
  }
  /** Holds the outbox until its input ends. */
  case "hold":
    await outbox.open();
    print("open");
    for await (const _ of process.stdin) {
      // Wait.
    }
    break;
}
