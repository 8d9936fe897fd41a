import type { Database } from "../database/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { answerTo, type InvitationPolicy, mayInviteTheBot } from "./invitation-policy.ts";
import { type Invitation, InvitationTable } from "./invitation-table.ts";

/** Waits after the first, second ... failed attempt, in milliseconds; after the last one the room is given up. */
const backoff = [5_000, 30_000, 120_000, 600_000, 1_800_000, 7_200_000] as const;
/** After this time without an echo in the sync, an answer is given again. */
const echoMs = 600_000;
/** How long to wait with everything when the database cannot be written. */
const unwritableMs = 30_000;
const atOnce = 4;
const longestReason = 500;

/** What the inviter reads when the bot declines, and what stands in the room when it leaves one that it was led into. */
const reasons = {
    notAllowed: "This bot only joins rooms at the invitation of the people who run it.",
    falseSuccessor: "This room does not say that it replaces the one whose tombstone names it.",
} as const;

export interface InvitationParts {
    /** Opened with `roomsSchema`. */
    readonly database: Database;
    readonly policy: InvitationPolicy;
    readonly join: (roomId: string, via: readonly string[]) => Promise<void>;
    /** Also rejects an invite. */
    readonly leave: (roomId: string, reason: string) => Promise<void>;
    readonly logger: Logger;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
}

/**
 * Answers invites to the bot and follows tombstones. What waits stands in the database, so that a crash loses no answer;
 * joining or leaving twice does no harm. A room that cannot be joined is tried again for a while and then given up, until the next invite.
 */
export class Invitations {
    readonly #parts: InvitationParts;
    readonly #table: InvitationTable;
    readonly #underWay = new Map<string, Promise<void>>();
    #timer: NodeJS.Timeout | undefined;
    #running = false;
    /** Set while the database cannot be written: nothing is started that could not be recorded. */
    #notBefore = 0;

    constructor(parts: InvitationParts) {
        this.#parts = parts;
        this.#table = new InvitationTable(parts.database);
    }

    /** Invites that were left pending are judged again: the configuration may have changed. */
    start(): void {
        this.#running = true;
        const { database, now } = this.#parts;
        const pending = this.#table.all().filter(({ state }) => state === "left_pending");
        if (pending.length > 0) {
            database.transaction(() => {
                for (const row of pending) this.#table.put({ ...row, state: "open", nextAttemptAt: now(), reason: undefined });
            });
        }
        this.wake();
    }

    /** Starts whatever is due and returns at once; to be called after every batch. */
    wake(): void {
        if (!this.#running) return;
        const waiting = this.#table.all().filter(({ roomId, nextAttemptAt }) => nextAttemptAt !== undefined && !this.#underWay.has(roomId));
        const now = this.#parts.now();
        if (now < this.#notBefore) return this.#wakeAt(this.#notBefore, now);
        const due = waiting.filter(({ nextAttemptAt }) => (nextAttemptAt ?? 0) <= now).slice(0, Math.max(0, atOnce - this.#underWay.size));
        for (const row of due) this.#underWay.set(row.roomId, this.#answerAndGoOn(row));
        const later = waiting.map(({ nextAttemptAt }) => nextAttemptAt ?? 0).filter((at) => at > now);
        this.#wakeAt(later.toSorted((a, b) => a - b)[0], now);
    }

    /** Starts nothing more and resolves when no request is under way; abort the requests themselves through the functions given. */
    async stop(): Promise<void> {
        this.#running = false;
        clearTimeout(this.#timer);
        await Promise.all(this.#underWay.values());
    }

    #wakeAt(at: number | undefined, now: number): void {
        clearTimeout(this.#timer);
        if (at !== undefined) this.#timer = setTimeout(() => this.wake(), at - now);
    }

    async #answerAndGoOn(row: Invitation): Promise<void> {
        // The map has its entry before anything happens.
        await Promise.resolve();
        try {
            await this.#answer(row);
        } catch (error) {
            // Stopped in the middle: the row is as it was, and due at the next start. Requests are aborted before anybody stops this.
            if (isAbort(error)) this.#running = false;
            if (this.#running) this.#failedSafely(row, error);
        } finally {
            this.#underWay.delete(row.roomId);
            this.wake();
        }
    }

    async #answer(row: Invitation): Promise<void> {
        const { policy, join, leave } = this.#parts;
        switch (row.kind) {
            case "false_successor":
                await leave(row.roomId, reasons.falseSuccessor);
                return this.#settle(row, "answered", "left a room that is not the successor it was said to be");
            case "successor":
                // Whoever may bring the bot anywhere needs no tombstone for it: the room is not held against its predecessor then.
                if (mayInviteTheBot(row.sender, policy)) return this.#answerInvite(this.#update(row, { kind: "invite" }));
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
                await this.#parts.leave(row.roomId, reasons.notAllowed);
                return this.#settle(row, "answered", "rejected an invite: invites.from does not name its sender");
            case "leave_pending":
                return this.#settle(row, "left_pending", "left an invite pending: invites.from does not name its sender");
        }
    }

    #settle(row: Invitation, state: "answered" | "left_pending", message: string): void {
        const nextAttemptAt = state === "answered" ? this.#parts.now() + echoMs : undefined;
        this.#update(row, { state, nextAttemptAt, reason: undefined });
        this.#parts.logger.info({ room: row.roomId, user: row.sender, predecessor: row.predecessor }, message);
    }

    #failedSafely(row: Invitation, error: unknown): void {
        try {
            this.#failed(row, error);
        } catch (fault) {
            this.#notBefore = this.#parts.now() + unwritableMs;
            this.#parts.logger.error(
                { room: row.roomId, error: String(fault) },
                "could not write down what became of an invite; it is tried again",
            );
        }
    }

    #failed(row: Invitation, error: unknown): void {
        const reason = (error instanceof Error ? error.message : String(error)).slice(0, longestReason);
        const wait = backoff[row.attempts];
        const attempts = row.attempts + 1;
        const facts = { room: row.roomId, user: row.sender, attempts, reason };
        if (wait === undefined) {
            this.#update(row, { state: "given_up", attempts, nextAttemptAt: undefined, reason });
            this.#parts.logger.error(facts, "gave up answering an invite; another invite makes the bot try again");
        } else {
            this.#update(row, { state: "open", attempts, nextAttemptAt: this.#parts.now() + wait, reason });
            this.#parts.logger.warn({ ...facts, wait_ms: wait }, "could not answer an invite; it is tried again");
        }
    }

    /** Unless the sync was quicker: a row that it deleted or opened anew is not ours to write. */
    #update(seen: Invitation, change: Partial<Invitation>): Invitation {
        this.#parts.database.transaction(() => {
            const row = this.#table.get(seen.roomId);
            if (row?.since === seen.since && row.kind === seen.kind) this.#table.put({ ...row, ...change });
        });
        return { ...seen, ...change };
    }
}

function isAbort(error: unknown): boolean {
    return error instanceof DOMException && error.name === "AbortError";
}
