/** The Web Worker. */

import type { HostPort } from "./protocol.js";
import { work } from "./work.js";

work(globalThis as unknown as HostPort);
