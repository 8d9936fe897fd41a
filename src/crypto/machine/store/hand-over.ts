import { StoreError } from "../../../indexeddb/index.ts";
import type { CryptoStore, MachineContext } from "./context.ts";
import { commit } from "./context.ts";
import { readMeta, writeMeta } from "./meta.ts";

const EMPTIED = "machine_to_be_emptied";
/** What we know of the old device and its keys at the server. */
const ofTheDevice = [
    "keys_uploaded",
    "master_key",
    "unpublished_master_key",
    "sign_own_device",
    "generation",
    "generation_published",
];

/**
 * Makes this store, a copy, the store of a new device: what the sessions are stays, what only the old device may use
 * goes. The machine is of no more use afterwards; the store is to be closed, and opened as the new device.
 */
export async function handOver(context: MachineContext, deviceId: string): Promise<void> {
    await commit(context, (sql) => {
        sql.exec("DELETE FROM outbox");
        // Of our own sessions the machine's flag was the whole word. The new device knows them as somebody else's, who
        // was silent.
        sql.prepare(
            "UPDATE ready_entries SET claim = 'absent' WHERE sender_key = ? AND claim = 'none' AND source = 'sent'",
        ).run(context.ownKey);
        for (const name of ofTheDevice) writeMeta(sql, name, undefined);
        writeMeta(sql, "device_id", deviceId);
        writeMeta(sql, EMPTIED, "yes");
    });
}

/**
 * Before the machine of a store that was handed over is opened for the first time: the old device's account and
 * ratchets go.
 */
export async function emptyIfHandedOver(store: CryptoStore): Promise<void> {
    const due = await store.atomically(
        (sql) => sql.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'crypto_meta'").get() && readMeta(sql, EMPTIED),
    );
    if (due === undefined) return;
    for (const { name } of await store.indexedDB.databases()) await deleteDatabase(store, name);
    // The bytes, too: nobody is to find a ratchet there that was used on.
    store.compact();
    await store.atomically((sql) => writeMeta(sql, EMPTIED, undefined));
}

async function deleteDatabase({ indexedDB }: CryptoStore, name: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => {
        const { error } = request;
        const ofTheDisk = error?.cause instanceof StoreError ? error.cause : undefined;
        reject(ofTheDisk ?? new Error(`The database ${name} could not be deleted.`, { cause: error }));
    };
    await promise;
}
