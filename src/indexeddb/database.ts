import type { DatabaseMeta, StoreMeta } from "./catalog.ts";
import type { Engine } from "./engine.ts";
import { fault } from "./errors.ts";
import { EventNode, IDBEvent, IDBEventTarget, type Callback } from "./events.ts";
import { parseKeyPath } from "./keypath.ts";
import { DOMStringList } from "./names.ts";
import type { IDBObjectStore } from "./objectstore.ts";
import type { IDBTransaction } from "./idbtransaction.ts";
import { Transaction } from "./transaction.ts";
import { createStore, deleteStore } from "./upgrade.ts";

/** One opening of a database (section 2.1.1). */
export class Connection extends EventNode {
    readonly facade: IDBDatabase;
    readonly engine: Engine;
    readonly meta: DatabaseMeta;
    readonly transactions = new Set<Transaction>();
    upgrade: Transaction | null = null;
    closing = false;
    #onclosed: (() => void) | undefined;

    constructor(engine: Engine, meta: DatabaseMeta, onclosed: () => void) {
        super(null);
        this.engine = engine;
        this.meta = meta;
        this.#onclosed = onclosed;
        this.facade = new IDBDatabase(this);
    }

    released(transaction: Transaction): void {
        this.transactions.delete(transaction);
        this.#settleClosing();
    }

    close(): void {
        this.closing = true;
        this.#settleClosing();
    }

    /** What was under it is gone: transactions end, and `close` is fired. */
    forceClose(): void {
        const already = this.closing;
        for (const transaction of this.transactions)
            transaction.abort(fault("AbortError", "The connection was closed."));
        this.close();
        if (!already) setImmediate(() => this.fire(new IDBEvent("close")));
    }

    #settleClosing(): void {
        if (!this.closing || this.transactions.size > 0) return;
        this.#onclosed?.();
        this.#onclosed = undefined;
    }
}

/** Indexed Database API 3.0, section 4.4. */
export class IDBDatabase extends IDBEventTarget {
    readonly #connection: Connection;

    constructor(connection: Connection) {
        super(connection);
        this.#connection = connection;
    }

    get name(): string {
        return this.#connection.meta.name;
    }

    get version(): number {
        return this.#connection.meta.version;
    }

    get objectStoreNames(): DOMStringList {
        return DOMStringList.sorted(this.#connection.meta.stores.keys());
    }

    transaction(
        storeNames: string | Iterable<string>,
        mode: unknown = "readonly",
        options: { durability?: string } = {},
    ): IDBTransaction {
        const connection = this.#connection;
        if (connection.upgrade) throw fault("InvalidStateError", "An upgrade is running.");
        if (connection.closing) throw fault("InvalidStateError", "The connection is closed.");
        const names = new Set(typeof storeNames === "string" ? [storeNames] : [...storeNames].map(String));
        const stores = new Map<string, StoreMeta>();
        for (const name of names) {
            const store = connection.meta.stores.get(name);
            if (!store) throw fault("NotFoundError", `There is no object store "${name}".`);
            stores.set(name, store);
        }
        if (stores.size === 0) throw fault("InvalidAccessError", "A transaction needs at least one object store.");
        if (mode !== "readonly" && mode !== "readwrite")
            throw new TypeError(`"${String(mode)}" is not a mode of a transaction.`);
        return new Transaction(connection, stores, mode, options.durability).facade;
    }

    createObjectStore(name: unknown, options?: { keyPath?: unknown; autoIncrement?: boolean } | null): IDBObjectStore {
        const upgrade = this.#requireUpgrade();
        const keyPath =
            options?.keyPath === undefined || options.keyPath === null ? null : parseKeyPath(options.keyPath);
        const autoIncrement = Boolean(options?.autoIncrement);
        if (upgrade.stores.has(String(name)))
            throw fault("ConstraintError", `The object store "${String(name)}" exists already.`);
        if (autoIncrement && keyPath !== null && (keyPath === "" || Array.isArray(keyPath))) {
            throw fault("InvalidAccessError", "A key generator needs a single key path that is not empty.");
        }
        return upgrade.handle(createStore(upgrade, String(name), keyPath, autoIncrement));
    }

    deleteObjectStore(name: unknown): void {
        const upgrade = this.#requireUpgrade();
        const store = upgrade.stores.get(String(name));
        if (!store) throw fault("NotFoundError", `There is no object store "${String(name)}".`);
        deleteStore(upgrade, store);
    }

    close(): void {
        this.#connection.close();
    }

    #requireUpgrade(): Transaction {
        const { upgrade } = this.#connection;
        if (!upgrade) throw fault("InvalidStateError", "Object stores change during an upgrade only.");
        upgrade.requireActive();
        return upgrade;
    }

    get onabort(): Callback | null {
        return this.#connection.handler("abort");
    }

    set onabort(callback: Callback | null) {
        this.#connection.setHandler("abort", callback);
    }

    get onclose(): Callback | null {
        return this.#connection.handler("close");
    }

    set onclose(callback: Callback | null) {
        this.#connection.setHandler("close", callback);
    }

    get onerror(): Callback | null {
        return this.#connection.handler("error");
    }

    set onerror(callback: Callback | null) {
        this.#connection.setHandler("error", callback);
    }

    get onversionchange(): Callback | null {
        return this.#connection.handler("versionchange");
    }

    set onversionchange(callback: Callback | null) {
        this.#connection.setHandler("versionchange", callback);
    }
}
