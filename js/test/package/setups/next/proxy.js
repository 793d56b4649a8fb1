export { between as proxy } from "./between.mjs";

export const config = { matcher: "/between" };
