export { nativeSigner as readKey } from "../record/sign.node.js";
export { artifact, lifecycle } from "./recorder.js";
