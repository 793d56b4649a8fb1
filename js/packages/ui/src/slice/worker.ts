/** The Web Worker that slices and explains. */

import { serveFromWorker } from "@countersign/shared/rpc.js";
import { work } from "./work.js";

serveFromWorker(work);
