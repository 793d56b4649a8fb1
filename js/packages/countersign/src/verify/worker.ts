/** The Web Worker that verifies. */

import { serveFromWorker } from "../rpc/web-worker.js";
import { work } from "./work.js";

serveFromWorker(work);
