import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "../config/index.ts";
import { ControlServer } from "../control/index.ts";
import type { CryptoPort } from "../crypto/index.ts";
import { exitCodes, Failure } from "../failures/index.ts";
import { createLogger, type Logger, programVersion } from "../telemetry/index.ts";
import { bringUp, type BringUpOptions, type Online } from "./bring-up.ts";
import { StoreCheckRecord } from "./folder/store-check-record.ts";
import { openStore, type Store } from "./folder/store.ts";
import { takeSnapshot } from "./folder/take-snapshot.ts";
import { FolderWatch } from "./guards/folder-watch.ts";
import { checkHealth } from "./guards/health.ts";
import { StoreCheck } from "./guards/store-check.ts";
import { controlOperations } from "./operations.ts";
import { sharingLedger, type SharingLedger } from "./recording/sharing-ledger.ts";
import { copySignsOfOtherRooms } from "./recording/recount.ts";
import { type Services, startServices } from "./services.ts";
import { endOnFaults, Releases, stopOnSignals } from "./shutdown.ts";

/** Milliseconds between looks at an account that its server's admin has locked. */
const lockedPauseMs = 60_000;

/** What grows while the bot starts: the control socket answers from the first moment on. */
interface Running {
    readonly settings: Settings;
    readonly store: Store;
    readonly ledger: SharingLedger;
    readonly log: Logger;
    readonly releases: Releases;
    readonly stopping: AbortController;
    /** Ends the run: with a failure, or without one at a stop that somebody asked for. */
    readonly end: (failure: Failure | undefined) => void;
    crypto: CryptoPort | undefined;
    services: Services | undefined;
    storeCheck: StoreCheck | undefined;
}

/** @see {@link import("./index.ts").runBot} */
export async function runBot({
    settings,
    warnings,
}: {
    readonly settings: Settings;
    readonly warnings: readonly string[];
}): Promise<number> {
    const log = await createLogger(settings.log);
    for (const warning of warnings) log.warn({}, warning);
    const { promise: ended, resolve: end } = Promise.withResolvers<Failure | undefined>();
    const unhookSignals = stopOnSignals(() => end(undefined), log);
    const unhookFaults = endOnFaults(end, log);
    const releases = new Releases();
    const stopping = new AbortController();
    let serving: Promise<unknown> = Promise.resolve();
    try {
        const store = openStore(settings);
        releases.add("the store", () => store.close());
        const watch = new FolderWatch(store.folder, end);
        watch.start();
        releases.add("the watch over the data folder", () => watch.stop());
        const ledger = sharingLedger(store, settings);
        const bot: Running = {
            settings,
            store,
            ledger,
            log,
            releases,
            stopping,
            end,
            crypto: undefined,
            services: undefined,
            storeCheck: undefined,
        };
        serving = serve(bot);
        const failure = await Promise.race([ended, serving.then(() => ended)]);
        if (failure !== undefined) throw failure;
        return exitCodes.done;
    } finally {
        stopping.abort();
        await serving.catch(() => undefined);
        await releases.run(log);
        unhookSignals();
        unhookFaults();
        log.info({}, "stopped");
    }
}

/** Builds every part and starts them in order; returns when all run. */
async function serve(bot: Running): Promise<void> {
    const { settings, log, releases } = bot;
    log.info({ version: programVersion(), user: settings.homeserver.user_id }, "starting");

    // 1. Commands and health checks are answered before the homeserver is: it may be away for hours.
    const control = new ControlServer({ socketPath: bot.store.folder.socket, handlers: handlersOf(bot), logger: log });
    await control.start();
    releases.add("the control socket", () => control.stop());

    // 2. Our device, cross-signed: before that nothing encrypted may be sent.
    const online = await bringUpWhenUnlocked(bot);
    bot.crypto = online.crypto;

    await copySignsOfOtherRooms(bot.store.database, bot.ledger, online.crypto);

    // 3. Everything that works on rooms, fed by the sync.
    bot.services = startServices({ ...bot, signal: bot.stopping.signal, online });
    // Hung up on first at a stop: a command under way is told of the stop, and not of a part that has ended before it
    // answered.
    releases.add("commands under way", () => control.stop());

    // 4. Whether what lies on the disk can still be read, when nothing else is to be done.
    const { signal } = bot.stopping;
    const { database, folder } = bot.store;
    const checks = new StoreCheckRecord(database.sql);
    const record = (damage: string | undefined): void => database.transaction(() => checks.set(damage, Date.now()));
    const storeCheck = new StoreCheck({ crypto: online.crypto, path: folder.cryptoStore, log, record, signal });
    bot.storeCheck = storeCheck;
    // Not waited for: a sync that ends before its first batch never gets there, and the end of the bot must not wait
    // with it.
    void bot.services.ready.then(() => {
        log.info({ user: online.account.userId, device: online.account.deviceId }, "ready");
        return storeCheck.run();
    });
}

async function bringUpWhenUnlocked(bot: Running): Promise<Online> {
    const options: BringUpOptions = {
        ...bot,
        signal: bot.stopping.signal,
        onFatal: bot.end,
        onHomeserverWentBack: () => bot.services?.startSyncAnew(),
        resetIdentity: false,
    };
    for (;;) {
        try {
            return await bringUp(options);
        } catch (error) {
            if (!(error instanceof Failure) || error.code !== "account_locked") throw error;
            bot.log.error({}, `${error.message} Looking again in a minute.`);
            await sleep(lockedPauseMs, undefined, { signal: bot.stopping.signal });
        }
    }
}

function handlersOf(bot: Running): ReturnType<typeof controlOperations> {
    const crypto = async (): Promise<CryptoPort> => {
        await Promise.resolve();
        if (bot.crypto === undefined) throw new Failure("account_not_ready");
        return bot.crypto;
    };
    return controlOperations({
        commands: bot.ledger.commands,
        crypto,
        snapshot: () => takeSnapshot({ store: bot.store, crypto, copied: () => bot.services?.storeCopied() }),
        health: () =>
            checkHealth({
                folder: bot.store.folder,
                crypto: () => bot.crypto,
                knownProblems: () => [...(bot.services?.problems() ?? []), ...(bot.storeCheck?.problems() ?? [])],
            }),
        wake: () => bot.services?.wake(),
        recount: async () => {
            await Promise.resolve();
            if (bot.services === undefined) throw new Failure("account_not_ready");
            return bot.services.recount;
        },
        monotonic: () => performance.now(),
    });
}
