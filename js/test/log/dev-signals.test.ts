/** How `countersign dev` of the npm package handles signals, and passes them on. */

import assert from "node:assert/strict";
import { ChildProcess } from "node:child_process";
import { test } from "node:test";
import { runCommand } from "../../packages/cloudflare-log/out/dev/command.node.js";
import {
  SIGINT_GRACE_MS,
  SignalForwarder,
  StopSignals,
} from "../../packages/cloudflare-log/out/dev/stop-signals.node.js";
import { until } from "../eventually.ts";

const forwarderTo = (sent: NodeJS.Signals[], hasTerminal: boolean) =>
  new SignalForwarder(
    (signal) => sent.push(signal),
    () => hasTerminal,
  );

test("without a terminal, each signal is passed on immediately", () => {
  const sent: NodeJS.Signals[] = [];
  const forwarder = forwarderTo(sent, false);
  for (const signal of ["SIGINT", "SIGINT", "SIGTERM", "SIGHUP"] as const) {
    forwarder.forward(signal);
  }
  assert.deepEqual(sent, ["SIGINT", "SIGINT", "SIGTERM", "SIGHUP"]);
});

test("with a terminal, SIGINT is passed on once, and only if the command doesn't end by itself", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const sent: NodeJS.Signals[] = [];
  const forwarder = forwarderTo(sent, true);
  forwarder.forward("SIGINT");
  forwarder.forward("SIGINT");
  forwarder.forward("SIGTERM");
  context.mock.timers.tick(SIGINT_GRACE_MS - 1);
  assert.deepEqual(sent, ["SIGTERM"]);
  context.mock.timers.tick(1);
  forwarder.forward("SIGINT");
  context.mock.timers.tick(SIGINT_GRACE_MS);
  assert.deepEqual(sent, ["SIGTERM", "SIGINT"]);

  const ended = forwarderTo(sent, true);
  ended.forward("SIGINT");
  ended.close();
  context.mock.timers.tick(SIGINT_GRACE_MS);
  assert.deepEqual(sent, ["SIGTERM", "SIGINT"]);
});

test("a command that can't get a signal keeps running, and its status is reported", async (context) => {
  const signals = new StopSignals();
  const { kill } = ChildProcess.prototype;
  let child: ChildProcess | undefined;
  context.mock.method(ChildProcess.prototype, "kill", function (this: ChildProcess) {
    child = this;
    // As Node.js does if the system reports EPERM.
    return !this.emit("error", Object.assign(new Error("kill EPERM"), { code: "EPERM" }));
  });
  try {
    const status = runCommand([process.execPath, "--eval", "setInterval(() => {}, 1000)"], {}, signals);
    process.emit("SIGTERM");
    process.emit("SIGTERM");
    await until("the command gets the signal", () => child !== undefined);
    assert.equal(child?.exitCode, null);
    kill.call(child, "SIGKILL");
    assert.equal(await status, 137);
  } finally {
    signals.close();
  }
});

test("a command isn't run after a signal", async () => {
  const signals = new StopSignals();
  process.emit("SIGTERM");
  await signals.first;
  assert.equal(await runCommand(["./missing"], {}, signals), 0);
  signals.close();
  assert.equal(process.listenerCount("SIGTERM"), 0);
});
