import type { DatabaseMeta, IndexMeta, StoreMeta } from "./catalog.ts";
import { fault } from "./errors.ts";
import type { KeyPath } from "./keypath.ts";
import type { Transaction } from "./transaction.ts";

/**
 * Changes of the schema. What the script sees changes at once; the file is changed when the requests before it have
 * run, in the upgrade's own transaction.
 */
export function createStore(
    transaction: Transaction,
    name: string,
    keyPath: KeyPath | null,
    autoIncrement: boolean,
): StoreMeta {
    const { engine } = transaction;
    const { meta } = transaction.connection;
    const id = engine.catalog.nextId();
    const store: StoreMeta = {
        id,
        name,
        keyPath,
        autoIncrement,
        nextKey: 1,
        indexes: new Map(),
        live: [],
        deleted: false,
    };
    meta.stores.set(name, store);
    step(transaction, () => {
        const sql =
            "INSERT INTO idb_store (id, database, name, key_path, auto_increment, next_key) VALUES (?, ?, ?, ?, ?, ?)";
        const path = keyPath === null ? null : JSON.stringify(keyPath);
        engine.sql
            .prepare(sql)
            .run(id, JSON.stringify(meta.name), JSON.stringify(name), path, Number(autoIncrement), 1);
    });
    return store;
}

export function deleteStore(transaction: Transaction, store: StoreMeta): void {
    const { engine, connection } = transaction;
    connection.meta.stores.delete(store.name);
    store.deleted = true;
    for (const index of store.indexes.values()) index.deleted = true;
    step(transaction, () => {
        engine.records.clear(store);
        engine.sql.prepare("DELETE FROM idb_index WHERE store = ?").run(store.id);
        engine.sql.prepare("DELETE FROM idb_store WHERE id = ?").run(store.id);
    });
}

export function renameStore(transaction: Transaction, store: StoreMeta, name: string): void {
    requireUpgrade(transaction);
    if (store.name === name) return;
    const { stores } = transaction.connection.meta;
    if (stores.has(name)) throw fault("ConstraintError", `The object store "${name}" exists already.`);
    stores.delete(store.name);
    stores.set(name, store);
    store.name = name;
    step(transaction, () =>
        transaction.engine.sql
            .prepare("UPDATE idb_store SET name = ? WHERE id = ?")
            .run(JSON.stringify(name), store.id),
    );
}

type IndexOptions = Pick<IndexMeta, "name" | "keyPath" | "unique" | "multiEntry">;

export function createIndex(transaction: Transaction, store: StoreMeta, options: IndexOptions): void {
    const { engine } = transaction;
    const index: IndexMeta = { ...options, id: engine.catalog.nextId(), deleted: false };
    store.indexes.set(index.name, index);
    step(transaction, () => {
        const sql =
            "INSERT INTO idb_index (id, store, name, key_path, is_unique, multi_entry) VALUES (?, ?, ?, ?, ?, ?)";
        const [name, path] = [JSON.stringify(index.name), JSON.stringify(index.keyPath)];
        engine.sql.prepare(sql).run(index.id, store.id, name, path, Number(index.unique), Number(index.multiEntry));
        engine.records.populate(store, index);
        store.live.push(index);
    });
}

export function deleteIndex(transaction: Transaction, store: StoreMeta, index: IndexMeta): void {
    store.indexes.delete(index.name);
    index.deleted = true;
    step(transaction, () => {
        store.live = store.live.filter((other) => other !== index);
        transaction.engine.records.clearIndex(store, index);
        transaction.engine.sql.prepare("DELETE FROM idb_index WHERE id = ?").run(index.id);
    });
}

export function renameIndex(transaction: Transaction, store: StoreMeta, index: IndexMeta, name: string): void {
    requireUpgrade(transaction);
    if (index.name === name) return;
    if (store.indexes.has(name)) throw fault("ConstraintError", `The index "${name}" exists already.`);
    store.indexes.delete(index.name);
    store.indexes.set(name, index);
    index.name = name;
    step(transaction, () =>
        transaction.engine.sql
            .prepare("UPDATE idb_index SET name = ? WHERE id = ?")
            .run(JSON.stringify(name), index.id),
    );
}

export function setVersion(transaction: Transaction, meta: DatabaseMeta): void {
    step(transaction, () => {
        const sql =
            "INSERT INTO idb_database (name, version) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET version = excluded.version";
        transaction.engine.sql.prepare(sql).run(JSON.stringify(meta.name), meta.version);
    });
}

/** What undoes the changes that the script sees; the file is put back by SQLite. */
export function remember(meta: DatabaseMeta): () => void {
    const { version, stores } = meta;
    const kept = [...stores.values()].map((store) => ({
        store,
        name: store.name,
        indexes: store.indexes,
        live: store.live,
    }));
    const names = kept.flatMap(({ indexes }) => [...indexes.values()].map((index) => ({ index, name: index.name })));
    meta.stores = new Map(stores);
    for (const { store } of kept) [store.indexes, store.live] = [new Map(store.indexes), [...store.live]];
    return () => {
        for (const store of meta.stores.values()) markNew(store);
        Object.assign(meta, { version, stores });
        for (const { store, ...old } of kept) Object.assign(store, old, { deleted: false });
        for (const { index, name } of names) Object.assign(index, { name, deleted: false });
    };
}

// Stores and indexes that the aborted upgrade made count as deleted.
function markNew(store: StoreMeta): void {
    store.deleted = true;
    for (const index of store.indexes.values()) index.deleted = true;
}

function step(transaction: Transaction, run: () => unknown): void {
    transaction.place(null, () => {
        transaction.beginWriting();
        run();
    });
}

function requireUpgrade(transaction: Transaction): void {
    if (transaction.mode !== "versionchange") throw fault("InvalidStateError", "Names change during an upgrade only.");
    transaction.requireActive();
}
