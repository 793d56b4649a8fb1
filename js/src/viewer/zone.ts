/** In which zone times are shown. The offset always stands beside them. */
export type Zone = "utc" | "local";
