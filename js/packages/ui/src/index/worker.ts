/** The Web Worker that keeps an index, or builds segments of one. */

import { serveFromWorker } from "@countersign/shared/rpc.js";
import { work } from "./work.js";

serveFromWorker(work);
