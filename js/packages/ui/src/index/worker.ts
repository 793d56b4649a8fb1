/** Entry point of the Web Worker of an index. */

import { serveFromWorker } from "@countersign/shared/rpc.js";
import { work } from "./work.js";

serveFromWorker(work);
