/** The life of a share job. */
export const states = [
    "held",
    "queued",
    "delivering",
    "delivered",
    "reinvited",
    "joined",
    "done",
    "refused",
    "cancelled",
    "expired",
    "failed",
] as const;

export type JobState = (typeof states)[number];

/**
 * Where a job may go from each state: every move not listed here is a fault of ours, or came too late and is dropped.
 */
export const moves: Readonly<Record<JobState, readonly JobState[]>> = {
    held: ["queued", "joined", "refused", "cancelled"],
    queued: ["held", "queued", "delivering", "reinvited", "joined", "refused", "cancelled", "expired", "failed"],
    delivering: ["held", "queued", "delivered", "reinvited", "joined", "refused", "cancelled", "expired", "failed"],
    delivered: ["held", "queued", "delivered", "reinvited", "joined", "refused", "cancelled", "expired", "failed"],
    // The place may have been taken before there was a device to send anything to.
    reinvited: ["held", "queued", "reinvited", "joined", "cancelled", "expired"],
    joined: ["held", "joined", "done", "cancelled"],
    done: [],
    // What may still come while the invite stands: keys, devices, an account, an opened room; or they join.
    refused: ["held", "queued", "joined", "cancelled"],
    // Only "the bot left", if it comes back while the invite stands.
    cancelled: ["queued", "joined"],
    // They have joined after all.
    expired: ["joined", "cancelled"],
    // Tried again while the invite stands.
    failed: ["queued", "joined", "cancelled"],
};

/** States in which somebody is still waiting for something. */
export const openStates = [
    "held",
    "queued",
    "delivering",
    "delivered",
    "reinvited",
    "joined",
] as const satisfies readonly JobState[];

/** The same for SQL. */
export const openList = openStates.map((state) => `'${state}'`).join(", ");

export function isOpen(state: JobState): boolean {
    return openStates.some((open) => open === state);
}

/** Only what we know: a server that accepted a message says nothing of whether a device received it. */
export const deviceStates = ["sent", "no_session", "not_cross_signed", "server_unreachable", "error"] as const;

export type DeviceState = (typeof deviceStates)[number];
