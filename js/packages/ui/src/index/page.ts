/** How many rows of an answer are read at once. */
export const PAGE = 64;
