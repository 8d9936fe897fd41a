export { packSnapshot, type SnapshotHeader } from "./pack.ts";
export { unpackSnapshot, type UnpackedSnapshot } from "./unpack.ts";
