import { existsSync, renameSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { adoptAccount, randomDeviceId } from "../account/index.ts";
import type { Secret, Settings } from "../config/index.ts";
import { type CryptoPort, type CrossSigningSecrets, startCrypto } from "../crypto/index.ts";
import { openDatabase, lockFolder } from "../database/index.ts";
import { Failure, isFullDisk } from "../failures/index.ts";
import { sendAllAgain } from "../sharing/index.ts";
import { unpackSnapshot } from "../snapshot/index.ts";
import { forgetSyncPosition } from "../sync/index.ts";
import { createLogger, type Logger } from "../telemetry/index.ts";
import { bringUp } from "./bring-up.ts";
import { CommitMark, removeMark } from "./folder/commit-mark.ts";
import { createDataFolder, type DataFolder, dataFolder, loadStoreKey } from "./folder/data-folder.ts";
import { type Restoring, RestoreFolder } from "./folder/restore-folder.ts";
import { schemas } from "./folder/schemas.ts";
import { StoreCheckRecord } from "./folder/store-check-record.ts";
import { snapshotKey } from "./folder/take-snapshot.ts";
import { Releases } from "./shutdown.ts";

/** A person waits: a homeserver that is away is told, not waited for. */
const attempts = 3;

export interface RestoreStart {
    readonly settings: Settings;
    readonly source: AsyncIterable<Uint8Array>;
    /** What the snapshot is called, for sentences. */
    readonly name: string;
    readonly onProgress: (line: string) => void;
}

export interface RestoreResult {
    readonly userId: string;
    readonly deviceId: string;
    /** Undefined: the restore was finished by an earlier call, but for the last move. */
    readonly sessions?: number;
    readonly madeAt: string;
}

interface Parts extends RestoreStart {
    readonly password: Secret;
    readonly folder: DataFolder;
    readonly restore: RestoreFolder;
    readonly log: Logger;
}

/**
 * Makes a new device of a snapshot. Everything is made ready in a folder of its own inside the data folder, and `run`
 * starts nothing beside it; a kill at any instant is healed by the same command again.
 * @see {@link import("./index.ts").restoreSnapshot}
 */
export async function restoreSnapshot(start: RestoreStart): Promise<RestoreResult> {
    const { settings } = start;
    const user = settings.homeserver.user_id;
    const { password } = settings.homeserver;
    if (password === undefined) throw new Failure("password_missing", { user });
    const folder = dataFolder(settings.data_dir);
    createDataFolder(folder);
    const lock = lockFolder(folder.path);
    try {
        const log = await createLogger({ level: "warn", format: settings.log.format, output: "stderr" });
        const restore = new RestoreFolder(folder);
        return await restoreInto({ ...start, password, folder, restore, log });
    } catch (error) {
        throw isFullDisk(error) ? new Failure("restore_needs_room", { path: folder.path }, { cause: error }) : error;
    } finally {
        lock.release();
    }
}

async function restoreInto(parts: Parts): Promise<RestoreResult> {
    const { restore, folder, settings, onProgress } = parts;
    // 1. Nothing is replaced; and what an earlier call has made ready needs its place only.
    const ready = restore.ready();
    if (ready === undefined && hasStore(folder)) throw new Failure("restore_store_exists", { path: folder.path });
    if (ready !== undefined) return finish(parts, ready);

    // 2. The snapshot, whole, of this account, and of this store key. Until here nothing but our own folder was made.
    const storeKey = loadStoreKey(folder, settings.store_key, true);
    const restoring = await takeIn(parts, storeKey);

    // 3. What only the old device's store can tell. It is opened for nothing else: its ratchets are never used.
    const secrets = await readIdentity(parts, restoring, restore.old, storeKey);

    // 4. The stores of the new device, under the ID that is kept since step 2: a kill must not leave a device behind
    //    that nobody knows.
    await makeStores(parts, restoring, storeKey);

    // 5. Logged in, its keys published and signed; then the sessions; then the old device goes.
    onProgress(`Logging in the new device ${restoring.newDeviceId}.`);
    const sessions = await moveIn(parts, restoring, secrets, storeKey);

    // 6. Into its place.
    restore.markReady(restoring);
    return { ...finish(parts, restoring), sessions };
}

/** Unpacks the snapshot, or recognises it. @throws Failure; an unusable snapshot leaves nothing behind */
async function takeIn(parts: Parts, storeKey: Uint8Array): Promise<Restoring> {
    const { restore, source, name, settings } = parts;
    const incoming = restore.emptied("incoming");
    try {
        const { header, sha256 } = await unpackSnapshot(source, { folder: incoming, key: snapshotKey(storeKey), name });
        const begun = restore.begun();
        if (begun !== undefined) {
            if (begun.sha256 === sha256) return begun;
            throw new Failure("restore_of_another_snapshot", { path: restore.path, device: begun.newDeviceId });
        }
        if (header.user_id !== settings.homeserver.user_id)
            throw new Failure("account_of_another_user", { stored: header.user_id, user: settings.homeserver.user_id });
        const restoring = {
            sha256,
            madeAt: header.made_at,
            oldDeviceId: header.device_id,
            newDeviceId: randomDeviceId(),
        };
        await readIdentity(parts, restoring, incoming, storeKey);
        openDatabase({ path: join(incoming, "backscroll.sqlite"), schemas }).close();
        restore.begin(incoming, restoring);
        return restoring;
    } finally {
        rmSync(incoming, { recursive: true, force: true });
        restore.removeUnlessBegun();
    }
}

async function readIdentity(
    parts: Parts,
    restoring: Restoring,
    stores: string,
    storeKey: Uint8Array,
): Promise<CrossSigningSecrets | undefined> {
    return await withOldDevice(parts, restoring, join(stores, "crypto.sqlite"), storeKey, (crypto) =>
        crypto.exportIdentity(),
    );
}

async function withOldDevice<T>(
    { settings, log }: Parts,
    { oldDeviceId }: Restoring,
    path: string,
    storeKey: Uint8Array,
    use: (crypto: CryptoPort) => Promise<T>,
): Promise<T> {
    const userId = settings.homeserver.user_id;
    const crypto = await startCrypto({ path, userId, deviceId: oldDeviceId, storeKey, log, onFatal: () => undefined });
    try {
        return await use(crypto);
    } finally {
        await crypto.close();
    }
}

/**
 * Both stores are copied as they are, and then rid of what belongs to the old device alone: so every table comes along.
 */
async function makeStores(parts: Parts, restoring: Restoring, storeKey: Uint8Array): Promise<void> {
    const { restore, settings } = parts;
    if (existsSync(restore.new)) return;
    const made = restore.emptied("making");
    for (const name of ["backscroll.sqlite", "crypto.sqlite"])
        await copyFile(join(restore.old, name), join(made, name));
    await withOldDevice(parts, restoring, join(made, "crypto.sqlite"), storeKey, (crypto) =>
        crypto.handOver(restoring.newDeviceId),
    );
    const database = openDatabase({ path: join(made, "backscroll.sqlite"), schemas });
    try {
        database.transaction(() => {
            forgetSyncPosition(database);
            sendAllAgain(database.sql);
            removeMark(database.sql);
            new StoreCheckRecord(database.sql).remove();
        });
        adoptAccount(database, settings.homeserver.user_id, restoring.newDeviceId);
    } finally {
        database.close();
    }
    renameSync(made, restore.new);
}

async function moveIn(
    parts: Parts,
    restoring: Restoring,
    carriedIdentity: CrossSigningSecrets | undefined,
    storeKey: Uint8Array,
): Promise<number> {
    const { settings, password, folder, restore, log, onProgress } = parts;
    const releases = new Releases();
    const stopping = new AbortController();
    const { promise: fatal, reject: onFatal } = Promise.withResolvers<never>();
    try {
        const stores = {
            ...folder,
            database: join(restore.new, "backscroll.sqlite"),
            cryptoStore: join(restore.new, "crypto.sqlite"),
        };
        const database = openDatabase({ path: stores.database, schemas });
        releases.add("the database", () => database.close());
        const mark = new CommitMark(database);
        const store = {
            folder: stores,
            database: mark.carriedBy(database),
            mark,
            storeKey,
            close: () => database.close(),
        };
        const work = async (): Promise<number> => {
            const { homeserver, crypto } = await bringUp({
                settings,
                store,
                log,
                signal: stopping.signal,
                releases,
                onFatal,
                onHomeserverWentBack: () => {},
                resetIdentity: false,
                attempts,
                ...(carriedIdentity === undefined ? {} : { carriedIdentity }),
            });
            const sessions = await countSessions(crypto);
            onProgress(`Deleting the old device ${restoring.oldDeviceId}.`);
            await homeserver.deleteDevice(restoring.oldDeviceId, password);
            return sessions;
        };
        return await Promise.race([work(), fatal]);
    } finally {
        stopping.abort();
        await releases.run(log);
    }
}

async function countSessions(crypto: CryptoPort): Promise<number> {
    let total = 0;
    for (const roomId of await crypto.roomsWithKeys()) {
        const { shareable, notShareable, unknown } = await crypto.holdings(roomId);
        total += shareable + notShareable + unknown;
    }
    return total;
}

/** A log alone counts: SQLite would read it into whatever file takes the place of its own. */
function hasStore({ database, cryptoStore }: DataFolder): boolean {
    return [database, cryptoStore].some((path) =>
        ["", "-wal", "-journal"].some((suffix) => existsSync(`${path}${suffix}`)),
    );
}

function finish({ settings, restore }: Parts, { newDeviceId, madeAt }: Restoring): RestoreResult {
    restore.putInPlace();
    return { userId: settings.homeserver.user_id, deviceId: newDeviceId, madeAt };
}
