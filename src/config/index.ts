export { socketPath } from "./cross-checks.ts";
export { parseDuration } from "./duration.ts";
export { readSmallFile } from "./files.ts";
export { loadDataDir, loadSettings, type LoadOptions } from "./load.ts";
export { ConfigurationError, type Problem } from "./problems.ts";
export { Secret } from "./secret.ts";
export { type Settings, type SharingSettings, sharingPolicy } from "./settings.ts";
