export type { HistoryVisibility, Membership, RoomEvent, StrippedEvent } from "./events.ts";
export { serverOf } from "./identifiers.ts";
export { isSignedBySession, type MegolmMessage, parseMegolmMessage } from "./megolm-message.ts";
export { type MediaParts, parseMxc } from "./mxc.ts";
export { decodeRecoveryKey, encodeRecoveryKey } from "./recovery-key.ts";
export { isIdentifier } from "./json.ts";
export { parseRoomEvent } from "./parse-event.ts";
export { type DroppedPart, MalformedSync, parseSyncBatch } from "./parse-sync.ts";
export {
    parseCreate,
    parseHistoryVisibility,
    parseMember,
    parsePowerLevels,
    parseTombstone,
    type PowerLevels,
    type RoomCreation,
} from "./room-contents.ts";
export {
    type CryptoChanges,
    hasWholeState,
    type JoinedRoomChanges,
    stateInOrder,
    type SyncBatch,
} from "./sync-batch.ts";
export { claimAnswer, claimText, siftClaim } from "./sift-claim.ts";
export { queryAnswer, queryText, siftQuery } from "./sift-query.ts";
export { type KeysFault, nothingOf, type SiftedKeys, type Sifting } from "./sifted-keys.ts";
