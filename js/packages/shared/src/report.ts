export type { Standing } from "../../countersign/dist/codes.js";
export type * from "../../countersign/dist/report.js";
