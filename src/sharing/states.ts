/** The life of a share job. */
export const states = ["held", "queued", "delivering", "delivered", "reinvited", "joined", "done", "refused", "cancelled", "expired", "failed"] as const;

export type JobState = (typeof states)[number];

/** Where a job may go from each state: every move not listed here is a fault of ours, or came too late and is dropped. */
export const moves: Readonly<Record<JobState, readonly JobState[]>> = {
    held: ["queued", "refused", "cancelled"],
    queued: ["held", "queued", "delivering", "refused", "cancelled", "expired", "failed"],
    delivering: ["held", "queued", "delivered", "refused", "cancelled", "expired", "failed"],
    delivered: ["held", "delivered", "reinvited", "joined", "refused", "cancelled", "expired", "failed"],
    reinvited: ["joined", "done", "cancelled", "expired"],
    joined: ["done"],
    done: [],
    // Only "nothing to share" while the invite stands: keys may still come.
    refused: ["queued"],
    cancelled: [],
    expired: [],
    failed: [],
};

/** States in which somebody is still waiting for something. */
export const openStates = ["held", "queued", "delivering", "delivered", "reinvited", "joined"] as const satisfies readonly JobState[];

/** Only what we know: a server that accepted a message says nothing of whether a device received it. */
export type DeviceState = "sent" | "no_session" | "not_cross_signed" | "server_unreachable" | "error";
