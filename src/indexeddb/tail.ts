import type { Entry } from "./entries.ts";

/** A record whose entries are not in the file yet. */
export interface Unfiled {
    readonly record: number;
    readonly entries: readonly Entry[];
}

/** The records that were stored last and wait to be filed, by store and key. */
export class Tail {
    readonly #stores = new Map<number, Map<string, Unfiled>>();
    #size = 0;

    get size(): number {
        return this.#size;
    }

    has(store: number): boolean {
        return this.#stores.has(store);
    }

    get(store: number, key: Uint8Array): Unfiled | undefined {
        return this.#stores.get(store)?.get(nameOf(key));
    }

    set(store: number, key: Uint8Array, unfiled: Unfiled): void {
        const records = this.#stores.get(store) ?? new Map<string, Unfiled>();
        this.#stores.set(store, records);
        this.#size -= records.size;
        records.set(nameOf(key), unfiled);
        this.#size += records.size;
    }

    delete(store: number, key: Uint8Array): void {
        const records = this.#stores.get(store);
        if (!records?.delete(nameOf(key))) return;
        this.#size--;
        if (records.size === 0) this.#stores.delete(store);
    }

    clear(): void {
        this.#stores.clear();
        this.#size = 0;
    }

    /** All entries in the order of the file, so that filing them goes through it once. */
    sorted(): [entry: Entry, record: number][] {
        const all: [Entry, number][] = [];
        for (const records of this.#stores.values()) {
            for (const { entries, record } of records.values()) for (const entry of entries) all.push([entry, record]);
        }
        return all.toSorted(([a], [b]) => a.index - b.index || Buffer.compare(a.key, b.key));
    }
}

function nameOf(key: Uint8Array): string {
    return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}
