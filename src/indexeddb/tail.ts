import type { Entry } from "./entries.ts";

/**
 * An entry as it waits: a string takes a third of the memory of a key's bytes and is compared in a third of the time.
 */
interface Waiting {
    /** The key's bytes, one character each. */
    readonly name: string;
    readonly record: number;
}

/** A record whose entries are not in the file yet. */
interface Unfiled {
    readonly record: number;
    /** By index; undefined after an opening or a rollback, until they are needed. */
    readonly entries: readonly { readonly index: number; readonly name: string }[] | undefined;
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

    /** The number of the record. */
    get(store: number, key: Uint8Array): number | undefined {
        return this.#stores.get(store)?.get(nameOf(key))?.record;
    }

    /** Without entries they are asked for when the record is filed. */
    set(store: number, key: Uint8Array, record: number, entries?: readonly Entry[]): void {
        const records = this.#stores.get(store) ?? new Map<string, Unfiled>();
        this.#stores.set(store, records);
        this.#size -= records.size;
        records.set(nameOf(key), {
            record,
            entries: entries?.map((entry) => ({ index: entry.index, name: nameOf(entry.key) })),
        });
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
    *sorted(
        entriesOf: (store: number, key: Uint8Array, record: number) => readonly Entry[],
    ): Generator<[entry: Entry, record: number]> {
        const byIndex = new Map<number, Waiting[]>();
        const add = (index: number, name: string, record: number): void => {
            const waiting = byIndex.get(index);
            if (waiting) waiting.push({ name, record });
            else byIndex.set(index, [{ name, record }]);
        };
        for (const [store, records] of this.#stores) {
            for (const [name, { record, entries }] of records) {
                if (entries) for (const entry of entries) add(entry.index, entry.name, record);
                else
                    for (const entry of entriesOf(store, keyOf(name), record))
                        add(entry.index, nameOf(entry.key), record);
            }
        }
        for (const [index, waiting] of [...byIndex].toSorted(([a], [b]) => a - b)) {
            waiting.sort((a, b) => (a.name < b.name ? -1 : 1));
            for (const { name, record } of waiting) yield [{ index, key: keyOf(name) }, record];
        }
    }
}

function nameOf(key: Uint8Array): string {
    return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}

function keyOf(name: string): Uint8Array {
    return Buffer.from(name, "latin1");
}
