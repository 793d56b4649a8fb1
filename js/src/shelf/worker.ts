/** The Web Worker. */

import type { PagePort } from "./protocol.js";
import { serve } from "./serve.js";

serve(globalThis as unknown as PagePort);
