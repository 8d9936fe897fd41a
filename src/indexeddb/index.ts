export { createIndexedDB, type IndexedDB } from "./create.ts";
export { StoreError, type StoreErrorReason } from "./errors.ts";
