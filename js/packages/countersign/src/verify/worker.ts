/** The entry of the verification Web Worker. */

import { serveFromWorker } from "../rpc/web-worker.js";
import { work } from "./work.js";

serveFromWorker(work);
