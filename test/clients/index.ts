export { Client, type ClientOptions } from "./client.ts";
export { MegolmSender } from "./megolm-sender.ts";
export type { DeviceOfUser, TimelineMessage } from "./operations.ts";
