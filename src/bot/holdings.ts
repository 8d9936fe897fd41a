import type { CryptoPort } from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import type { Holdings } from "../sharing/index.ts";

/** Copies the crypto store's counts of these rooms to the bot's database, where `status` reads them. */
export async function copyHoldings(
    database: Database,
    holdings: Holdings,
    crypto: Pick<CryptoPort, "holdings">,
    roomIds: readonly string[],
): Promise<void> {
    const counts = await Promise.all(roomIds.map(async (roomId) => [roomId, await crypto.holdings(roomId)] as const));
    if (counts.length === 0) return;
    database.transaction(() => {
        for (const [roomId, count] of counts) holdings.set(roomId, count);
    });
}
