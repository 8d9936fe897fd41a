export { createLogger, type LogOptions } from "./create-logger.ts";
export type { Logger } from "./logger.ts";
export { printable, printableInLine } from "./printable.ts";
export { programVersion } from "./version.ts";
