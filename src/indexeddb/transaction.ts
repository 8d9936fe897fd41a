import type { StoreMeta } from "./catalog.ts";
import type { Connection } from "./database.ts";
import type { Engine } from "./engine.ts";
import { fault, requestFault } from "./errors.ts";
import { EventNode, IDBEvent } from "./events.ts";
import { IDBTransaction } from "./idbtransaction.ts";
import { IDBObjectStore } from "./objectstore.ts";
import type { Request } from "./request.ts";

export type Mode = "readonly" | "readwrite" | "versionchange";

/** Something to do in the order in which it was asked for; without a request it is a step of an upgrade. */
interface Task {
    readonly request: Request | null;
    readonly run: () => unknown;
}

// So many requests that nobody listens to run in one go, before the event loop has its turn.
const burst = 200;

/** A transaction's life (section 2.7.1): active, then turn by turn through its requests, then committed or aborted. */
export class Transaction extends EventNode {
    readonly facade: IDBTransaction;
    readonly connection: Connection;
    readonly engine: Engine;
    readonly mode: Mode;
    readonly durability: string;
    /** Belongs to the outer transaction that ran when it was made. */
    readonly inner: boolean;
    readonly waitsForOuter: boolean;
    started = false;
    error: DOMException | null = null;
    /** Called once, after the events. */
    onfinish: ((committed: boolean) => void) | undefined;
    onrollback: (() => void) | undefined;

    #stores: Map<string, StoreMeta>;
    #state: "active" | "inactive" | "committing" | "finished" = "active";
    #tasks: Task[] = [];
    #scheduled = false;
    #begun = false;
    #handles = new Map<StoreMeta, IDBObjectStore>();
    #generators = new Map<StoreMeta, number>();

    constructor(connection: Connection, stores: Map<string, StoreMeta>, mode: Mode, durability = "default") {
        super(connection);
        this.connection = connection;
        this.engine = connection.engine;
        this.mode = mode;
        this.durability = durability;
        this.#stores = stores;
        this.facade = new IDBTransaction(this);
        this.waitsForOuter = this.engine.scheduler.outerWaits;
        this.inner = this.engine.scheduler.add(this);
        connection.transactions.add(this);
        if (mode !== "versionchange") this.wake();
    }

    get writes(): boolean {
        return this.mode !== "readonly";
    }

    get finished(): boolean {
        return this.#state === "finished";
    }

    get ending(): boolean {
        return this.#state === "committing" || this.finished;
    }

    get active(): boolean {
        return this.#state === "active";
    }

    get stores(): ReadonlyMap<string, StoreMeta> {
        return this.#stores;
    }

