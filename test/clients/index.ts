export { leaveDevice } from "./absent-device.ts";
export { Client, type ClientOptions, saidBy } from "./client.ts";
export { Clients } from "./clients.ts";
export { giveBundle } from "./given-bundle.ts";
export { MegolmSender } from "./megolm-sender.ts";
export { MegolmSession } from "./megolm-session.ts";
export type { DeviceOfUser, TimelineMessage, VerificationSeen } from "./operations.ts";
