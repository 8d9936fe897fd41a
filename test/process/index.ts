export { commitsInLog } from "./commits-in-log.ts";
export { FailingDisk } from "./failing-disk.ts";
export { Program, type ProgramExit } from "./program.ts";
export { SmallDisk } from "./small-disk.ts";
export { TemporaryFolder } from "./temporary-folder.ts";
export { until } from "./until.ts";
