/** Rows per page of a result. */
export const PAGE = 64;
