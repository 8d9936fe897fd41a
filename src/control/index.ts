export { callBot, connectToBot, RemoteFailure } from "./client.ts";
export { type Bot, type CommandOutcome, type Handlers, localBot } from "./operations.ts";
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
