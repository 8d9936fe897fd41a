export { AdminRooms } from "./admin-rooms.ts";
export { adminOf } from "./direct-room.ts";
export { Greeter } from "./greeter.ts";
export { chatSchema, Greetings } from "./greetings.ts";
export { Notifier } from "./notifier.ts";
export type { SendEncrypted } from "./speaking-room.ts";
export { VerificationAnswerer } from "./verification-answerer.ts";
