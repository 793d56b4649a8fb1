/** Prints the licenses of everything in the program for a target. */

import { licencesOfProgram } from "./licences.mjs";

const [target] = process.argv.slice(2);
process.stdout.write(licencesOfProgram(target));
