export type * from "./port.ts";
export { type CryptoOptions, startCrypto } from "./host.ts";
export { packTimes, type PackedTimes, unpackTimes } from "./session-times.ts";
export { guardOwnIdentity, type OwnIdentity } from "./own-identity.ts";
export { hasSignedDevice, opensBundles } from "./signed-device.ts";
export {
    OutgoingRequests,
    type OutgoingRequestsOptions,
    type SendOutcome,
    type SendRequest,
} from "./outgoing-requests.ts";
export {
    type EncryptedRoomEvent,
    type EncryptionRoom,
    RoomEncryption,
    type RoomEncryptionOptions,
    type RotationMark,
} from "./room-encryption.ts";
