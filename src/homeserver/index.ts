export type * from "./api.ts";
export { connectHomeserver, type ConnectOptions } from "./connect.ts";
export { HomeserverError, type HomeserverProblem, isAbort, problemOf, retryAfterOf } from "./errors.ts";
export { isTransient } from "./retry.ts";
