export { BackFill, type BackFillParts } from "./back-fill.ts";
export type { Comparable, Coverage, Reach } from "./coverage.ts";
export { CoverageCount, type CoverageCountParts } from "./coverage-count.ts";
export { TimelineRecorder, type TimelineParts } from "./recorder.ts";
export { timelineSchema } from "./schema.ts";
export type { SessionUse } from "./session-uses.ts";
export { Timelines } from "./timelines.ts";
export { uncoveredBefore } from "./uncovered-steps.ts";
