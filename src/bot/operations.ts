import type { ControlOperations } from "../control/index.ts";
import type { CryptoPort } from "../crypto/index.ts";
import type { ShareCommands } from "../sharing/index.ts";

export interface OperationParts {
    readonly commands: ShareCommands;
    /** The crypto worker, once it is there. @throws Failure `account_not_ready` before */
    readonly crypto: () => Promise<Pick<CryptoPort, "importRoomKeys" | "exportRoomKeys">>;
    readonly snapshot: ControlOperations["snapshot"];
    readonly health: ControlOperations["health"];
    /** Something may have fallen due. */
    readonly wake: () => void;
    /** The counts of these rooms are to be copied anew. */
    readonly holdingsChanged: (roomIds: readonly string[]) => Promise<void>;
}

/** What commands may ask, on the parts that answer it. */
export function controlOperations({ commands, crypto, snapshot, health, wake, holdingsChanged }: OperationParts): ControlOperations {
    return {
        health,
        snapshot,
        share: (roomId, userId) => answer(() => commands.share(roomId, userId)),
        approve: (jobId) => answer(() => commands.approve(jobId)),
        approveAll: (roomId) => answer(() => commands.approveAll(roomId)),
        cancel: (jobId) => answer(() => commands.cancel(jobId)),
        pause: (roomId) => answer(() => commands.pause(roomId)),
        resume: (roomId) => answer(() => commands.resume(roomId)),
        trust: (userId, fingerprint) => answer(() => commands.trust(userId, fingerprint)),
        importRoomKeys: async (entries) => {
            const { importRoomKeys } = await crypto();
            try {
                const { imported, refused } = await importRoomKeys(entries);
                return { imported, refused };
            } finally {
                // An import that broke off has brought keys, too.
                await holdingsChanged(roomsOf(entries));
                wake();
            }
        },
        exportRoomKeys: async (roomId, page) => await (await crypto()).exportRoomKeys(roomId, page),
    };

    async function answer<T>(command: () => T): Promise<T> {
        await Promise.resolve();
        const outcome = command();
        wake();
        return outcome;
    }
}

function roomsOf(entries: readonly unknown[]): readonly string[] {
    const roomIds = entries.flatMap((entry) =>
        typeof entry === "object" && entry !== null && "room_id" in entry && typeof entry.room_id === "string" ? [entry.room_id] : [],
    );
    return [...new Set(roomIds)];
}
