/** Prints the licences of all that is in the program, as it is built for the target that is named. */

import { licencesOfProgram } from "./licences.mjs";

const [target] = process.argv.slice(2);
process.stdout.write(licencesOfProgram(target));
