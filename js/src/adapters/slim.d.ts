/** `countersign/slim`, which each runtime loads in its own way: the package's `imports` say how. */
declare module "#slim" {
  export const createRecorder: import("../record/create.js").CreateRecorder;
}
