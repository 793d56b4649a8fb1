export { nameOf } from "../../countersign/dist/keys/name.js";
export { SIGNER_PREFIX } from "../../countersign/dist/record/signer.js";
