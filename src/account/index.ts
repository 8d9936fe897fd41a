export { accountSchema, adoptAccount } from "./account-table.ts";
export { credentialsFailure, credentialsVerdict, type CredentialsVerdict } from "./credentials.ts";
export { type Account, establishAccount } from "./establish.ts";
export type { StoreGeneration } from "./generation.ts";
export { identityHeard, identityStatus, type IdentityStatus } from "./identity-status.ts";
export type { AccountOptions } from "./options.ts";
export { randomDeviceId, renewAccessToken } from "./session.ts";
export { accountStatus, type AccountStatus } from "./status.ts";
