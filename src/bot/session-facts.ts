import type { CryptoPort } from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import type { Rooms } from "../rooms/index.ts";
import type { FormerMembers } from "../sharing/index.ts";
import type { Timelines } from "../timeline/index.ts";

export interface SessionFactsParts {
    readonly database: Database;
    readonly crypto: Pick<CryptoPort, "setOwners" | "keySenders" | "setOutsiders">;
    readonly timelines: Pick<Timelines, "untoldOwners" | "ownersTold">;
    readonly rooms: Pick<Rooms, "mayHaveBeenMember">;
    readonly formerMembers: Pick<FormerMembers, "has">;
    /** Something else may be shared in these rooms now. */
    readonly rejudged: (roomIds: readonly string[]) => void;
}

/** What one call tells of. */
const ownersAtOnce = 500;

/**
 * Tells the crypto worker what only the rooms say: whose a session is, and who was never in a room. It judges by that whose word counts
 * (`crypto/machine/session-law.ts`).
 */
export class SessionFacts {
    readonly #parts: SessionFactsParts;
    #telling: Promise<void> | undefined;

    constructor(parts: SessionFactsParts) {
        this.#parts = parts;
    }

    /** The port, which is told all that is recorded before it is asked what may be shared. */
    informed(crypto: CryptoPort): CryptoPort {
        return {
            ...crypto,
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

    async tellOwners(): Promise<void> {
        this.#telling ??= this.#tellOwners().finally(() => (this.#telling = undefined));
        await this.#telling;
    }

    async #tell(roomId: string): Promise<void> {
        await this.tellOwners();
        const { crypto, formerMembers, rooms, rejudged } = this.#parts;
        const senders = await crypto.keySenders(roomId);
        const outsiders = senders.filter((userId) => !rooms.mayHaveBeenMember(roomId, userId) && !formerMembers.has(roomId, userId));
        if (await crypto.setOutsiders(roomId, outsiders)) rejudged([roomId]);
    }

    async #tellOwners(): Promise<void> {
        const { crypto, database, rejudged, timelines } = this.#parts;
        for (let owners = timelines.untoldOwners(ownersAtOnce); owners.length > 0; owners = timelines.untoldOwners(ownersAtOnce)) {
            const changed = await crypto.setOwners(owners);
            database.transaction(() => timelines.ownersTold(owners));
            if (changed.length > 0) rejudged(changed);
        }
    }
}
