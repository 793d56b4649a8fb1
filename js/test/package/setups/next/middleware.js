export { between as middleware } from "./between.mjs";

export const config = { matcher: "/between" };
