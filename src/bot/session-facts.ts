import type { CryptoPort } from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import type { FormerMembers } from "../sharing/index.ts";
import type { Timelines } from "../timeline/index.ts";

export interface SessionFactsParts {
    readonly database: Database;
    readonly crypto: Pick<CryptoPort, "setOwners" | "keySenders" | "setOutsiders">;
    readonly timelines: Pick<Timelines, "untoldOwners" | "ownersTold">;
    readonly formerMembers: Pick<FormerMembers, "strangers">;
    /** Only what an event used lately is shared in this room, so that each event may open something. */
    readonly hasAge: (roomId: string) => boolean;
    /** Something else may be shared in these rooms now. */
    readonly rejudged: (roomIds: readonly string[]) => void;
}

/** What one call tells of. */
const ownersAtOnce = 100;

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
        const { crypto, formerMembers, rejudged } = this.#parts;
        const outsiders = formerMembers.strangers(roomId, await crypto.keySenders(roomId));
        if (await crypto.setOutsiders(roomId, outsiders)) rejudged([roomId]);
    }

    async #tellOwners(): Promise<void> {
        const { crypto, database, hasAge, rejudged, timelines } = this.#parts;
        for (let owners = timelines.untoldOwners(ownersAtOnce); owners.length > 0; owners = timelines.untoldOwners(ownersAtOnce)) {
            const changed = await crypto.setOwners(owners);
            database.transaction(() => timelines.ownersTold(owners));
            const aged = owners.map(({ roomId }) => roomId).filter(hasAge);
            const rooms = [...new Set([...changed, ...aged])];
            if (rooms.length > 0) rejudged(rooms);
        }
    }
}
