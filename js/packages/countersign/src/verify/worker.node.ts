/** The entry of the verification thread in Node.js. */

import { parentPort } from "node:worker_threads";
import type { Port } from "../rpc/connect.js";
import { work } from "./work.js";

if (parentPort !== null) {
  work(parentPort as unknown as Port);
}
