/** The Web Worker. */

import type { Port } from "../calls/calls.js";
import { work } from "./work.js";

work(globalThis as unknown as Port);