    overlaps(other: Transaction): boolean {
        if (this.connection.meta !== other.connection.meta) return false;
        for (const store of this.#stores.values()) if (other.#stores.get(store.name) === store) return true;
        return false;
    }

    /** Throws `TransactionInactiveError` unless requests may be placed now. */
    requireActive(): void {
        if (!this.active) throw fault("TransactionInactiveError", "The transaction is not active.");
    }

    requireWritable(): void {
        this.requireActive();
        if (!this.writes) throw fault("ReadOnlyError", "The transaction is read-only.");
    }

    /**
     * Runs what may run a script's own getters, which must not use the transaction meanwhile; throws if one of them
     * ended it.
     */
    whileInactive<T>(clone: () => T): T {
        this.#state = "inactive";
        try {
            return clone();
        } finally {
            if (this.#state === "inactive") this.#state = "active";
            this.requireActive();
        }
    }

    place(request: Request | null, run: () => unknown): void {
        this.#tasks.push({ request, run });
        this.wake();
    }

    /** Takes the next turn in the next macrotask. */
    wake(): void {
        if (this.#scheduled || this.finished) return;
        this.#scheduled = true;
        setImmediate(() => {
            this.#scheduled = false;
            this.#turn();
        });
    }

    /** The file is about to be changed; makes sure that the change can be undone. */
    beginWriting(): void {
        if (this.#begun) return;
        this.engine.scheduler.begin();
        this.#begun = true;
    }

    /** Remembers a key generator's number, so that an abort puts it back. */
    rememberGenerator(store: StoreMeta): void {
        if (!this.#generators.has(store)) this.#generators.set(store, store.nextKey);
    }

    handle(store: StoreMeta): IDBObjectStore {
        const known = this.#handles.get(store);
        if (known) return known;
        const handle = new IDBObjectStore(this, store);
        this.#handles.set(store, handle);
        return handle;
    }

    commit(): void {
        this.requireActive();
        this.#state = "committing";
        this.wake();
    }

    /** Undoes everything; with an error it is the transaction's error. Pending requests fail, then `abort` is fired. */
    abort(error: DOMException | null): void {
        if (this.finished) return;
        this.#state = "finished";
        this.error = error;
        if (this.#begun) this.engine.scheduler.rollback();
        for (const [store, nextKey] of this.#generators) store.nextKey = nextKey;
        this.onrollback?.();
        if (this.#begun) this.engine.reload();
        const pending = this.#tasks.flatMap(({ request }) => (request ? [request] : []));
        this.#tasks = [];
        this.engine.scheduler.remove(this);
        setImmediate(() => this.#announceAbort(pending));
    }

    #announceAbort(pending: Request[]): void {
        for (const request of pending) {
            request.fail(fault("AbortError", "The transaction was aborted."));
            request.fire(new IDBEvent("error", { bubbles: true, cancelable: true }));
        }
        if (this.isHeard("abort")) this.fire(new IDBEvent("abort", { bubbles: true }));
        this.#end(false);
    }

    #turn(): void {
        if (this.finished) return;
        if (this.#state === "active") this.#state = "inactive";
        if (!this.started) {
            if (!this.engine.scheduler.mayStart(this)) return;
            this.started = true;
        }
        for (let count = 0; count < burst; count++) {
            const task = this.#tasks.shift();
            if (task === undefined) return this.#finish();
            if (this.#perform(task)) break;
            if (this.finished) return;
        }
        this.wake();
    }

    /** Runs the task; returns whether an event was fired, after which scripts must have their turn. */
    #perform({ request, run }: Task): boolean {
        try {
            const result = run();
            request?.succeed(result);
        } catch (thrown) {
            const error = requestFault(thrown);
            this.engine.scheduler.noteFailure(thrown);
            if (request === null) this.abort(error);
            else this.#fail(request, error);
            this.engine.makeRoom(thrown);
            return true;
        }
        if (request === null || !request.isHeard("success")) return false;
        this.#dispatch(request, new IDBEvent("success"));
        return true;
    }

    #fail(request: Request, error: DOMException): void {
        request.fail(error);
        const lost = this.#begun && this.engine.scheduler.lost;
        const event = new IDBEvent("error", { bubbles: true, cancelable: true });
        const threw = this.#dispatch(request, event);
        if (!threw && (lost || !event.defaultPrevented)) this.abort(error);
    }

    #dispatch(request: Request, event: IDBEvent): boolean {
        if (this.#state === "inactive") this.#state = "active";
        const threw = request.fire(event);
        if (threw) this.abort(fault("AbortError", "A listener threw an exception."));
        return threw;
    }

    #finish(): void {
        this.#state = "committing";
        try {
            if (this.#begun) this.engine.scheduler.commit();
        } catch (thrown) {
            this.engine.scheduler.noteFailure(thrown);
            this.abort(requestFault(thrown));
            this.engine.makeRoom(thrown);
            return;
        }
        this.#state = "finished";
        if (this.isHeard("complete")) this.fire(new IDBEvent("complete"));
        this.#end(true);
    }

    #end(committed: boolean): void {
        this.engine.scheduler.remove(this);
        this.connection.released(this);
        this.onfinish?.(committed);
    }
}
