import { run } from "../run.ts";
import { sceneOf } from "./scenes.ts";
import { clear } from "./stage.ts";
import "../../src/main.ts";

run(clear, sceneOf);
