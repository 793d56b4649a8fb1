/** A verifying worker: it is told what it is, loads the core, and serves until it is terminated. */

import init from "../wasm/verifier.js";
import { alone } from "./alone.js";
import { coordinate } from "./coordinator.js";
import { type HostPort, plainError, type Role, type ToWorker } from "./protocol.js";
import { summarize } from "./summarizer.js";

/** Serves the host on the other side of a port. */
export function work(host: HostPort): void {
  const fail = (error: unknown) => host.postMessage({ type: "failed", error: plainError(error) }, []);
  const begin = async (module: WebAssembly.Module, role: Role) => {
    await init({ module_or_path: module });
    const receive = serve(role, host, fail);
    host.onmessage = ({ data }) => {
      try {
        receive(data);
      } catch (error) {
        fail(error);
      }
    };
    host.postMessage({ type: "ready" }, []);
  };
  host.onmessage = ({ data }) => {
    if (data.type === "begin") {
      begin(data.module, data.role).catch(fail);
    }
  };
}

function serve(role: Role, host: HostPort, fail: (error: unknown) => void): (message: ToWorker) => void {
  switch (role.role) {
    case "alone":
      return alone(host, role.task);
    case "coordinator":
      return coordinate(host, role.task, role.summarizers, fail);
    case "summarizer":
      return summarize(role.coordinator, role.trust, fail);
  }
}
