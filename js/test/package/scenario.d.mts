export const KEY: string;
export const TRUST: string;
