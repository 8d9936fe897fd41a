import type { CryptoPort } from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import { releaseEmptyHanded } from "../sharing/index.ts";
import type { SharingLedger } from "./sharing-ledger.ts";

/** Copies the crypto store's counts of these rooms to the bot's database, where `status` reads them, and lets jobs go on that waited for keys. */
export async function takeStock(
    database: Database,
    { holdings, jobs, rooms }: Pick<SharingLedger, "holdings" | "jobs" | "rooms">,
    crypto: Pick<CryptoPort, "holdings">,
    roomIds: readonly string[],
): Promise<void> {
    const counts = await Promise.all(roomIds.map(async (roomId) => [roomId, await crypto.holdings(roomId)] as const));
    if (counts.length === 0) return;
    database.transaction(() => {
        for (const [roomId, count] of counts) holdings.set(roomId, count);
        releaseEmptyHanded({ jobs, rooms }, roomIds);
    });
}
