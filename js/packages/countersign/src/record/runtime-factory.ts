/** Creates recorders and keys in this runtime. */

import { artifact, lifecycle, readKey } from "#recorder";
import { recorderFactory } from "./create.js";

export const factory: ReturnType<typeof recorderFactory> = recorderFactory(artifact, lifecycle, { readKey });
