import base64 from "../inlined/gate.js";
import { compileInlinedAtOnce } from "./inlined.js";

export const artifact = async () => compileInlinedAtOnce(base64);
