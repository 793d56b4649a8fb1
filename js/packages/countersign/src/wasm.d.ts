/** A WebAssembly file that the runtime or the bundler compiles on import. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

/** The import form for bundlers of Vercel's edge runtime. */
declare module "*.wasm?module" {
  const module: WebAssembly.Module;
  export default module;
}
