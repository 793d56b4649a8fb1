/** A worker that verifies all of an export. */

import { Verifier } from "../wasm/verifier.js";
import { Chunks } from "./chunks.js";
import { EVENTS_UNDER_WAY, type Feed, type HostPort, moved, type Outcome, type Task } from "./protocol.js";

/** Gives what takes the host's messages. */
export function alone(host: HostPort, task: Task): (message: Feed) => void {
  const verifier = new Verifier(task.trust, task.pins, task.expect, task.events);
  const chunks = new Chunks();
  let ended = false;
  let eventsUnderWay = 0;

  const show = (events: Uint8Array) => {
    if (events.length > 0) {
      eventsUnderWay += events.length;
      host.postMessage({ type: "events", bytes: events }, moved(events));
    }
  };
  const counts = () => ({ lines: verifier.lines, events: verifier.events });
  const proceed = () => {
    while (!chunks.isEmpty && eventsUnderWay < EVENTS_UNDER_WAY) {
      const { bytes, spent } = chunks.offer((chunk) => verifier.push(chunk));
      show(verifier.takeEvents());
      host.postMessage({ type: "taken", bytes, counts: counts(), spent }, spent ? [spent] : []);
    }
    if (ended && chunks.isEmpty) {
      ended = false;
      const { events, ...outcome } = verifier.finish() as Outcome & { events: Uint8Array };
      show(events);
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
        eventsUnderWay -= message.bytes;
        break;
    }
    proceed();
  };
}
