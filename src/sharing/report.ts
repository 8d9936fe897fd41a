import type { DatabaseSync } from "node:sqlite";
import { UnreadableKeyCounts } from "./evidence/unreadable-key-counts.ts";
import { type AuditFilter, type AuditReport, auditReport } from "./ledger/audit.ts";
import { Holdings } from "./ledger/holdings.ts";
import { roomProblems } from "./ledger/room-problems.ts";
import { type JobFilter, type JobStatus, jobStatuses, type JobStory, jobStory } from "./ledger/status.ts";
import { Modes } from "./policy/modes.ts";
import { Pauses } from "./policy/pauses.ts";

/** What sharing has to tell people, from the database alone. */
export interface SharingReport {
    readonly pauses: Pick<Pauses, "list">;
    readonly modes: Pick<Modes, "of">;
    readonly holdings: Pick<Holdings, "get">;
    readonly unreadableKeys: Pick<UnreadableKeyCounts, "newest">;
    readonly roomProblems: typeof roomProblems;
    jobs(filter: JobFilter): readonly JobStatus[];
    /** Undefined if there is none with this ID. */
    job(jobId: string): JobStory | undefined;
    audit(filter: AuditFilter): AuditReport;
}

/** @param sql of a database with sharing's tables; it may be open for reading only */
export function sharingReport(sql: DatabaseSync): SharingReport {
    return {
        pauses: new Pauses(sql),
        modes: new Modes(sql),
        holdings: new Holdings(sql),
        unreadableKeys: new UnreadableKeyCounts(sql),
        roomProblems,
        jobs: (filter) => jobStatuses(sql, filter),
        job: (jobId) => jobStory(sql, jobId),
        audit: (filter) => auditReport(sql, filter),
    };
}
