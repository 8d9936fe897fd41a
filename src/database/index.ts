export { copyDatabase } from "./copy.ts";
export type { Database, Schema } from "./database.ts";
export { type FolderLock, lockFolder } from "./lock.ts";
export { openDatabase, type OpenOptions } from "./open.ts";
export {
    blobOf,
    blobOrNothing,
    flagOf,
    numberOf,
    numberOrNothing,
    jsonOf,
    type Row,
    textOf,
    textOrNothing,
    wordOf,
    wordOrNothing,
} from "./row.ts";
