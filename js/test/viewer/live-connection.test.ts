/** Retries of a live view. */

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { LiveConnection } from "../../packages/ui/dist/viewer/session/live-connection.js";

// Addresses are resolved against the page's.
Object.assign(globalThis, { document: { baseURI: "https://log.example/" } });

const LINE = '{"countersign":"export/v1","origin":"log.example/app"}';
const live = () => new Response(`data: ${LINE}\n\n`, { headers: { "content-type": "text/event-stream" } });

test("LiveConnection: doubles the delay after each failure, from a second to half a minute", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let asked = 0;
  let isUp = false;
  const request = async () => {
    asked += 1;
    return isUp ? live() : Response.error();
  };
  const left = new AbortController();
  const following = new LiveConnection("/stream", request, left.signal);
  const links = new EventEmitter();
  following.onLink = (link) => void links.emit(link.state, link);
  const lines = following.lines(null);
  let lost = once(links, "lost");
  const first = lines.next();
  for (const [nth, seconds] of [1, 2, 4, 8, 16, 30, 30].entries()) {
    assert.deepEqual(await lost, [{ state: "lost", seconds }]);
    t.mock.timers.tick(seconds * 1000 - 1);
    await setImmediate();
    assert.equal(asked, nth + 1);
    isUp = nth === 6;
    lost = once(links, "lost");
    t.mock.timers.tick(1);
  }
  assert.deepEqual(await first, { done: false, value: LINE });
  // Received lines reset the delay.
  const next = lines.next();
  assert.deepEqual(await lost, [{ state: "lost", seconds: 1 }]);
  left.abort(new Error("the reader left"));
  await assert.rejects(next, /the reader left/);
});

test("LiveConnection: retries temporary failures and reports permanent ones", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const status of [408, 425, 429, 500, 503]) {
    const answers = [new Response(null, { status }), live()];
    const following = new LiveConnection(
      "/stream",
      async () => answers.shift() ?? live(),
      new AbortController().signal,
    );
    const links = new EventEmitter();
    following.onLink = (link) => void links.emit(link.state, link);
    const lost = once(links, "lost");
    const first = following.lines(null).next();
    await lost;
    t.mock.timers.tick(1000);
    assert.deepEqual(await first, { done: false, value: LINE }, `${status}`);
  }
  for (const status of [400, 401, 403, 404, 410, 421]) {
    const following = new LiveConnection(
      "/stream",
      async () => new Response(null, { status }),
      new AbortController().signal,
    );
    await assert.rejects(following.lines(null).next(), new RegExp(`status ${status}`));
  }
});
