import type { Database } from "../database/index.ts";
import { type Membership, parseCreate, serverOf } from "../matrix/index.ts";
import type { Successor } from "./changes.ts";
import { InvitationTable } from "./invitation-table.ts";
import type { StateEvent } from "./state-table.ts";

/** Servers to ask for a room; an invite a minute from ever other servers must not make the row grow. */
const longestVia = 5;

/** Keeps the rows of rooms that wait for our answer in step with what a batch says. */
export class InvitationKeeper {
    readonly #table: InvitationTable;
    readonly #now: () => number;

    constructor(database: Database, now: () => number) {
        this.#table = new InvitationTable(database);
        this.#now = now;
    }

    /** An invite opens the row anew; a room that a tombstone named stays one. */
    invited(roomId: string, inviter: string): void {
        this.#open({ roomId, sender: inviter, predecessor: this.#table.get(roomId)?.predecessor, server: serverOf(inviter) });
    }

    /** Of a room to which we are invited: who sent the invite that we know of, the last one of several. */
    inviter(roomId: string): string | undefined {
        return this.#table.get(roomId)?.sender;
    }

    /** A tombstone names a room: joined unless we have been there and left, or were thrown out. Who invited us there stays the one to judge. */
    follow({ roomId, successor, sender }: Successor, membership: Membership | undefined): void {
        if (membership !== undefined && membership !== "invite") return;
        const inviter = this.#table.get(successor)?.sender;
        this.#open({ roomId: successor, sender: inviter ?? sender, predecessor: roomId, server: serverOf(sender) });
    }

    #open(row: {
        readonly roomId: string;
        readonly sender: string;
        readonly predecessor: string | undefined;
        readonly server: string;
    }): void {
        const { roomId, sender, predecessor, server } = row;
        const via = [...new Set([...(this.#table.get(roomId)?.via ?? []), server])].slice(-longestVia);
        const kind = predecessor === undefined ? "invite" : "successor";
        const now = this.#now();
        this.#table.put({
            roomId,
            kind,
            sender,
            predecessor,
            via,
            since: now,
            state: "open",
            attempts: 0,
            nextAttemptAt: now,
            reason: undefined,
        });
    }

    /**
     * We are in: nothing is left to answer, unless the room does not say that it replaces the one whose tombstone led us here.
     * @param create the room's creation; undefined if this batch does not show it
     * @returns whether we stay
     */
    joined(roomId: string, create: StateEvent | undefined): boolean {
        const row = this.#table.get(roomId);
        if (row === undefined) return true;
        if (row.kind === "false_successor") return false;
        if (row.kind === "successor" && create !== undefined) {
            const predecessor = create.content === undefined ? undefined : parseCreate(create.content, create.sender).predecessor;
            if (predecessor !== row.predecessor) {
                this.#table.put({ ...row, kind: "false_successor", state: "open", attempts: 0, nextAttemptAt: this.#now() });
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
