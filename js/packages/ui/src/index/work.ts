/** A worker of an index: it is told what it is there for, and serves until it is terminated. */

import { connect, type Port, serializeError } from "@countersign/shared/rpc.js";
import init from "../wasm/index.js";
import { Builder } from "./builder.js";
import { IndexService } from "./index-service.js";
import type { BuilderWorker, IndexHost, IndexWorker, SegmentTaker } from "./roles.js";

/** The shortest time between two tellings of how far saving came, in milliseconds. */
const TELL_EVERY = 100;

/** Serves the page on the other side of a port. */
export function work(port: Port): void {
  let service: IndexService | undefined;
  let builder: Builder | undefined;
  const canceled = new Set<number>();
  const running = (): IndexService => {
    if (service === undefined) {
      throw new Error("this worker keeps no index");
    }
    return service;
  };
  const failed = (error: unknown) => void host.fail(serializeError(error));
  const saving = (id: number) => {
    let told = Number.NEGATIVE_INFINITY;
    return (events: number) => {
      if (canceled.has(id)) {
        throw new Error("it was canceled");
      }
      const now = performance.now();
      if (now - told >= TELL_EVERY) {
        told = now;
        void host.saved(id, events);
      }
    };
  };
  const ours: IndexWorker & Omit<BuilderWorker, "begin"> = {
    begin: async (module, role) => {
      await init({ module_or_path: module as WebAssembly.Module });
      if (role.role === "builder") {
        builder = new Builder(role.service, failed);
      } else {
        service = new IndexService(host, failed);
      }
    },
    add: (batch, writes) => builder?.add(batch, writes),
    flush: async () => builder?.flush(),
    join: (from) => {
      const taker: SegmentTaker = { take: (...given) => running().take(...given) };
      connect(from, taker, "index");
    },
    open: (file) => running().open(file),
    know: (nth, piece) => running().know(nth, piece),
    mark: (marks) => running().mark(marks),
    settle: () => running().settle(),
    ask: (question, query, order) => running().ask(question, query, order),
    check: (query) => running().check(query),
    toggled: (query, column, value) => running().toggled(query, column, value),
    within: (query, since, until) => running().within(query, since, until),
    parts: (query) => running().parts(query),
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
        .save(as, signers, saving(id))
        .finally(() => canceled.delete(id)),
    cancel: (id) => {
      canceled.add(id);
    },
  };
  const host = connect<IndexHost>(port, ours, "host");
}
