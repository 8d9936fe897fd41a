import type { CryptoPort } from "../../crypto/index.ts";
import type { Database } from "../../database/index.ts";
import type { RunningClock } from "../../due/index.ts";
import type { LeftRooms } from "../../rooms/index.ts";
import type { SharingRecords } from "../../sharing/index.ts";
import type { Timelines } from "../../timeline/index.ts";

export interface SessionFactsParts {
    readonly database: Database;
    readonly crypto: Pick<CryptoPort, "setRooms" | "setOwners" | "keySenders" | "setOutsiders">;
    readonly clock: Pick<RunningClock, "now">;
    readonly leftRooms: Pick<LeftRooms, "kept">;
    readonly timelines: Pick<Timelines, "untoldOwners" | "ownersTold">;
    readonly formerMembers: Pick<SharingRecords["formerMembers"], "strangers">;
    /** Only what an event used lately is shared in this room, so that each event may open something. */
    readonly hasAge: (roomId: string) => boolean;
    /** Something else may be shared in these rooms now. */
    readonly rejudged: (roomIds: readonly string[]) => void;
}

/** What one call tells of. */
const ownersAtOnce = 100;

/**
 * Tells the crypto worker what only the rooms say: which rooms are the bot's, whose a session is, and who was never in
 * a room. It goes by that in what it keeps (`crypto/machine/exchange/unknown-rooms.ts`), and in whose word counts
 * (`crypto/machine/entries/session-law.ts`).
 */
export class SessionFacts {
    readonly #parts: SessionFactsParts;
    #telling: Promise<void> | undefined;
    /** At first nobody knows what the worker was told before the bot went down. */
    #roomsMoved = true;

    constructor(parts: SessionFactsParts) {
        this.#parts = parts;
    }

    /** The port, which is told all that is recorded before it is given a batch, or asked what may be shared. */
    informed(crypto: CryptoPort): CryptoPort {
        return {
            ...crypto,
            receive: async (changes) => {
                if (this.#roomsMoved) await this.tellRooms();
                return await crypto.receive(changes);
            },
            shareableSet: async (roomId) => {
                await this.#tell(roomId);
                return await crypto.shareableSet(roomId);
            },
            heldSessions: async (roomId, after) => {
                if (after === undefined) await this.#tell(roomId);
                return await crypto.heldSessions(roomId, after);
            },
        };
    }

    /** The bot has come into rooms, was invited to some, or is in some no more. */
    roomsMoved(): void {
        this.#roomsMoved = true;
        // What fails is told before the next batch.
        this.tellRooms().catch(() => undefined);
    }

    /** Also has the worker let go what has waited long enough for its room. */
    async tellRooms(): Promise<void> {
        const { clock, crypto, leftRooms, rejudged } = this.#parts;
        try {
            const came = await crypto.setRooms(leftRooms.kept(), clock.now());
            this.#roomsMoved = false;
            if (came.length > 0) rejudged(came);
        } catch (error) {
            this.#roomsMoved = true;
            throw error;
        }
    }

    async tellOwners(): Promise<void> {
        this.#telling ??= this.#tellOwners().finally(() => (this.#telling = undefined));
        await this.#telling;
    }

    async #tell(roomId: string): Promise<void> {
        await this.tellOwners();
        const { crypto, formerMembers, rejudged } = this.#parts;
        const outsiders = formerMembers.strangers(roomId, await crypto.keySenders(roomId));
        if (await crypto.setOutsiders(roomId, outsiders)) rejudged([roomId]);
    }

    async #tellOwners(): Promise<void> {
        const { crypto, database, hasAge, rejudged, timelines } = this.#parts;
        for (
            let owners = timelines.untoldOwners(ownersAtOnce);
            owners.length > 0;
            owners = timelines.untoldOwners(ownersAtOnce)
        ) {
            const changed = await crypto.setOwners(owners);
            database.transaction(() => timelines.ownersTold(owners));
            const aged = owners.map(({ roomId }) => roomId).filter(hasAge);
            const rooms = [...new Set([...changed, ...aged])];
            if (rooms.length > 0) rejudged(rooms);
        }
    }
}
