export { createLogger, type LogOptions } from "./create-logger.ts";
export type { Logger } from "./logger.ts";
export { programVersion } from "./version.ts";
