import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { accountStatus } from "../../account/index.ts";
import type { CryptoPort } from "../../crypto/index.ts";
import { copyDatabase } from "../../database/index.ts";
import { Failure, isFullDisk } from "../../failures/index.ts";
import { deriveKey } from "../../sealing/index.ts";
import { packSnapshot } from "../../snapshot/index.ts";
import { programVersion } from "../../telemetry/index.ts";
import type { DataFolder } from "./data-folder.ts";
import { restoredName } from "./restore-folder.ts";
import type { Store } from "./store.ts";

/** Bytes that the bot keeps for itself: copies must not take its own disk away from it. */
const reserve = 32 * 1024 * 1024;
const copiesName = /^snapshot-[0-9a-f]{8}\.part$/;

export interface SnapshotParts {
    readonly store: Pick<Store, "folder" | "database" | "storeKey">;
    /** @throws Failure `account_not_ready` */
    readonly crypto: () => Promise<Pick<CryptoPort, "copyStore">>;
    /** What is done once both copies are made: they are old from then on. */
    readonly copied: () => void;
}

/**
 * A consistent copy of both stores, in pieces; see `src/snapshot/`. The copies lie in the data folder until the last
 * piece was taken or whoever takes them goes away.
 *
 * The bot's database is copied first. What it says to have been recorded is then in the crypto store's copy, which is
 * later: keys are there that it does not know of yet, never the other way round. Nothing in the crypto store waits for
 * the database to be done before it is deleted, except bodies in the outbox, which belong to the device alone.
 * @throws Failure `account_not_ready`, `snapshot_needs_room`, ...
 */
export async function* takeSnapshot({
    store,
    crypto,
    copied,
}: SnapshotParts): AsyncGenerator<Uint8Array, void, undefined> {
    const { folder, database, storeKey } = store;
    const account = accountStatus(database, folder.path);
    if (account === null) throw new Failure("account_not_ready");
    const { copyStore } = await crypto();
    const copies = join(folder.path, `snapshot-${randomBytes(4).toString("hex")}.part`);
    try {
        await makeCopies(folder, copies, copyStore);
        copied();
        const { user_id, device_id } = account;
        const header = { version: programVersion(), user_id, device_id, made_at: new Date().toISOString() };
        yield* packSnapshot(copies, header, snapshotKey(storeKey));
    } finally {
        rmSync(copies, { recursive: true, force: true });
    }
}

/** @throws Failure `snapshot_needs_room`; what is in `copies` then is worth nothing */
async function makeCopies(folder: DataFolder, copies: string, copyStore: CryptoPort["copyStore"]): Promise<void> {
    const needed = roomFor(folder);
    const noRoom = (cause?: unknown): Failure =>
        new Failure("snapshot_needs_room", { path: folder.path, megabytes: Math.ceil(needed / 1024 ** 2) }, { cause });
    const { bavail, bsize } = statfsSync(folder.path);
    if (bavail * bsize < needed) throw noRoom();
    try {
        mkdirSync(copies, { mode: 0o700 });
        await copyDatabase(folder.database, join(copies, "backscroll.sqlite"));
        await copyStore(join(copies, "crypto.sqlite"));
    } catch (error) {
        throw isFullDisk(error) ? noRoom(error) : error;
    }
}

/** Proves who made a snapshot. @param storeKey 32 bytes */
export function snapshotKey(storeKey: Uint8Array): Uint8Array {
    return deriveKey(storeKey, "snapshot");
}

/**
 * Removes what a kill left in the middle of a snapshot, or of the end of a restore. The caller holds the folder's lock.
 */
export function removeCopies(folder: DataFolder): void {
    for (const name of readdirSync(folder.path))
        if (copiesName.test(name) || name === restoredName)
            rmSync(join(folder.path, name), { recursive: true, force: true });
}

/** Bytes. */
function roomFor(folder: DataFolder): number {
    const files = [folder.database, folder.cryptoStore].flatMap((path) => [path, `${path}-wal`]);
    return files.reduce((bytes, path) => bytes + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), reserve);
}
