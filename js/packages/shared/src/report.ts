export type { SignerTrust } from "../../countersign/dist/codes.js";
export type * from "../../countersign/dist/report.js";
