export { SyncLoop, type SyncParts } from "./loop.ts";
export { forgetSyncPosition, lastSuccessAt } from "./position.ts";
export type { SyncProblem, SyncProblemCode } from "./problem.ts";
export { syncSchema } from "./schema.ts";
