/** A WebAssembly file, where the runtime or the bundler compiles it on import. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
