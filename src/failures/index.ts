export { abortError, isAbort } from "./abort.ts";
export { exitCodes } from "./exit-codes.ts";
export { Failure, type FailureFacts } from "./failure.ts";
export { isFullDisk } from "./full-disk.ts";
export { failures, type FailureCode } from "./table.ts";
