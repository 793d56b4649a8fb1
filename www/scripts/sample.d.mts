/** Records the sample: an export, and the trust file that names its emitters. */
export function recordSample(): Promise<{ exported: string; trust: string }>;
