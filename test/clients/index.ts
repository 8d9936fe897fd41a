export { leaveDevice } from "./absent-device.ts";
export { Client, type ClientOptions, saidBy } from "./client.ts";
export { MegolmSender } from "./megolm-sender.ts";
export type { DeviceOfUser, TimelineMessage } from "./operations.ts";
