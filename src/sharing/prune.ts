import { setImmediate } from "node:timers/promises";
import type { Database } from "../database/index.ts";
import type { BundleFiles } from "./bundle/bundle-files.ts";
import type { BundleMessages } from "./delivery/bundle-messages.ts";
import { jobOfDelivery } from "./ledger/delivery-ids.ts";
import type { ShareJobs } from "./ledger/jobs.ts";
import { forgetOldJobs } from "./ledger/old-jobs.ts";
import { isOpen } from "./ledger/states.ts";

export interface PruneParts {
    readonly database: Database;
    readonly jobs: Pick<ShareJobs, "get">;
    readonly files: Pick<BundleFiles, "prune">;
    readonly messages: Pick<BundleMessages, "prune">;
    readonly now: () => number;
}

/**
 * Forgets what was kept so that a job could be taken up again, once it is over: places and keys of files, encrypted
 * bodies. And jobs that have been over for a year, a few at a time: between them others have their turn.
 */
export async function prune({ database, jobs, files, messages, now }: PruneParts, signal: AbortSignal): Promise<void> {
    await messages.prune((deliveryId) => {
        const job = jobs.get(jobOfDelivery(deliveryId));
        return job === undefined || !isOpen(job.state);
    });
    database.transaction(() => files.prune(now()));
    for (let last: number | undefined = 0; last !== undefined && !signal.aborted; await setImmediate()) {
        const after: number = last;
        last = database.transaction(() => forgetOldJobs(database.sql, after));
    }
}
