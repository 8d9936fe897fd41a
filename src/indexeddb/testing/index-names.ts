import type { IndexedDB } from "../index.ts";

type Store = InstanceType<IndexedDB["IDBObjectStore"]>;
type Index = InstanceType<IndexedDB["IDBIndex"]>;

export type Find = (store: Store, name: string) => Index;

/**
 * Where fake-indexeddb goes wrong: in an upgrade the name of a deleted index that was looked up before still leads to
 * that one, also when there is a new one of the name. Such names are left alone.
 */
export class IndexNames {
    readonly #lookedUp = new Map<Store, Set<string>>();
    readonly #misleading = new Map<Store, Set<string>>();

    readonly find: Find = (store, name) => {
        if (this.#misleading.get(store)?.has(name) === true) throw new Error("misleading");
        const index = store.index(name);
        namesOf(this.#lookedUp, store).add(name);
        return index;
    };

    delete(store: Store, name: string): void {
        if (!store.indexNames.contains(name)) throw new Error("no index");
        store.deleteIndex(name);
        if (this.#lookedUp.get(store)?.has(name) === true) namesOf(this.#misleading, store).add(name);
    }

    rename(store: Store, name: string, to: string): string {
        this.find(store, name).name = to;
        namesOf(this.#lookedUp, store).add(to);
        this.#misleading.get(store)?.delete(to);
        return to;
    }
}

function namesOf(all: Map<Store, Set<string>>, store: Store): Set<string> {
    const names = all.get(store) ?? new Set();
    all.set(store, names);
    return names;
}
