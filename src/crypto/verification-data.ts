// What goes through the port of requests to verify somebody: plain data.

/**
 * A device that asks to verify this one. Source: Matrix v1.19, `m.key.verification.request`, sent to-device.
 * Trust limit: most are not encrypted; the homeservers alone say who sent them.
 */
export interface DeviceVerificationRequest {
    readonly userId: string;
    readonly deviceId: string;
    readonly transactionId: string;
    /** Milliseconds since the epoch, as the device says. */
    readonly sentAt: number;
}

/** What encrypted events of a room are, as far as it concerns requests to verify somebody. */
export interface VerificationRequestsFound {
    readonly requests: readonly {
        readonly eventId: string;
        /** The user who is to be verified. */
        readonly to: string;
    }[];
    /** IDs of the events whose key is not there. */
    readonly withoutKey: readonly string[];
}
