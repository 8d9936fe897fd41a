import type { Database } from "../database/index.ts";
import { type Membership, parseCreate, serverOf } from "../matrix/index.ts";
import type { Successor } from "./changes.ts";
import { type Invitation, InvitationTable } from "./invitation-table.ts";
import type { StateEvent } from "./state-table.ts";

/** Servers to ask for a room; an invite a minute from ever other servers must not make the row grow. */
const longestVia = 5;

/** Milliseconds since the epoch. */
export interface InvitationClock {
    readonly now: () => number;
    /** When the batch before was recorded; undefined: there was none. */
    readonly lastBatchAt: () => number | undefined;
}

/** Keeps the rows of rooms that wait for our answer in step with what a batch says. */
export class InvitationKeeper {
    readonly #table: InvitationTable;
    readonly #clock: InvitationClock;

    constructor(database: Database, clock: InvitationClock) {
        this.#table = new InvitationTable(database);
        this.#clock = clock;
    }

    /** An invite opens the row anew; a room that a tombstone named stays one. */
    invited(roomId: string, inviter: string): void {
        const { predecessor } = this.#table.get(roomId) ?? {};
        this.#open({
            roomId,
            sender: inviter,
            madeAfter: this.#clock.lastBatchAt(),
            predecessor,
            server: serverOf(inviter),
        });
    }

    /** Of a room to which we are invited: the invite that we know of, the last one of several. */
    invite(roomId: string): Pick<Invitation, "sender" | "madeAfter"> | undefined {
        return this.#table.get(roomId);
    }

    /**
     * A tombstone names a room: joined unless we have been there and left, or were thrown out. Who invited us there
     * stays the one to judge.
     */
    follow({ roomId, successor, sender }: Successor, membership: Membership | undefined): void {
        if (membership !== undefined && membership !== "invite") return;
        const invite = this.#table.get(successor);
        const { madeAfter } = invite ?? {};
        this.#open({
            roomId: successor,
            sender: invite?.sender ?? sender,
            madeAfter,
            predecessor: roomId,
            server: serverOf(sender),
        });
    }

    #open(row: {
        readonly roomId: string;
        readonly sender: string;
        readonly madeAfter: number | undefined;
        readonly predecessor: string | undefined;
        readonly server: string;
    }): void {
        const { roomId, sender, madeAfter, predecessor, server } = row;
        const via = [...new Set([...(this.#table.get(roomId)?.via ?? []), server])].slice(-longestVia);
        const kind = predecessor === undefined ? "invite" : "successor";
        const now = this.#clock.now();
        this.#table.put({
            roomId,
            kind,
            sender,
            predecessor,
            via,
            since: now,
            madeAfter,
            state: "open",
            attempts: 0,
            nextAttemptAt: 0,
            reason: undefined,
        });
    }

    /**
     * We are in: nothing is left to answer, unless the room does not say that it replaces the one whose tombstone led
     * us here.
     * @param create the room's creation; undefined if this batch does not show it
     * @returns whether we stay
     */
    joined(roomId: string, create: StateEvent | undefined): boolean {
        const row = this.#table.get(roomId);
        if (row === undefined) return true;
        if (row.kind === "false_successor") return false;
        if (row.kind === "successor" && create !== undefined) {
            const predecessor =
                create.content === undefined ? undefined : parseCreate(create.content, create.sender).predecessor;
            if (predecessor !== row.predecessor) {
                this.#table.put({ ...row, kind: "false_successor", state: "open", attempts: 0, nextAttemptAt: 0 });
                return false;
            }
        }
        this.#table.delete(roomId);
        return true;
    }

    /** We are out, or the invite is gone. A successor can still be joined without it. */
    left(roomId: string): void {
        if (this.#table.get(roomId)?.kind !== "successor") this.#table.delete(roomId);
    }
}
