import type { StoreMeta } from "./catalog.ts";
import { fault } from "./errors.ts";
import { decodeKey, encodeKey, type ValidKey } from "./key.ts";
import { canInject, follow, inject } from "./keypath.ts";
import type { Span } from "./range.ts";
import type { Transaction } from "./transaction.ts";
import { deserialize, serialize } from "./value.ts";

const largestGenerated = 2 ** 53;

/** A record on its way in: checked and cloned when it was handed over, stored when its turn comes. */
export class Incoming {
    readonly #store: StoreMeta;
    readonly #key: Uint8Array | undefined;
    /** The key as it was given, where it needs no decoding. */
    readonly #plain: string | number | undefined;
    readonly #bytes: Uint8Array;

    /** Steps 6 to 11 of "add or put" (section 4.5); throws `DataError` or `DataCloneError`. */
    constructor(store: StoreMeta, value: unknown, key: unknown) {
        this.#store = store;
        if (store.keyPath !== null && key !== undefined)
            throw fault("DataError", "The store has in-line keys: no key may be given.");
        if (store.keyPath === null && !store.autoIncrement && key === undefined)
            throw fault("DataError", "A key is required.");
        const given = key === undefined ? undefined : encodeKey(key);
        this.#bytes = serialize(value);
        this.#plain = typeof key === "string" || (typeof key === "number" && key !== 0) ? key : undefined;
        this.#key = store.keyPath === null ? given : this.#inline();
    }

    #inline(): Uint8Array | undefined {
        const { keyPath, autoIncrement } = this.#store;
        if (keyPath === null) return undefined;
        const clone = deserialize(this.#bytes);
        const found = follow(clone, keyPath);
        if (found !== undefined) return encodeKey(found);
        if (!autoIncrement) throw fault("DataError", "The value has no key at the store's key path.");
        if (typeof keyPath !== "string" || !canInject(clone, keyPath)) {
            throw fault("DataError", "A generated key cannot be put into this value.");
        }
        return undefined;
    }

    /** Stores the record and returns its key; throws `ConstraintError`. */
    store(transaction: Transaction, overwrite: boolean): ValidKey {
        const store = this.#store;
        if (this.#key === undefined) return this.#storeGenerated(transaction, overwrite);
        const key = this.#plain ?? decodeKey(this.#key);
        storeRecord(transaction, store, this.#key, this.#bytes, overwrite);
        if (store.autoIncrement && typeof key === "number") raiseGenerator(transaction, store, key);
        return key;
    }

    #storeGenerated(transaction: Transaction, overwrite: boolean): ValidKey {
        const store = this.#store;
        const key = store.nextKey;
        if (key > largestGenerated) throw fault("ConstraintError", "The key generator has no numbers left.");
        let bytes = this.#bytes;
        if (typeof store.keyPath === "string") {
            const value = deserialize(bytes);
            inject(value, store.keyPath, key);
            bytes = serialize(value);
        }
        storeRecord(transaction, store, encodeKey(key), bytes, overwrite);
        raiseGenerator(transaction, store, key);
        return key;
    }
}

export function storeRecord(
    transaction: Transaction,
    store: StoreMeta,
    key: Uint8Array,
    bytes: Uint8Array,
    overwrite: boolean,
): void {
    transaction.beginWriting();
    transaction.engine.records.put(store, key, bytes, overwrite);
}

export function deleteRecords(transaction: Transaction, store: StoreMeta, span: Span): undefined {
    transaction.beginWriting();
    transaction.engine.records.delete(store, span);
    return undefined;
}

// Section 2.11: the next number is above every number that was used; one that failed to be stored was not used.
function raiseGenerator(transaction: Transaction, store: StoreMeta, used: number): void {
    if (used < store.nextKey) return;
    transaction.rememberGenerator(store);
    transaction.beginWriting();
    store.nextKey = used >= largestGenerated ? largestGenerated + 2 : Math.floor(used) + 1;
    transaction.engine.records.setNextKey(store);
}
