/** The Web Worker that looks for findings. */

import { serveFromWorker } from "../rpc/web-worker.js";
import { work } from "./work.js";

serveFromWorker(work);
