import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { StoreError } from "./errors.ts";
import type { KeyPath } from "./keypath.ts";

/** An index of a store. `live` is what requests see that run now; the maps are what the script sees. */
export interface IndexMeta {
    readonly id: number;
    name: string;
    readonly keyPath: KeyPath;
    readonly unique: boolean;
    readonly multiEntry: boolean;
    deleted: boolean;
}

export interface StoreMeta {
    readonly id: number;
    name: string;
    readonly keyPath: KeyPath | null;
    readonly autoIncrement: boolean;
    /** The current number of the key generator (section 2.11). */
    nextKey: number;
    indexes: Map<string, IndexMeta>;
    live: IndexMeta[];
    deleted: boolean;
}

export interface DatabaseMeta {
    readonly name: string;
    version: number;
    stores: Map<string, StoreMeta>;
}

/** The databases in the file, as last committed or, during an upgrade, as the script has made them. */
export class Catalog {
    readonly #sql: DatabaseSync;
    #databases: Map<string, DatabaseMeta>;
    #lastId: number;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
        const { databases, lastId } = load(sql);
        [this.#databases, this.#lastId] = [databases, lastId];
    }

    get(name: string): DatabaseMeta | undefined {
        return this.#databases.get(name);
    }

    stores(): StoreMeta[] {
        return this.all().flatMap((database) => [...database.stores.values()]);
    }

    all(): DatabaseMeta[] {
        return [...this.#databases.values()];
    }

    set(meta: DatabaseMeta): void {
        this.#databases.set(meta.name, meta);
    }

    delete(name: string): void {
        this.#databases.delete(name);
    }

    /** An id for a store or an index that was never used before in this process. */
    nextId(): number {
        return ++this.#lastId;
    }

    /** After a rollback: what the file says holds. Key generators of stores that remain are put back in place. */
    reload(): void {
        const fresh = load(this.#sql).databases;
        for (const [name, meta] of fresh) {
            const known = this.#databases.get(name);
            if (known && sameShape(known, meta)) {
                for (const [store, { nextKey }] of meta.stores) {
                    const old = known.stores.get(store);
                    if (old) old.nextKey = nextKey;
                }
                fresh.set(name, known);
            }
        }
        this.#databases = fresh;
    }
}

function sameShape(a: DatabaseMeta, b: DatabaseMeta): boolean {
    const shape = ({ version, stores }: DatabaseMeta): string =>
        JSON.stringify([
            version,
            [...stores.values()]
                .map((s) => JSON.stringify([s.id, s.name, s.live.map((i) => [i.id, i.name])]))
                .toSorted(),
        ]);
    return shape(a) === shape(b);
}

// Names are kept as JSON: readable in the file, and exact even for lone surrogates.
function load(sql: DatabaseSync): { databases: Map<string, DatabaseMeta>; lastId: number } {
    const databases = new Map<string, DatabaseMeta>();
    const byJson = new Map<unknown, DatabaseMeta>();
    const stores = new Map<number, StoreMeta>();
    let lastId = 0;
    for (const row of sql.prepare("SELECT name, version FROM idb_database").all()) {
        const name = parseName(row["name"]);
        const database = { name, version: Number(row["version"]), stores: new Map() };
        databases.set(name, database);
        byJson.set(row["name"], database);
    }
    for (const row of sql.prepare("SELECT * FROM idb_store ORDER BY id").all()) {
        const store: StoreMeta = {
            id: Number(row["id"]),
            name: parseName(row["name"]),
            keyPath: parsePath(row["key_path"]),
            autoIncrement: row["auto_increment"] === 1,
            nextKey: Number(row["next_key"]),
            indexes: new Map(),
            live: [],
            deleted: false,
        };
        lastId = Math.max(lastId, store.id);
        stores.set(store.id, store);
        byJson.get(row["database"])?.stores.set(store.name, store);
    }
    for (const row of sql.prepare("SELECT * FROM idb_index ORDER BY id").all()) {
        const index: IndexMeta = {
            id: Number(row["id"]),
            name: parseName(row["name"]),
            keyPath: parsePath(row["key_path"]) ?? "",
            unique: row["is_unique"] === 1,
            multiEntry: row["multi_entry"] === 1,
            deleted: false,
        };
        lastId = Math.max(lastId, index.id);
        const store = stores.get(Number(row["store"]));
        store?.indexes.set(index.name, index);
        store?.live.push(index);
    }
    return { databases, lastId };
}

function parseName(json: SQLOutputValue | undefined): string {
    return String(parse(json));
}

// Was checked when it was made; the expression that does so costs as much as all the rest here.
function parsePath(json: SQLOutputValue | undefined): KeyPath | null {
    if (json === null) return null;
    const path = parse(json);
    if (typeof path === "string") return path;
    if (Array.isArray(path)) return Object.freeze(path.map(String));
    throw damaged();
}

function parse(json: SQLOutputValue | undefined): unknown {
    if (typeof json === "string") return JSON.parse(json);
    throw damaged();
}

function damaged(): StoreError {
    return new StoreError("corrupt", "the list of object stores is damaged");
}
