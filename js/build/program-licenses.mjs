/** Prints the licenses of everything in the program for a target. */

import { licensesOfProgram } from "./licenses.mjs";

const [target] = process.argv.slice(2);
process.stdout.write(licensesOfProgram(target));
