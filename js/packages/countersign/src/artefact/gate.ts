import base64 from "../inlined/gate.js";
import { compileInlinedAtOnce } from "./inlined.js";

export const artefact = async () => compileInlinedAtOnce(base64);
