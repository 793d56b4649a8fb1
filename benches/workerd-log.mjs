// Floods a log in a Durable Object, in workerd.
//
//     node --experimental-strip-types workerd-log.mjs SUBMISSIONS
//
// Prints for each flood its name, and the 99th percentile and median in milliseconds of honest submissions,
// without and during the flood. A separate process floods.
import { fork } from "node:child_process";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import { Chain } from "../js/test/conformance/chain.ts";
import { Signer } from "../js/test/conformance/keys.ts";
import { AUDITOR, EMITTERS, ORIGIN, SETUP } from "../js/test/conformance/setup.ts";
import { startLog } from "../js/test/log/start.ts";

/** The number of events that are searched. */
const EVENTS = 40_000;
const AT_ONCE = 8_000;
/** The number of events per honest submission. */
const SIZE = 64;
const SUBMIT = { method: "POST", path: "/submit" };

/** A body of 4 kB from an unauthorized client. */
const stranger = () => Chain.begin(new Signer("example.org/stranger", 77), ORIGIN, "flood").events(9).body();

/** The request that each client sends repeatedly. */
const FLOODS = {
  "40 clients of 4 kB bodies": () => Array(40).fill([SUBMIT, stranger()]),
  "one reader of four searches": () => {
    const headers = { authorization: `Bearer ${AUDITOR}` };
    return Array(4).fill([{ path: "/export?q=nothing-that-is-there", headers }]);
  },
};

/** Sends a request, reads the whole response, and returns its status. */
const send = (url, agent, { path, method, headers = {} }, body) =>
  new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const outgoing = request(`${url}${path}`, { method, headers: { ...length, ...headers }, agent });
    outgoing.on("error", reject);
    outgoing.on("response", (answer) => {
      answer.on("error", reject).on("end", () => resolve(answer.statusCode)).resume();
    });
    outgoing.end(body);
  });

/** Sends requests until the process ends. */
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
  // This process ends with the one that started it.
  process.on("disconnect", () => process.exit());
  for (const client of FLOODS[name]()) repeat(first, client);
  // Let the flood ramp up first.
  setTimeout(() => process.send("flooding"), 2_000);
}
