import type { IDBDatabase } from "./database.ts";
import { fault } from "./errors.ts";
import { type Callback, IDBEventTarget } from "./events.ts";
import { DOMStringList } from "./names.ts";
import type { IDBObjectStore } from "./objectstore.ts";
import type { Mode, Transaction } from "./transaction.ts";

/** Indexed Database API 3.0, section 4.9. */
export class IDBTransaction extends IDBEventTarget {
    readonly #transaction: Transaction;

    constructor(transaction: Transaction) {
        super(transaction);
        this.#transaction = transaction;
    }

    get db(): IDBDatabase {
        return this.#transaction.connection.facade;
    }

    get mode(): Mode {
        return this.#transaction.mode;
    }

    get durability(): string {
        return this.#transaction.durability;
    }

    get error(): DOMException | null {
        return this.#transaction.error;
    }

    get objectStoreNames(): DOMStringList {
        return DOMStringList.sorted(this.#transaction.stores.keys());
    }

    objectStore(name: unknown): IDBObjectStore {
        if (this.#transaction.finished) throw fault("InvalidStateError", "The transaction has finished.");
        const store = this.#transaction.stores.get(String(name));
        if (!store) throw fault("NotFoundError", `The transaction has no object store "${String(name)}".`);
        return this.#transaction.handle(store);
    }

    commit(): void {
        if (!this.#transaction.active) throw fault("InvalidStateError", "The transaction is not active.");
        this.#transaction.commit();
    }

    abort(): void {
        if (this.#transaction.ending)
            throw fault("InvalidStateError", "The transaction is committing or has finished.");
        this.#transaction.abort(null);
    }

    get onabort(): Callback | null {
        return this.#transaction.handler("abort");
    }

    set onabort(callback: Callback | null) {
        this.#transaction.setHandler("abort", callback);
    }

    get oncomplete(): Callback | null {
        return this.#transaction.handler("complete");
    }

    set oncomplete(callback: Callback | null) {
        this.#transaction.setHandler("complete", callback);
    }

    get onerror(): Callback | null {
        return this.#transaction.handler("error");
    }

    set onerror(callback: Callback | null) {
        this.#transaction.setHandler("error", callback);
    }
}
