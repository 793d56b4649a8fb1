/** The Web Worker. */

import type { HostPort } from "./port.js";
import { work } from "./work.js";

work(globalThis as unknown as HostPort);
