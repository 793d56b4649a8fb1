/** Prints the licenses of all that is in the program, as it is built for the target that is named. */

import { licensesOfProgram } from "./licenses.mjs";

const [target] = process.argv.slice(2);
process.stdout.write(licensesOfProgram(target));
