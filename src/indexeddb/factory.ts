import type { DatabaseMeta } from "./catalog.ts";
import { Connection } from "./database.ts";
import type { Engine } from "./engine.ts";
import { fault, requestFault } from "./errors.ts";
import { IDBEvent, IDBVersionChangeEvent } from "./events.ts";
import { encodeKey } from "./key.ts";
import { OpenRequest, type IDBRequest } from "./request.ts";
import { Transaction } from "./transaction.ts";
import { deleteStore, remember, setVersion } from "./upgrade.ts";

/** The connections of every database, and the queue of requests to open or delete it (section 2.1.2). */
export class Connections {
    readonly #engine: Engine;
    readonly #open = new Map<string, Set<Connection>>();
    readonly #queues = new Map<string, Promise<void>>();
    #changed: (() => void)[] = [];

    constructor(engine: Engine) {
        this.#engine = engine;
    }

    /** Runs the request after those for the same name that came before it. */
    enqueue(name: string, request: OpenRequest, run: () => Promise<void>): void {
        const before = this.#queues.get(name) ?? Promise.resolve();
        const turn = before
            .then(nextTask)
            .then(run)
            .catch((thrown: unknown) => fail(request, requestFault(thrown)));
        this.#queues.set(name, turn);
    }

    all(): Connection[] {
        return [...this.#open.values()].flatMap((connections) => [...connections]);
    }

    /** Section 5.1. */
    async open(name: string, version: number | undefined, request: OpenRequest): Promise<void> {
        const known = this.#engine.catalog.get(name);
        const wanted = version ?? known?.version ?? 1;
        if (known && known.version > wanted)
            throw fault("VersionError", `The database has version ${known.version}, which is higher than ${wanted}.`);
        if (known?.version !== wanted) await this.#othersClosed(name, request, known?.version ?? 0, wanted);
        const current = this.#engine.catalog.get(name);
        const meta: DatabaseMeta = current ?? { name, version: 0, stores: new Map() };
        const connection = this.#connect(meta);
        if (meta.version !== wanted) await this.#upgrade(connection, request, wanted);
        if (connection.closing) {
            await nextTask();
            throw fault("AbortError", "The connection was closed before it could be used.");
        }
        request.succeed(connection.facade);
        request.fire(new IDBEvent("success"));
    }

    /** Section 5.3. */
    async delete(name: string, request: OpenRequest): Promise<void> {
        const version = this.#engine.catalog.get(name)?.version ?? 0;
        await this.#othersClosed(name, request, version, null);
        const meta = this.#engine.catalog.get(name);
        if (meta) await this.#erase(meta);
        request.succeed(undefined);
        request.fire(new IDBVersionChangeEvent("success", { oldVersion: version, newVersion: null }));
    }

    #connect(meta: DatabaseMeta): Connection {
        const connections = this.#open.get(meta.name) ?? new Set();
        this.#open.set(meta.name, connections);
        const connection = new Connection(this.#engine, meta, () => {
            connections.delete(connection);
            for (const check of this.#changed.splice(0)) check();
        });
        connections.add(connection);
        return connection;
    }

    async #othersClosed(
        name: string,
        request: OpenRequest,
        oldVersion: number,
        newVersion: number | null,
    ): Promise<void> {
        const others = [...(this.#open.get(name) ?? [])];
        for (const other of others) {
            if (!other.closing) other.fire(new IDBVersionChangeEvent("versionchange", { oldVersion, newVersion }));
        }
        if (others.length === 0) return;
        await nextTask();
        const isOpen = (): boolean => (this.#open.get(name)?.size ?? 0) > 0;
        if ([...(this.#open.get(name) ?? [])].some((other) => !other.closing)) {
            request.fire(new IDBVersionChangeEvent("blocked", { oldVersion, newVersion }));
        }
        while (isOpen()) await new Promise<void>((resolve) => this.#changed.push(resolve));
        await nextTask();
    }

    /** Section 5.7; the database and all of the upgrade are one SQLite transaction. */
    async #upgrade(connection: Connection, request: OpenRequest, version: number): Promise<void> {
        const { meta } = connection;
        const oldVersion = meta.version;
        const undo = remember(meta);
        const transaction = new Transaction(connection, meta.stores, "versionchange");
        const finished = new Promise<boolean>((resolve) => (transaction.onfinish = resolve));
        meta.version = version;
        this.#engine.catalog.set(meta);
        transaction.onrollback = () => {
            undo();
            if (oldVersion === 0) this.#engine.catalog.delete(meta.name);
        };
        setVersion(transaction, meta);
        [connection.upgrade, request.upgrade] = [transaction, transaction];
        request.succeed(connection.facade);
        const threw = request.fire(new IDBVersionChangeEvent("upgradeneeded", { oldVersion, newVersion: version }));
        if (threw) transaction.abort(fault("AbortError", "A listener threw an exception."));
        const committed = await finished;
        [connection.upgrade, request.upgrade] = [null, null];
        if (committed) return nextTask();
        request.done = false;
        connection.close();
        await nextTask();
        throw fault("AbortError", "The upgrade was aborted.");
    }

    async #erase(meta: DatabaseMeta): Promise<void> {
        const connection = this.#connect(meta);
        const transaction = new Transaction(connection, meta.stores, "versionchange");
        const finished = new Promise<boolean>((resolve) => (transaction.onfinish = resolve));
        transaction.onrollback = remember(meta);
        for (const store of meta.stores.values()) deleteStore(transaction, store);
        transaction.place(null, () =>
            this.#engine.sql.prepare("DELETE FROM idb_database WHERE name = ?").run(JSON.stringify(meta.name)),
        );
        const committed = await finished;
        connection.close();
        await nextTask();
        if (!committed) throw transaction.error ?? fault("UnknownError", "The database could not be deleted.");
        this.#engine.catalog.delete(meta.name);
    }
}

/** Indexed Database API 3.0, section 4.3. */
export class IDBFactory {
    readonly #engine: Engine;
    readonly #connections: Connections;

    constructor(engine: Engine, connections: Connections) {
        this.#engine = engine;
        this.#connections = connections;
    }

    open(name: unknown, version?: unknown): IDBRequest {
        const wanted = version === undefined ? undefined : toVersion(version);
        this.#requireOpen();
        const request = new OpenRequest();
        this.#connections.enqueue(String(name), request, () => this.#connections.open(String(name), wanted, request));
        return request.facade;
    }

    deleteDatabase(name: unknown): IDBRequest {
        this.#requireOpen();
        const request = new OpenRequest();
        this.#connections.enqueue(String(name), request, () => this.#connections.delete(String(name), request));
        return request.facade;
    }

    #requireOpen(): void {
        if (!this.#engine.sql.isOpen) throw fault("InvalidStateError", "The store was closed.");
    }

    async databases(): Promise<{ name: string; version: number }[]> {
        return this.#engine.catalog.all().map(({ name, version }) => ({ name, version }));
    }

    cmp(first: unknown, second: unknown): -1 | 0 | 1 {
        return Buffer.compare(encodeKey(first), encodeKey(second));
    }
}

// [EnforceRange] unsigned long long, and not 0.
function toVersion(value: unknown): number {
    const version = Math.trunc(Number(value));
    if (!(version >= 1 && version <= Number.MAX_SAFE_INTEGER))
        throw new TypeError("The version is not a positive integer.");
    return version;
}

function fail(request: OpenRequest, error: DOMException): void {
    request.fail(error);
    request.fire(new IDBEvent("error", { bubbles: true, cancelable: true }));
}

function nextTask(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
}
