/** A WebAssembly file, where the runtime or the bundler compiles it on import. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

/** The same, as bundlers for Vercel's edge runtime are asked for it. */
declare module "*.wasm?module" {
  const module: WebAssembly.Module;
  export default module;
}
