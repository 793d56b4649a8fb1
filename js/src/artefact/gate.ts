import base64 from "../inlined/gate.js";
import { compileInlined } from "./inlined.js";

export const artefact = () => compileInlined(base64);
