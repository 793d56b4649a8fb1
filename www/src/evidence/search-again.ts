import { CountersignError } from "@countersign/shared/error.js";
import type { SearchExport } from "@countersign/ui/slice/types.js";
import { Session, type Tools } from "@countersign/ui/viewer/session/session.js";

/** Returns a function that searches the export of an evidence file again, apart from what the page shows. */
export function searchAgain(tools: Tools): SearchExport {
  return async (source, { queries, at, trust, pins }) => {
    const session = new Session(source, { trust, pins }, tools);
    try {
      await session.ended;
      if (session.phase !== "done") throw new Error("the export of the evidence file can't be read again");
      const found: Float64Array[] = [];
      for (const query of queries) {
        const answer = await session.index.ask(query, { by: "place", descending: false }, () => {}, at);
        if ("code" in answer)
          throw new CountersignError("evidence.invalid", "the query of the report is invalid", {
            member: "query",
            hint: "use the version of the page that the report names",
          });
        found.push(await session.index.indexes());
      }
      return found;
    } finally {
      session.close();
    }
  };
}
