import type { Database } from "../database/index.ts";
import type { BundleMessages } from "./bundle-messages.ts";
import { jobOfDelivery } from "./delivery-ids.ts";
import type { ShareJobs } from "./jobs.ts";
import { isOpen } from "./states.ts";
import type { Uploads } from "./uploads.ts";

export interface PruneParts {
    readonly database: Database;
    readonly jobs: Pick<ShareJobs, "get">;
    readonly uploads: Pick<Uploads, "prune">;
    readonly messages: Pick<BundleMessages, "prune">;
}

/** Forgets what was kept so that a job could be taken up again, once it is over: places and keys of files, encrypted bodies. */
export async function prune({ database, jobs, uploads, messages }: PruneParts): Promise<void> {
    await messages.prune((deliveryId) => {
        const job = jobs.get(jobOfDelivery(deliveryId));
        return job === undefined || !isOpen(job.state);
    });
    database.transaction(() => uploads.prune());
}
