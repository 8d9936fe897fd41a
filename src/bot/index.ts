import type { Settings } from "../config/index.ts";
import type { Bot, StatusFilters, StatusReport } from "../control/index.ts";
import type { AuditFilter, AuditReport, JobStory } from "../sharing/index.ts";
import type { LoginResult } from "./login.ts";
import type { RestoreResult, RestoreStart } from "./restore.ts";

// Each entry is loaded when it is called: `status` has to answer without the weight of the bot.

/**
 * Runs the bot until it is stopped. Answers the exit code. @throws Failure for every end that an operator can put right
 */
export async function runBot(start: {
    readonly settings: Settings;
    readonly warnings: readonly string[];
}): Promise<number> {
    return await (await import("./run.ts")).runBot(start);
}

/** Logs in and makes the device ready, without running the bot. @throws Failure */
export async function loginAccount(start: {
    readonly settings: Settings;
    readonly resetIdentity: boolean;
}): Promise<LoginResult> {
    return await (await import("./login.ts")).loginAccount(start);
}

/** What `status` shows, from the database alone. @throws Failure if it does not open */
export async function readStatus(dataDir: string, filters: StatusFilters): Promise<StatusReport> {
    return await (await import("./report/status.ts")).readStatus(dataDir, filters);
}

/** Who was given what, from the database alone. @throws Failure if it does not open */
export async function readAudit(dataDir: string, filter: AuditFilter): Promise<AuditReport> {
    return (await import("./report/audit.ts")).readAudit(dataDir, filter);
}

/**
 * A share job with its whole story, from the database alone; undefined if there is none with this ID. @throws Failure
 * if it does not open
 */
export async function readJob(dataDir: string, jobId: string): Promise<JobStory | undefined> {
    return (await import("./report/status.ts")).readJob(dataDir, jobId);
}

/**
 * Gives the control operations to a command that found no running bot, under the data folder's lock. @throws Failure
 */
export async function withOfflineBot<T>(settings: Settings, use: (bot: Bot) => Promise<T>): Promise<T> {
    return await (await import("./offline.ts")).withOfflineBot(settings, use);
}

/**
 * Makes a new device of a snapshot, into a data folder without a store; run again after a kill, it goes on. @throws
 * Failure
 */
export async function restoreSnapshot(start: RestoreStart): Promise<RestoreResult> {
    return await (await import("./restore.ts")).restoreSnapshot(start);
}
