// Floods a log that is a Durable Object, in workerd.
//
//     node --experimental-strip-types workerd-log.mjs SUBMISSIONS
//
// prints for each flood its name, and the milliseconds of the 99th hundredth and of the median of honest submissions without
// it and under it. The flood is made by a process of its own.
import { fork } from "node:child_process";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import { Chain } from "../js/test/conformance/chain.ts";
import { Signer } from "../js/test/conformance/keys.ts";
import { AUDITOR, EMITTERS, ORIGIN, SETUP } from "../js/test/conformance/setup.ts";
import { startLog } from "../js/test/log/start.ts";

/** How many events are searched. */
const EVENTS = 40_000;
const AT_ONCE = 8_000;
/** How many events an honest submission has. */
const SIZE = 64;
const SUBMIT = { method: "POST", path: "/submit" };

/** A body of 4 kB that a stranger sends. */
const stranger = () => Chain.begin(new Signer("example.org/stranger", 77), ORIGIN, "flood").events(9).body();

/** What each client sends, again and again. */
const FLOODS = {
  "40 clients of 4 kB bodies": () => Array(40).fill([SUBMIT, stranger()]),
  "one reader of four searches": () => {
    const headers = { authorization: `Bearer ${AUDITOR}` };
    return Array(4).fill([{ path: "/export?q=nothing-that-is-there", headers }]);
  },
};

/** Sends a request and gives the status of its answer, all of which is taken. */
const send = (url, agent, { path, method, headers = {} }, body) =>
  new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const asked = request(`${url}${path}`, { method, headers: { ...length, ...headers }, agent });
    asked.on("error", reject);
    asked.on("response", (answer) => {
      answer.on("error", reject).on("end", () => resolve(answer.statusCode)).resume();
    });
    asked.end(body);
  });

/** A client that goes on for as long as its process. */
async function repeat(url, [options, body]) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (;;) await send(url, agent, options, body).catch(() => {});
}

async function measure(submissions) {
  const log = await startLog({ ...SETUP, withoutBuckets: true });
  try {
    const agent = new Agent({ keepAlive: true });
    const chains = EMITTERS.map((key, number) => Chain.begin(key, ORIGIN, `bench ${number}`));
    const sent = chains.map(() => 0);
    const submit = async (number, events) => {
      const chain = chains[number];
      const body = chain.events(events).body(sent[number]);
      const began = performance.now();
      const status = await send(log.url, agent, SUBMIT, body);
      if (status !== 200) throw new Error(`a submission was answered ${status}`);
      sent[number] = chain.lines.length;
      return performance.now() - began;
    };
    for (let filled = 0; filled < EVENTS; filled += AT_ONCE) await submit(0, AT_ONCE - 1);
    const honest = async () => {
      const took = [];
      for (let nth = 0; nth < submissions; nth++) took.push(await submit(1, SIZE));
      took.sort((a, b) => a - b);
      return [took[Math.floor((took.length * 99) / 100)], took[Math.floor(took.length / 2)]];
    };
    await honest();
    for (const name of Object.keys(FLOODS)) {
      const quiet = await honest();
      const flood = fork(fileURLToPath(import.meta.url), [log.url, name]);
      await new Promise((resolve) => flood.once("message", resolve));
      const flooded = await honest();
      flood.kill("SIGKILL");
      await new Promise((resolve) => flood.once("exit", resolve));
      console.log([name, [...quiet, ...flooded].join(" ")].join("\t"));
    }
  } finally {
    await log.close();
  }
}

const [first, name] = process.argv.slice(2);
if (name === undefined) {
  await measure(Number(first));
} else {
  // It ends with who began it.
  process.on("disconnect", () => process.exit());
  for (const client of FLOODS[name]()) repeat(first, client);
  // It rises for a while first.
  setTimeout(() => process.send("flooding"), 2_000);
}
