import type { Database } from "../database/index.ts";
import { Due, type Later, type Outcome } from "../due/index.ts";
import { isAbort } from "../failures/index.ts";
import { serverOf } from "../matrix/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { inviteTexts } from "../texts/index.ts";
import { answerTo, type InvitationPolicy, mayInviteTheBot } from "./invitation-policy.ts";
import { type DueInvitation, type Invitation, InvitationTable } from "./invitation-table.ts";

/** Milliseconds between attempts that fail, and how many there are: three hours or so. */
const pace = { first: 5_000, longest: 1_800_000 } as const;
const mostAttempts = 14;
/** After this time without an echo in the sync, an answer is given again. */
const echoMs = 600_000;
/** Answers under way at once: our homeserver answers when the room's has, which may take minutes. */
const atOnce = 16;
/** Of the users of one homeserver, which leaves places to the others. */
const atOnceOfServer = 2;
const longestReason = 500;

export interface InvitationParts {
    /** Opened with `roomsSchema`. */
    readonly database: Database;
    readonly policy: InvitationPolicy;
    readonly join: (roomId: string, via: readonly string[]) => Promise<void>;
    /** Also rejects an invite. */
    readonly leave: (roomId: string, reason: string) => Promise<void>;
    readonly logger: Logger;
    /** Milliseconds for which whoever refused does not want to be asked; undefined: the error names no time. */
    readonly retryAfterOf: (error: unknown) => number | undefined;
    /** The time of `RunningClock`. */
    readonly now: () => number;
    /** In [0, 1); spreads the attempts. */
    readonly random?: () => number;
}

/**
 * Answers invites to the bot and follows tombstones. What waits stands in the database, so that a crash loses no
 * answer; joining or leaving twice does no harm. A room that cannot be joined is tried again for a while and then given
 * up, until the next invite.
 */
export class Invitations {
    readonly #parts: InvitationParts;
    readonly #table: InvitationTable;
    readonly #due: Due<DueInvitation>;

    constructor(parts: InvitationParts) {
        this.#parts = parts;
        this.#table = new InvitationTable(parts.database);
        const { logger: log, now, random = Math.random } = parts;
        this.#due = new Due({
            name: "the answering of invites",
            atOnce,
            ofOne: { who: ({ invitation }) => serverOf(invitation.sender), atOnce: atOnceOfServer },
            pace,
            log,
            now,
            random,
            // What is under way is among them.
            due: (at) => this.#table.due(at, 2 * atOnce, 2 * atOnceOfServer),
            nextAt: (at) => this.#table.nextAt(at),
            work: ({ invitation }) => this.#answerOrSayWhyNot(invitation),
            record: ({ invitation }, later) => {
                if (later !== undefined) this.#failed(invitation, later);
            },
        });
    }

    /** Invites that were left pending are judged again: the configuration may have changed. */
    start(): void {
        const { database } = this.#parts;
        const pending = this.#table.all().filter(({ state }) => state === "left_pending");
        if (pending.length > 0) {
            database.transaction(() => {
                for (const row of pending)
                    this.#table.put({ ...row, state: "open", nextAttemptAt: 0, reason: undefined });
            });
        }
        this.wake();
    }

    /** Starts whatever is due and returns at once; to be called after every batch. */
    wake(): void {
        this.#due.wake();
    }

    /**
     * Starts nothing more and resolves when no request is under way; abort the requests themselves through the
     * functions given.
     */
    async stop(): Promise<void> {
        await this.#due.stop();
    }

    async #answerOrSayWhyNot(row: Invitation): Promise<Outcome> {
        try {
            await this.#answer(row);
            return { is: "done" };
        } catch (error) {
            if (isAbort(error)) throw error;
            const reason = (error instanceof Error ? error.message : String(error)).slice(0, longestReason);
            this.#update(row, { reason });
            // It may be the word of the room's server, which ours passes on.
            const asked = this.#parts.retryAfterOf(error);
            return { is: "failed", retryAfterMs: asked === undefined ? undefined : Math.min(asked, pace.longest) };
        }
    }

    async #answer(row: Invitation): Promise<void> {
        const { policy, join, leave } = this.#parts;
        switch (row.kind) {
            case "false_successor":
                await leave(row.roomId, inviteTexts.falseSuccessor);
                return this.#settle(row, "answered", "left a room that is not the successor it was said to be");
            case "successor":
                // Whoever may bring the bot anywhere needs no tombstone for it: the room is not held against its
                // predecessor then.
                if (mayInviteTheBot(row.sender, policy))
                    return this.#answerInvite(this.#update(row, { kind: "invite" }));
                await join(row.roomId, row.via);
                return this.#settle(row, "answered", "followed a tombstone");
            case "invite":
                return this.#answerInvite(row);
        }
    }

    async #answerInvite(row: Invitation): Promise<void> {
        switch (answerTo(row.sender, this.#parts.policy)) {
            case "accept":
                await this.#parts.join(row.roomId, row.via);
                return this.#settle(row, "answered", "accepted an invite");
            case "reject":
                await this.#parts.leave(row.roomId, inviteTexts.notAllowed);
                return this.#settle(row, "answered", "rejected an invite: invites.from does not name its sender");
            case "leave_pending":
                return this.#settle(
                    row,
                    "left_pending",
                    "left an invite pending: invites.from does not name its sender",
                );
        }
    }

    #settle(row: Invitation, state: "answered" | "left_pending", message: string): void {
        const nextAttemptAt = state === "answered" ? this.#parts.now() + echoMs : undefined;
        this.#update(row, { state, nextAttemptAt, reason: undefined });
        this.#parts.logger.info({ room: row.roomId, user: row.sender, predecessor: row.predecessor }, message);
    }

    #failed(row: Invitation, { at, failures: attempts }: Later): void {
        const { logger, now } = this.#parts;
        const { reason } = this.#table.get(row.roomId) ?? {};
        const facts = { room: row.roomId, user: row.sender, attempts, reason };
        if (attempts >= mostAttempts) {
            this.#update(row, { state: "given_up", attempts, nextAttemptAt: undefined });
            logger.error(facts, "gave up answering an invite; another invite makes the bot try again");
        } else {
            this.#update(row, { state: "open", attempts, nextAttemptAt: at });
            logger.warn({ ...facts, wait_ms: at - now() }, "could not answer an invite; it is tried again");
        }
    }

    /** Unless the sync was quicker: a row that it deleted or opened anew is not ours to write. */
    #update(seen: Invitation, change: Partial<Invitation>): Invitation {
        this.#parts.database.transaction(() => {
            const row = this.#table.get(seen.roomId);
            if (row !== undefined && isStill(row, seen)) this.#table.put({ ...row, ...change });
        });
        return { ...seen, ...change };
    }
}

/** The row is the one that was seen; a successor may have become an ordinary invite meanwhile, by our own hand. */
function isStill(row: Invitation, seen: Invitation): boolean {
    return row.since === seen.since && (row.kind === seen.kind || (row.kind === "invite" && seen.kind === "successor"));
}
