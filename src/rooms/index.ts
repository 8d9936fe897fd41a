export type { MembershipChange, RoomChanges, SelfInvited, SelfJoined, SelfLeft, Successor } from "./changes.ts";
export { type InvitationPolicy, mayInviteTheBot } from "./invitation-policy.ts";
export { type InvitationParts, Invitations } from "./invitations.ts";
export { LeftRooms, leftRoomsSchema } from "./left-rooms.ts";
export { isHistoryOpen } from "./open-since.ts";
export { RoomRecorder, type RecorderParts } from "./recorder.ts";
export type { Member, Room, Rooms } from "./room.ts";
export { RoomReader } from "./room-reader.ts";
export { roomsSchema } from "./schema.ts";
