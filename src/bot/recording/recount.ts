import type { CryptoPort, SharingSigns } from "../../crypto/index.ts";
import type { Database } from "../../database/index.ts";
import { followKeys } from "../../sharing/index.ts";
import type { SharingLedger } from "./sharing-ledger.ts";

/**
 * Remembers which rooms are still to be counted: a crash or a full disk may have come between their keys and the
 * counting.
 */
export class Recount {
    readonly #due: Set<string>;
    readonly #count: (roomIds: readonly string[]) => Promise<void>;

    /** @param roomIds rooms whose counts may be out of date: after a start, all of them */
    constructor(roomIds: readonly string[], count: (roomIds: readonly string[]) => Promise<void>) {
        this.#due = new Set(roomIds);
        this.#count = count;
    }

    /** These rooms are to be counted with the next call of `count`, which comes after each batch of the sync. */
    note(roomIds: readonly string[]): void {
        for (const roomId of roomIds) this.#due.add(roomId);
    }

    /**
     * Counts these rooms and whatever is left of earlier calls. Answers whether there was anything to count.
     * @throws what the counting throws; the rooms stay due then
     */
    async count(roomIds: readonly string[]): Promise<boolean> {
        const due = [...new Set([...this.#due, ...roomIds])];
        this.#due.clear();
        try {
            await this.#count(due);
            return due.length > 0;
        } catch (error) {
            for (const roomId of due) this.#due.add(roomId);
            throw error;
        }
    }
}

/**
 * Copies the crypto store's counts of these rooms to the bot's database, where `status` reads them, with what their
 * senders' keys say of their clients. Lets go on what waits for keys: jobs that found none, and bundles that were sent
 * and may not have been opened yet.
 */
export async function recountRooms(
    database: Database,
    ledger: Pick<
        SharingLedger,
        "clock" | "evidence" | "facts" | "holdings" | "jobs" | "refreshes" | "rooms" | "timelines"
    >,
    crypto: Pick<CryptoPort, "holdings" | "sharingSigns">,
    roomIds: readonly string[],
): Promise<void> {
    if (roomIds.length === 0) return;
    // Anybody can send keys for rooms that they made up.
    const known = roomIds.filter((roomId) => ledger.rooms.room(roomId) !== undefined);
    const counts = await Promise.all(known.map(async (roomId) => [roomId, await crypto.holdings(roomId)] as const));
    const signs = await signsOf(crypto, roomIds);
    database.transaction(() => {
        noteSigns(ledger, signs);
        ledger.timelines.touch(roomIds);
        followKeys(ledger, roomIds, new Map(counts));
    });
}

/**
 * After a start: copies what was sent for rooms that the bot is not in. A bundle, for instance, is announced before its
 * invite. A kill may have come between its commit and the copying; the rooms that the bot is in are all counted then.
 */
export async function copySignsOfOtherRooms(
    database: Database,
    ledger: Pick<SharingLedger, "evidence" | "rooms">,
    crypto: Pick<CryptoPort, "roomsWithSigns" | "sharingSigns">,
): Promise<void> {
    const others = (await crypto.roomsWithSigns()).filter((roomId) => ledger.rooms.room(roomId)?.membership !== "join");
    const signs = await signsOf(crypto, others);
    database.transaction(() => noteSigns(ledger, signs));
}

type SignsByRoom = readonly (readonly [roomId: string, signs: readonly SharingSigns[]])[];

async function signsOf(crypto: Pick<CryptoPort, "sharingSigns">, roomIds: readonly string[]): Promise<SignsByRoom> {
    return await Promise.all(roomIds.map(async (roomId) => [roomId, await crypto.sharingSigns(roomId)] as const));
}

function noteSigns({ evidence, rooms }: Pick<SharingLedger, "evidence" | "rooms">, signs: SignsByRoom): void {
    for (const [roomId, ofRoom] of signs) evidence.note(ofRoom, rooms.room(roomId)?.openSince, Date.now());
}
