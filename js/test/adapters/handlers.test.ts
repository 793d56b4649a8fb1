/** Tests a Worker's handlers in Node.js, called like Workers call them, as in unit tests of a Worker. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { memory } from "countersign";
import { type AuditedHandlers, auditOf, withCountersign } from "countersign/cloudflare";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";

/** Returns a `ctx` that collects the work passed to `waitUntil`. */
function context() {
  const left: Promise<unknown>[] = [];
  return {
    ctx: { waitUntil: (promise: Promise<unknown>) => void left.push(promise), passThroughOnException() {}, props: {} },
    /** Resolves when the invocation has ended. */
    ended: async () => {
      for (let done = 0; done < left.length; done += 1) {
        await left[done];
      }
    },
  };
}

const options = () => {
  const exported = memory();
  const actions = () =>
    exported
      .text()
      .split("\n")
      .filter((line) => line !== "")
      .flatMap((line) => (JSON.parse(line) as { event?: { action: string } }).event?.action ?? []);
  return { given: { key: EMITTERS[0].secret, origin: ORIGIN, to: exported }, actions };
};

const NAMES = ["fetch", "scheduled", "queue", "email", "tail", "tailStream", "trace", "test"] as const;

for (const name of NAMES) {
  test(`withCountersign: calls ${name} with its arguments and a recorder`, async () => {
    const { given, actions } = options();
    const { ctx, ended } = context();
    const handlers: AuditedHandlers<object> & { mine: boolean } = {
      mine: true,
      [name](this: unknown, ...args: Parameters<NonNullable<AuditedHandlers<object>["fetch"]>>) {
        const [first, env, context, audit] = args;
        assert.equal(this, handlers);
        assert.deepEqual([first, env], [what, environment]);
        assert.equal(context, ctx);
        // While a request is handled, its recorder is a scoped one.
        assert.equal(auditOf(context) === audit, name !== "fetch");
        audit.record({ action: `it.${name}` });
        return answer;
      },
    };
    const what = (name === "fetch" ? new Request("https://api.example/") : { what: name }) as never;
    const environment = {};
    const answer = { answer: name };
    const wrapped = withCountersign<object, AuditedHandlers<object>>(given, handlers);
    assert.deepEqual(Object.keys(wrapped), [name]);
    const call = wrapped[name] as (first: never, env: object, context: typeof ctx) => Promise<unknown>;
    assert.equal(await call(what, environment, ctx), answer);
    assert.deepEqual(actions(), [], "the response must not wait for a flush");
    await ended();
    assert.deepEqual(actions(), [`it.${name}`]);
  });
}

test("withCountersign: shares a recorder for the same options and environment", async () => {
  const made: object[] = [];
  const make = (env: { name: string }) => {
    made.push(env);
    return { ...options().given };
  };
  const chains = { fetch: (_request: Request, _env: object, _ctx: object) => new Response() };
  const [first, second] = [withCountersign(make, chains), withCountersign(make, chains)];
  const [a, b] = [{ name: "a" }, { name: "b" }];
  for (const worker of [first, second]) {
    for (const env of [a, b, a]) {
      const { ctx, ended } = context();
      await worker.fetch(new Request("https://worker.example"), env, ctx);
      await ended();
    }
  }
  assert.deepEqual(
    made.map((env) => (env as { name: string }).name),
    ["a", "b"],
  );
});

test("withCountersign: creates no recorder before the first request", async () => {
  withCountersign(() => assert.fail("the options were read too early"), { fetch: () => new Response() });
});

test("withCountersign: schedules no work for an invocation without events", async () => {
  const { given, actions } = options();
  const worker = withCountersign(given, { fetch: () => new Response() });
  const { ctx, ended } = context();
  await worker.fetch(new Request("https://worker.example"), {}, ctx);
  await ended();
  assert.deepEqual(actions(), []);
});

test("withCountersign: flushes events recorded after the end", async () => {
  const { given, actions } = options();
  let later: (() => void) | undefined;
  const worker = withCountersign(given, {
    fetch(_request, _env, _ctx, audit) {
      later = () => void audit.record({ action: "it.later" });
      return new Response();
    },
  });
  const { ctx, ended } = context();
  await worker.fetch(new Request("https://worker.example"), {}, ctx);
  await ended();
  later?.();
  await ended();
  assert.deepEqual(actions(), ["it.later"]);
});

for (const [name, handlers] of [
  ["nothing", undefined],
  ["no handler", { fecth: () => new Response() }],
  ["the options, the wrong way round", () => ({})],
] as const) {
  test(`withCountersign: rejects ${name} as handlers`, () => {
    assert.throws(() => withCountersign({} as never, handlers as never), {
      code: "options.invalid",
      member: "handlers",
      hint: /options first/,
    });
  });
}

test("withCountersign: rejects missing options", () => {
  assert.throws(() => withCountersign(undefined as never, { fetch: () => new Response() }), {
    code: "options.invalid",
    member: "options",
  });
});
