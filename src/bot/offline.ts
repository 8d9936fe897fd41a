import { accountStatus } from "../account/index.ts";
import type { Settings } from "../config/index.ts";
import { type Bot, localBot } from "../control/index.ts";
import { type CryptoPort, startCrypto } from "../crypto/index.ts";
import { Failure } from "../failures/index.ts";
import { createLogger } from "../telemetry/index.ts";
import { openStore } from "./folder/store.ts";
import { takeSnapshot } from "./folder/take-snapshot.ts";
import { controlOperations } from "./operations.ts";
import { sharingLedger } from "./recording/sharing-ledger.ts";
import { Recount, recountRooms } from "./recording/recount.ts";

/**
 * Gives the control operations to a command that found no running bot: on the same parts, under the data folder's lock.
 * The crypto store is opened only by a command that needs it.
 * @throws Failure `store_locked` if a bot started meanwhile; `account_not_ready` if the store has no account yet;
 * `store_behind`
 */
export async function withOfflineBot<T>(settings: Settings, use: (bot: Bot) => Promise<T>): Promise<T> {
    const log = await createLogger({ level: "warn", format: settings.log.format, output: "stderr" });
    const store = openStore(settings);
    const ledger = sharingLedger(store, settings);
    let opening: Promise<CryptoPort> | undefined;
    const open = async (): Promise<CryptoPort> => {
        const account = accountStatus(store.database, store.folder.path);
        if (account === null) throw new Failure("account_not_ready");
        return await startCrypto({
            path: store.folder.cryptoStore,
            userId: account.user_id,
            deviceId: account.device_id,
            storeKey: store.storeKey,
            log,
            // Whatever the command waits for is rejected with the reason: there is nobody else to tell.
            onFatal: () => undefined,
            onCommit: (commits) => store.mark.heard(commits),
        });
    };
    // A snapshot is what helps a store that is behind, and is taken of it as it is.
    const asItIs = (): Promise<CryptoPort> => (opening ??= open());
    let checking: Promise<CryptoPort> | undefined;
    const check = async (): Promise<CryptoPort> => {
        const port = await asItIs();
        await store.mark.requireReached(port, store.folder.cryptoStore);
        return port;
    };
    // Once: an import asks for it with every hundred keys.
    const crypto = (): Promise<CryptoPort> => (checking ??= check());
    // Rooms that were not counted, as the command was ended, are counted by the bot's next start.
    const recount = new Recount(
        [],
        async (roomIds) => await recountRooms(store.database, ledger, await crypto(), roomIds),
    );
    const handlers = controlOperations({
        commands: ledger.commands,
        crypto,
        // Nothing runs: the next start makes the copies old.
        snapshot: () => takeSnapshot({ store, crypto: asItIs, copied: () => {} }),
        health: () => Promise.resolve({ healthy: false, problems: ["the bot is not running"] }),
        wake: () => {},
        recount: () => Promise.resolve(recount),
        monotonic: () => performance.now(),
    });
    try {
        return await use(localBot(handlers));
    } finally {
        await (await opening?.catch(() => undefined))?.close();
        store.close();
    }
}
