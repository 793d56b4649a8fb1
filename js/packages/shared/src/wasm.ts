/** Loading WebAssembly. */

export { compileFetched, fetchFile } from "../../countersign/dist/artifact/fetched.js";
export { type CompiledModule, loading } from "../../countersign/dist/artifact/load.js";
