/** A verifying worker: it is told what it is, loads the core, and serves until it is terminated. */

import init from "../wasm/verifier.js";
import { coordinate } from "./coordinator.js";
import { type Feed, plainError, type Role } from "./messages.js";
import type { HostPort } from "./port.js";
import { verifyAlone } from "./single-worker.js";
import { summarize } from "./summarizer.js";

/** Serves the host on the other side of a port. It can be told to begin again, in another role and for other bytes. */
export function work(host: HostPort): void {
  let receive: ((message: Feed) => void) | undefined;
  const fail = (error: unknown) => host.postMessage({ type: "failed", error: plainError(error) }, []);
  const begin = async (module: WebAssembly.Module, role: Role) => {
    await init({ module_or_path: module });
    receive = serve(role, host, fail);
    host.postMessage({ type: "ready" }, []);
  };
  host.onmessage = ({ data }) => {
    if (data.type === "begin") {
      begin(data.module, data.role).catch(fail);
      return;
    }
    try {
      receive?.(data);
    } catch (error) {
      fail(error);
    }
  };
}

function serve(role: Role, host: HostPort, fail: (error: unknown) => void): (message: Feed) => void {
  switch (role.role) {
    case "single":
      return verifyAlone(host, role.task, fail);
    case "coordinator":
      return coordinate(host, role.task, role.summarizers, fail);
    case "summarizer":
      summarize(role.coordinator, role.trust, fail);
      return () => {};
  }
}
