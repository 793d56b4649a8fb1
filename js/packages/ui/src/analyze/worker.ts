/** The Web Worker that looks for findings. */

import { serveFromWorker } from "@countersign/shared/rpc.js";
import { work } from "./work.js";

serveFromWorker(work);
