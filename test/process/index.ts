export { Program, type ProgramExit } from "./program.ts";
export { TemporaryFolder } from "./temporary-folder.ts";
export { until } from "./until.ts";
