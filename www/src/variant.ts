/** Whether this is the page that a log serves: its policy alone lets the page connect, and to the log alone. */
export const SERVED = import.meta.env.MODE === "served";
