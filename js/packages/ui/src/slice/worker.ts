/** The Web Worker that slices and explains. */

import { serveFromWorker } from "../rpc/web-worker.js";
import { work } from "./work.js";

serveFromWorker(work);
