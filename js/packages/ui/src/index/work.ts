/** A worker of an index, as service or builder. Serves until it is terminated. */

import { connect, type Port, serializeError } from "@countersign/shared/rpc.js";
import init from "../wasm/index.js";
import { Builder } from "./builder.js";
import { IndexService } from "./index-service.js";
import type { BuilderWorker, IndexHost, IndexWorker, SegmentConsumer } from "./roles.js";

/** Minimum milliseconds between two progress reports of a save. */
const REPORT_INTERVAL_MS = 100;

/** Serves the page at the other end of a port. */
export function work(port: Port): void {
  let service: IndexService | undefined;
  let builder: Builder | undefined;
  const canceled = new Set<number>();
  const running = (): IndexService => {
    if (service === undefined) {
      throw new Error("this worker doesn't keep an index");
    }
    return service;
  };
  const onError = (error: unknown) => void host.fail(serializeError(error));
  const progressOf = (id: number) => {
    let reportedAt = Number.NEGATIVE_INFINITY;
    return (events: number) => {
      if (canceled.has(id)) {
        throw new Error("the save was canceled");
      }
      const now = performance.now();
      if (now - reportedAt >= REPORT_INTERVAL_MS) {
        reportedAt = now;
        void host.saved(id, events);
      }
    };
  };
  const api: IndexWorker & Omit<BuilderWorker, "begin"> = {
    begin: async (module, role) => {
      await init({ module_or_path: module as WebAssembly.Module });
      if (role.role === "builder") {
        builder = new Builder(role.service, onError);
      } else {
        service = new IndexService(host, onError);
      }
    },
    add: (batch, writesLines) => builder?.add(batch, writesLines),
    flush: async () => builder?.flush(),
    join: (from) => {
      const consumer: SegmentConsumer = { accept: (...args) => running().accept(...args) };
      connect(from, consumer, "index");
    },
    open: (file) => running().open(file),
    know: (nth, piece) => running().know(nth, piece),
    mark: (marks) => running().mark(marks),
    settle: () => running().settle(),
    ask: (id, query, order, at) => running().ask(id, query, order, at),
    count: (query) => running().count(query),
    check: (query) => running().check(query),
    toggled: (query, column, value) => running().toggled(query, column, value),
    within: (query, since, until) => running().within(query, since, until),
    parts: (query) => running().parts(query),
    asksUntil: (query, at) => running().asksUntil(query, at),
    suggest: (query, caret) => running().suggest(query, caret),
    rows: (from, to, fields) => running().rows(from, to, fields),
    row: (at, known) => running().row(at, known),
    rowOf: (line) => running().rowOf(line),
    lineOf: (index) => running().lineOf(index),
    indexes: () => running().indexes(),
    coverage: () => running().coverage(),
    lines: (segment) => running().lines(segment),
    save: (id, as, signers) =>
      running()
        .save(as, signers, progressOf(id))
        .finally(() => canceled.delete(id)),
    cancel: (id) => {
      canceled.add(id);
    },
  };
  const host = connect<IndexHost>(port, api, "host");
}
