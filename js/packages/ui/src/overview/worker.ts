/** The Web Worker that lists endpoints and simulates exposure. */

import { serveFromWorker } from "@countersign/shared/rpc.js";
import { work } from "./work.js";

serveFromWorker(work);
