export type { HistoryVisibility, Membership, RoomEvent, StrippedEvent } from "./events.ts";
export { serverOf } from "./identifiers.ts";
export type { CryptoChanges, JoinedRoomChanges, SyncBatch } from "./sync-batch.ts";
