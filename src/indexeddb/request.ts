import { fault } from "./errors.ts";
import { EventNode, IDBEventTarget, type Callback } from "./events.ts";
import type { IDBTransaction } from "./idbtransaction.ts";
import type { Transaction } from "./transaction.ts";

/** One request on its way: settled once, or with a cursor once for every step. */
export class Request extends EventNode {
    readonly facade: IDBRequest;
    readonly transaction: Transaction | null;
    readonly source: object | null;
    done = false;
    result: unknown = undefined;
    error: DOMException | null = null;

    constructor(source: object | null, transaction: Transaction | null) {
        super(transaction);
        this.source = source;
        this.transaction = transaction;
        this.facade = this.makeFacade();
    }

    protected makeFacade(): IDBRequest {
        return new IDBRequest(this);
    }

    succeed(result: unknown): void {
        this.done = true;
        this.result = result;
        this.error = null;
    }

    fail(error: DOMException): void {
        this.done = true;
        this.result = undefined;
        this.error = error;
    }

    get publicTransaction(): IDBTransaction | null {
        return this.transaction?.facade ?? null;
    }
}

/** The request of `open` and `deleteDatabase`: a transaction of its own comes and goes during an upgrade. */
export class OpenRequest extends Request {
    upgrade: Transaction | null = null;

    constructor() {
        super(null, null);
    }

    protected override makeFacade(): IDBRequest {
        return new IDBOpenDBRequest(this);
    }

    override get publicTransaction(): IDBTransaction | null {
        return this.upgrade?.facade ?? null;
    }
}

/** Indexed Database API 3.0, section 4.1. */
export class IDBRequest extends IDBEventTarget {
    readonly #request: Request;

    constructor(request: Request) {
        super(request);
        this.#request = request;
    }

    get result(): unknown {
        if (!this.#request.done) throw fault("InvalidStateError", "The request is still pending.");
        return this.#request.result;
    }

    get error(): DOMException | null {
        if (!this.#request.done) throw fault("InvalidStateError", "The request is still pending.");
        return this.#request.error;
    }

    get source(): object | null {
        return this.#request.source;
    }

    get transaction(): IDBTransaction | null {
        return this.#request.publicTransaction;
    }

    get readyState(): "pending" | "done" {
        return this.#request.done ? "done" : "pending";
    }

    get onsuccess(): Callback | null {
        return this.#request.handler("success");
    }

    set onsuccess(callback: Callback | null) {
        this.#request.setHandler("success", callback);
    }

    get onerror(): Callback | null {
        return this.#request.handler("error");
    }

    set onerror(callback: Callback | null) {
        this.#request.setHandler("error", callback);
    }
}

export class IDBOpenDBRequest extends IDBRequest {
    readonly #request: Request;

    constructor(request: Request) {
        super(request);
        this.#request = request;
    }

    get onblocked(): Callback | null {
        return this.#request.handler("blocked");
    }

    set onblocked(callback: Callback | null) {
        this.#request.setHandler("blocked", callback);
    }

    get onupgradeneeded(): Callback | null {
        return this.#request.handler("upgradeneeded");
    }

    set onupgradeneeded(callback: Callback | null) {
        this.#request.setHandler("upgradeneeded", callback);
    }
}
