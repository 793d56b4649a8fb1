/** A worker that verifies all of an export. */

import { Verifier } from "../wasm/verifier.js";
import { Chunks } from "./chunks.js";
import { Live } from "./live.js";
import type { Feed, Outcome, Task } from "./messages.js";
import type { HostPort } from "./port.js";
import { ResultSender } from "./result-sender.js";

/** Gives what takes the host's messages. */
export function verifyAlone(host: HostPort, task: Task, fail: (error: unknown) => void): (message: Feed) => void {
  const verifier = new Verifier(task.trust, task.pins, task.expect, task.wants);
  const sender = new ResultSender(host, verifier);
  const chunks = new Chunks();
  const told = {
    tell: (outcome: Outcome) => host.postMessage({ type: "report", outcome }, []),
    isReady: () => sender.isDone,
    fail,
  };
  const live = task.wants.live ? new Live(task, verifier, told) : undefined;
  let ended = false;
  let outcome: Outcome | undefined;

  const counts = () => ({ lines: verifier.lines, events: verifier.events });
  const proceed = () => {
    while (!chunks.isEmpty && sender.hasRoom) {
      const { bytes, spent } = chunks.offer((chunk) => verifier.push(chunk));
      if (spent !== undefined) {
        live?.settle();
      }
      sender.show();
      host.postMessage({ type: "taken", bytes, counts: counts(), spent }, spent ? [spent] : []);
    }
    if (outcome === undefined) {
      live?.look();
    }
    if (ended && chunks.isEmpty && outcome === undefined) {
      live?.stop();
      outcome = verifier.finish() as Outcome;
      sender.show();
    }
    if (ended && outcome !== undefined && sender.isDone) {
      ended = false;
      verifier.free();
      host.postMessage({ type: "done", outcome }, []);
    }
  };
  return (message) => {
    switch (message.type) {
      case "chunk":
        chunks.add(message.bytes);
        break;
      case "end":
        ended = true;
        break;
      case "shown":
        sender.shown(message.bytes);
        break;
    }
    proceed();
  };
}
