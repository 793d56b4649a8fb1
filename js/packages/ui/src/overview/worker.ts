/** The Web Worker that lists endpoints and simulates exposure. */

import { serveFromWorker } from "../rpc/web-worker.js";
import { work } from "./work.js";

serveFromWorker(work);
