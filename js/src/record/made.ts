/** What creates recorders and keys in this runtime. */

import { artefact, lifecycle, readKey } from "#recorder";
import { makers } from "./create.js";

export const made: ReturnType<typeof makers> = makers(artefact, lifecycle, { readKey });
