import { sharingPolicy } from "../config/index.ts";
import { type CryptoPort, guardOwnIdentity } from "../crypto/index.ts";
import { LeftRooms } from "../rooms/index.ts";
import { SessionFacts } from "./keys/session-facts.ts";
import { recordOwnIdentity } from "./recording/own-identity.ts";
import type { ServicesOptions } from "./services.ts";

export interface InformedCrypto {
    /** The port, told in time what only the rooms say, and stopped by an identity that is not ours. */
    readonly crypto: CryptoPort;
    readonly facts: SessionFacts;
}

interface Told {
    /** Something else may be shared in these rooms now. */
    readonly rejudged: (roomIds: readonly string[]) => void;
    /** There is news of our own identity. */
    readonly identityHeard: () => void;
}

export function informedCrypto({ settings, store, ledger, online, log }: ServicesOptions, told: Told): InformedCrypto {
    const facts = new SessionFacts({
        ...ledger,
        database: store.database,
        leftRooms: new LeftRooms(store.database),
        crypto: online.crypto,
        hasAge: (roomId) => sharingPolicy(settings, roomId).max_age !== null,
        rejudged: told.rejudged,
    });
    const crypto = guardOwnIdentity(facts.informed(online.crypto), online.account, (identity) => {
        if (recordOwnIdentity({ database: store.database, ledger, log, now: Date.now }, identity)) told.identityHeard();
    });
    return { crypto, facts };
}
