export { callBot, connectToBot, RemoteFailure } from "./client.ts";
export type { CommandOutcome, ControlOperations } from "./protocol.ts";
export { ControlServer } from "./server.ts";
export {
    type AccountStatus,
    emptyStatus,
    type CoverageStatus,
    type ReceivedBundleStatus,
    type RoomStatus,
    type SessionCounts,
    type StatusFilters,
    type StatusReport,
    type StoreStatus,
} from "./status-report.ts";
