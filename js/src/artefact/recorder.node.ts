export { nativeSigner as readKey } from "../record/sign.node.js";
export { lifecycle, module } from "./recorder.js";
