import type { IndexedDB } from "../../../indexeddb/index.ts";
import type { CryptoStore } from "./context.ts";

type Connection = InstanceType<IndexedDB["IDBDatabase"]>;

/**
 * What the machine's stores of inbound Megolm sessions are called; a number follows, which goes up with its versions.
 */
const prefix = "inbound_group_sessions";
/** What else it keeps of what anybody sends, for good and for any room: we have tables of our own for it. */
const others = ["withheld_sessions", "received_room_key_bundles"];

/**
 * The machine's own copies of inbound Megolm sessions. It keeps one for each session ID, and drops another sender's
 * copy without a word of its key or flag: who sends a key first would speak for it. So it keeps none: what it has told
 * us of is taken out of its store, in the same commit. And so are the refusals of keys and the announcements of bundles
 * that it was sent.
 */
export class MachineSessions {
    readonly #connection: Connection;
    readonly #stores: readonly string[];

    private constructor(connection: Connection, stores: readonly string[]) {
        this.#connection = connection;
        this.#stores = stores;
    }

    /** @throws if the machine's store has a shape that we do not know */
    static async open(store: Pick<CryptoStore, "indexedDB" | "IDBDatabase">): Promise<MachineSessions> {
        for (const { name } of await store.indexedDB.databases()) {
            const connection = await connect(store, name);
            const names = [...connection.objectStoreNames];
            const stores = names.filter((one) => one.startsWith(prefix));
            const known = others.filter((one) => names.includes(one));
            if (stores.length > 0) return new MachineSessions(connection, [...stores, ...known]);
            connection.close();
        }
        throw new Error("Where the machine keeps its room keys is not known.");
    }

    /** Takes them all out. Belongs into the commit that keeps what they were. */
    async empty(): Promise<void> {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const transaction = this.#connection.transaction(this.#stores, "readwrite");
        transaction.oncomplete = () => resolve();
        transaction.onabort = () =>
            reject(transaction.error ?? new Error("The machine's room keys could not be taken out."));
        for (const store of this.#stores) transaction.objectStore(store).clear();
        await promise;
    }

    close(): void {
        this.#connection.close();
    }
}

async function connect(
    { indexedDB, IDBDatabase }: Pick<CryptoStore, "indexedDB" | "IDBDatabase">,
    name: string,
): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const request = indexedDB.open(name);
    const failed = (): void => reject(request.error ?? new Error(`The database ${name} could not be opened.`));
    request.onsuccess = () => (request.result instanceof IDBDatabase ? resolve(request.result) : failed());
    request.onerror = failed;
    return await promise;
}
