import type { UserDevice, UserKeys } from "./port-data.ts";

/**
 * Whether this device can open room key bundles that it is sent, and send others theirs: its owner's identity has
 * signed it, and it is not a dehydrated one, at which nobody sits. Source: MSC4268, "Sending" and "Actions as a
 * receiving client".
 */
export function opensBundles({ crossSigned, dehydrated }: UserDevice): boolean {
    return crossSigned && !dehydrated;
}

/** Whether the user has a device that room key bundles can reach, or come from. */
export function hasSignedDevice({ masterKey, devices }: UserKeys): boolean {
    return masterKey !== null && devices.some(opensBundles);
}
