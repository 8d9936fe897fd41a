import type { Handlers } from "../control/index.ts";
import type { CryptoPort } from "../crypto/index.ts";
import type { SharingRecords } from "../sharing/index.ts";
import type { Recount } from "./recording/recount.ts";

/** Milliseconds between counts while an import goes on. */
const countEveryMs = 5_000;

export interface OperationParts {
    readonly commands: SharingRecords["commands"];
    /** The crypto worker, once it is there. @throws Failure `account_not_ready` before */
    readonly crypto: () => Promise<Pick<CryptoPort, "importRoomKeys" | "exportRoomKeys">>;
    readonly snapshot: Handlers["snapshot"];
    readonly health: Handlers["health"];
    /** Something may have fallen due. */
    readonly wake: () => void;
    /** Where the rooms of imported keys are counted. @throws Failure `account_not_ready` */
    readonly recount: () => Promise<Pick<Recount, "note" | "count">>;
    /** Milliseconds, of a clock that nobody sets. */
    readonly monotonic: () => number;
}

/** What commands may ask, on the parts that answer it. */
export function controlOperations({
    commands,
    crypto,
    snapshot,
    health,
    wake,
    recount,
    monotonic,
}: OperationParts): Handlers {
    let counted = Number.NEGATIVE_INFINITY;
    return {
        health,
        snapshot,
        share: ({ roomId, userId }) => answer(() => commands.share(roomId, userId)),
        invite: ({ roomId, userId }) => answer(() => commands.invite(roomId, userId)),
        accept: ({ roomId, userId }) => answer(() => commands.invite(roomId, userId, { onlyKnocking: true })),
        approve: ({ jobId }) => answer(() => commands.approve(jobId)),
        approveAll: ({ roomId }) => answer(() => commands.approveAll(roomId)),
        cancel: ({ jobId }) => answer(() => commands.cancel(jobId)),
        pause: ({ roomId }) => answer(() => commands.pause(roomId)),
        resume: ({ roomId }) => answer(() => commands.resume(roomId)),
        trust: ({ userId, fingerprint }) => answer(() => commands.trust(userId, fingerprint)),
        importRoomKeys: async ({ entries, more }) => {
            const { importRoomKeys } = await crypto();
            let goesOn = false;
            try {
                const { imported, refused } = await importRoomKeys(entries);
                goesOn = more;
                return { imported, refused };
            } finally {
                // An import that broke off has brought keys, too.
                await keysCame(roomsOf(entries), goesOn);
            }
        },
        exportRoomKeys: async ({ roomId, after }) => await (await crypto()).exportRoomKeys(roomId, after),
    };

    /** A count takes longer the more keys the room has: while others follow at once, it is made now and then. */
    async function keysCame(roomIds: readonly string[], goesOn: boolean): Promise<void> {
        const counts = await recount();
        if (goesOn && monotonic() - counted < countEveryMs) return counts.note(roomIds);
        await counts.count(roomIds);
        counted = monotonic();
        wake();
    }

    async function answer<T>(command: () => T): Promise<T> {
        await Promise.resolve();
        const outcome = command();
        wake();
        return outcome;
    }
}

function roomsOf(entries: readonly unknown[]): readonly string[] {
    const roomIds = entries.flatMap((entry) =>
        typeof entry === "object" && entry !== null && "room_id" in entry && typeof entry.room_id === "string"
            ? [entry.room_id]
            : [],
    );
    return [...new Set(roomIds)];
}
