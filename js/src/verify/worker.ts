/** The Web Worker. */

import type { Port } from "../rpc/connect.js";
import { work } from "./work.js";

work(globalThis as unknown as Port);
