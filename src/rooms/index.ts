export type { Member, Room, Rooms } from "./room.ts";
