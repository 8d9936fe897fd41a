import type { Database } from "../database/index.ts";
import { Due, type Outcome, type RunningClock } from "../due/index.ts";
import { type Homeserver, isTransient, problemOf } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { type BundleFiles, type GivenFile, nextLook } from "./bundle/bundle-files.ts";
import { haltFor } from "./delivery/homeserver-faults.ts";
import type { Refreshes } from "./ledger/refreshes.ts";

export interface GivenFilesParts {
    readonly database: Database;
    readonly files: BundleFiles;
    readonly refreshes: Refreshes;
    readonly homeserver: Pick<Homeserver, "mediaExists">;
    readonly log: Logger;
    readonly now: () => number;
    readonly clock: Pick<RunningClock, "now">;
    /** In [0, 1). */
    readonly random: () => number;
    /** A room is to be refreshed. */
    readonly fileGone: () => void;
}

/** Files asked for at once. */
const filesAtOnce = 4;
/** Milliseconds after which a question that was not answered is asked again. */
const pace = { first: 60_000, longest: 3_600_000 } as const;

/**
 * Asks about every hour whether the file is still there that somebody was given who has not joined yet: media
 * retention, or an admin, may remove it, and some clients never recover from one 404. Where it is gone, the room is
 * refreshed, and a new file goes out to all who had the old one.
 */
export class GivenFiles {
    readonly #parts: GivenFilesParts;
    readonly #due: Due<GivenFile>;

    constructor(parts: GivenFilesParts) {
        this.#parts = parts;
        const { clock, database, files, log, random } = parts;
        this.#due = new Due({
            name: "the look at files that were given",
            atOnce: filesAtOnce,
            pace,
            log,
            now: () => clock.now(),
            random,
            // What is under way is among them.
            due: (at) => files.dueLooks(at, 2 * filesAtOnce),
            nextAt: (at) => files.nextLookAt(at),
            work: (file) => this.#look(file),
            record: ({ id }, later) => {
                if (later !== undefined) database.transaction(() => files.lookAgain(id, later));
            },
        });
    }

    wake(): void {
        this.#due.wake();
    }

    async stop(): Promise<void> {
        await this.#due.stop();
    }

    async #look({ id, roomId, url }: GivenFile): Promise<Outcome> {
        const { clock, database, files, refreshes, homeserver, log, now, fileGone } = this.#parts;
        let isThere: boolean;
        try {
            isThere = await homeserver.mediaExists(url);
        } catch (error) {
            return notAnswered(error);
        }
        if (isThere) {
            database.transaction(() => files.seen(id, now(), clock.now()));
            return { is: "done" };
        }
        database.transaction(() => {
            files.gone(id);
            refreshes.fileGone(roomId, clock.now());
        });
        log.warn(
            { room: roomId },
            "a file of keys that was handed out is gone from the media repository; a new one goes out",
        );
        fileGone();
        // Whoever could not be given the new one is found again then.
        return { is: "waits", until: nextLook(id, clock.now()) };
    }
}

/**
 * What is no clear answer says nothing of the file. What the homeserver refuses for now, it refuses for any other file
 * as well.
 */
function notAnswered(error: unknown): Outcome {
    const { reason, notBefore } = haltFor(error);
    if (reason === "internal_error") throw error;
    const problem = problemOf(error);
    return { is: "failed", retryAfterMs: notBefore, forAll: problem === undefined || isTransient(problem) };
}
