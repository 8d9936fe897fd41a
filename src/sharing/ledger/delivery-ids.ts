/**
 * What a job's deliveries are called in the crypto worker's outbox: one that is run again finds what it had encrypted.
 */
export interface DeliveryIds {
    readonly first: string;
    /** To devices that appeared while the invite was pending. */
    readonly further: string;
    /** To all of them, and to new ones, after the join. */
    readonly joined: string;
}

export function deliveryIds(jobId: number): DeliveryIds {
    return { first: String(jobId), further: `${jobId}-further`, joined: `${jobId}-joined` };
}

/** The job that a delivery belongs to. */
export function jobOfDelivery(deliveryId: string): number {
    return Number.parseInt(deliveryId, 10);
}
