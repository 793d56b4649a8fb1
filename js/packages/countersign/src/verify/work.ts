/** A verification worker: receives a role, loads the core, and serves until it is terminated. */

import { inTurn } from "../promises.js";
import { connect, type Port, type Remote, transfer } from "../rpc/connect.js";
import init, { Summarizer } from "../wasm/verifier.js";
import { PartCoordinator } from "./coordinator.js";
import { InlineEngine } from "./inline.js";
import { HostListener } from "./results.js";
import type { Feed, Role, SummarizerWorker, Task, VerifyHost, VerifyWorker } from "./roles.js";

/** Serves the host at the other end of a port. `begin` may be called again, with another role and input. */
export function work(port: Port): void {
  let feed: Feed | undefined;
  const fed = () => required(feed, "a summarizer is fed by its coordinator");
  const api: VerifyWorker = {
    begin: async (module, role) => {
      await init({ module_or_path: module as WebAssembly.Module });
      feed = feedOf(role, host);
    },
    chunk: (bytes) => fed().chunk(bytes),
    end: () => fed().end(),
  };
  const host = connect<VerifyHost>(port, api, "host");
}

function required<T>(value: T | undefined, message: string): T {
  if (value === undefined) {
    throw new Error(message);
  }
  return value;
}

function feedOf(role: Role, host: Remote<VerifyHost>): Feed | undefined {
  switch (role.role) {
    case "single":
      return single(role.task, new HostListener(host));
    case "coordinator":
      return new PartCoordinator(role.task, new HostListener(host), role.summarizers);
    case "summarizer":
      summarize(role.coordinator, role.trust);
      return undefined;
  }
}

/** Verifies a whole export in this worker, one chunk after the other. */
function single(task: Task, listener: HostListener): Feed {
  const engine = new InlineEngine(task, listener, false);
  const next = inTurn();
  return {
    chunk: (bytes) =>
      next(async () => {
        await engine.feed(bytes);
        return transfer({ counts: listener.counts, spent: bytes.buffer as ArrayBuffer }, bytes);
      }),
    end: () =>
      next(async () => {
        const outcome = await engine.end();
        await listener.idle();
        engine.stop();
        return outcome;
      }),
  };
}

/** Serves a coordinator as a summarizer. */
export function summarize(coordinator: Port, trust: Uint8Array | undefined): void {
  let current: Summarizer | undefined;
  const summarizer = () => required(current, "the origin must be set first");
  const api: SummarizerWorker = {
    begin: (origin) => {
      current = new Summarizer(origin, trust);
    },
    learn: (opened) => summarizer().learn(opened),
    summarize: (part) => {
      const length = summarizer().summarize(part);
      const fits = part.length + length <= part.buffer.byteLength;
      const summary = fits ? new Uint8Array(part.buffer, part.length, length) : new Uint8Array(length);
      summarizer().takeSummary(summary);
      return transfer({ summary, part }, summary, part);
    },
  };
  connect(coordinator, api, "verifier");
}
