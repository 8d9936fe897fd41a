export { Due, type DueItem, type DuePart, type Failed, type Later, type Outcome } from "./due.ts";
export { type InPieces, inPieces } from "./in-pieces.ts";
export { ranNow, RunningClock, type RunningClockParts, runningClockSchema, wallTime } from "./running-clock.ts";
export { waitsUntil } from "./due-columns.ts";
export { waitAfterFailure } from "./wait.ts";
export { WaitsInMemory } from "./waits-in-memory.ts";
