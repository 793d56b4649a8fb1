import { Keeper } from "./keeper.js";
import type { PagePort, Request } from "./protocol.js";

/** The shortest time between two tellings of how far saving came, in milliseconds. */
const TELL_EVERY = 100;

/** Keeps a shelf for the page on the other side of a port. */
export function serve(page: PagePort): void {
  const cancelled = new Set<number>();
  const fail = (id: number, error: unknown) => page.postMessage({ type: "failed", id, message: messageOf(error) });
  const keeper = new Keeper(fail);
  const saving = (id: number) => {
    let told = Number.NEGATIVE_INFINITY;
    return (events: number) => {
      if (cancelled.delete(id)) {
        throw new Error("it was cancelled");
      }
      const now = performance.now();
      if (now - told >= TELL_EVERY) {
        told = now;
        page.postMessage({ type: "saving", id, events });
      }
    };
  };
  const answer = (id: number, request: Request): unknown => {
    switch (request.type) {
      case "add":
        return keeper.add(request.batch);
      case "mark":
        return keeper.mark(request.marks);
      case "settle":
        return keeper.settle();
      case "rows":
        return keeper.rows(request.from, request.to);
      case "values":
        return keeper.values(request.column, request.text);
      case "rowOf":
        return keeper.rowOf(request.line);
      case "lineOf":
        return keeper.lineOf(request.index);
      case "indexes":
        return keeper.indexes();
      case "coverage":
        return keeper.coverage();
      case "save":
        return keeper.save(request.as, request.doubts, saving(id));
    }
  };
  page.onmessage = async ({ data }) => {
    if ("request" in data) {
      const { id, request } = data;
      try {
        page.postMessage({ type: "answer", id, value: await answer(id, request) });
      } catch (error) {
        fail(id, error);
      } finally {
        cancelled.delete(id);
      }
    } else if (data.type === "ask") {
      keeper.ask(data.question, data.query, data.order, (found) => page.postMessage({ type: "found", found }));
    } else {
      cancelled.add(data.id);
    }
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
