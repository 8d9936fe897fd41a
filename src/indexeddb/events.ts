/** What handlers receive: the fields and methods of a DOM event that IndexedDB's events use. */
export class IDBEvent {
    readonly type: string;
    readonly bubbles: boolean;
    readonly cancelable: boolean;
    target: object | null = null;
    currentTarget: object | null = null;
    eventPhase = 0;
    defaultPrevented = false;
    readonly isTrusted = true;
    readonly timeStamp = performance.now();
    #stopped = false;
    #stoppedAtOnce = false;

    constructor(type: string, options: { bubbles?: boolean; cancelable?: boolean } = {}) {
        this.type = type;
        this.bubbles = options.bubbles ?? false;
        this.cancelable = options.cancelable ?? false;
    }

    preventDefault(): void {
        if (this.cancelable) this.defaultPrevented = true;
    }

    stopPropagation(): void {
        this.#stopped = true;
    }

    stopImmediatePropagation(): void {
        this.#stopped = true;
        this.#stoppedAtOnce = true;
    }

    get propagationStopped(): boolean {
        return this.#stopped;
    }

    get immediatelyStopped(): boolean {
        return this.#stoppedAtOnce;
    }
}

export class IDBVersionChangeEvent extends IDBEvent {
    readonly oldVersion: number;
    readonly newVersion: number | null;

    constructor(type: string, options: { oldVersion?: number; newVersion?: number | null } = {}) {
        super(type);
        this.oldVersion = options.oldVersion ?? 0;
        this.newVersion = options.newVersion ?? null;
    }
}

export type Callback = (event: IDBEvent) => unknown;
export type Listener = Callback | { handleEvent: Callback };

interface Registration {
    readonly type: string;
    listener: Listener;
    readonly handler: boolean;
    readonly capture: boolean;
    readonly once: boolean;
}

/** One place that events are fired at: a request, a transaction or a connection, behind its public object. */
export abstract class EventNode {
    abstract readonly facade: object;
    readonly parent: EventNode | null;
    #listeners: Registration[] = [];

    constructor(parent: EventNode | null) {
        this.parent = parent;
    }

    add(type: string, listener: Listener, options: { capture: boolean; once: boolean }): void {
        const { capture, once } = options;
        const known = this.#listeners.some(
            (r) => !r.handler && r.type === type && r.listener === listener && r.capture === capture,
        );
        if (!known) this.#listeners.push({ type, listener, handler: false, capture, once });
    }

    remove(type: string, listener: Listener, capture: boolean): void {
        this.#listeners = this.#listeners.filter(
            (r) => r.handler || r.type !== type || r.listener !== listener || r.capture !== capture,
        );
    }

    handler(type: string): Callback | null {
        const found = this.#listeners.find((r) => r.handler && r.type === type);
        return typeof found?.listener === "function" ? found.listener : null;
    }

    setHandler(type: string, value: unknown): void {
        const listener = isCallback(value) ? value : null;
        const found = this.#listeners.find((r) => r.handler && r.type === type);
        if (found && listener) found.listener = listener;
        else if (found) this.#listeners = this.#listeners.filter((r) => r !== found);
        else if (listener) this.#listeners.push({ type, listener, handler: true, capture: false, once: false });
    }

    /** Whether anybody would notice the event. */
    isHeard(type: string): boolean {
        return this.#listeners.some((r) => r.type === type) || (this.parent?.isHeard(type) ?? false);
    }

    /**
     * Calls the listeners along the path; returns whether one of them threw (the exception is reported, as in a
     * browser).
     */
    fire(event: IDBEvent): boolean {
        const ancestors: EventNode[] = [];
        for (let node = this.parent; node !== null; node = node.parent) ancestors.push(node);
        event.target = this.facade;
        let threw = false;
        for (const node of ancestors.toReversed()) threw = node.#call(event, 1) || threw;
        threw = this.#call(event, 2) || threw;
        if (event.bubbles) for (const node of ancestors) threw = node.#call(event, 3) || threw;
        event.eventPhase = 0;
        event.currentTarget = null;
        return threw;
    }

    #call(event: IDBEvent, phase: 1 | 2 | 3): boolean {
        if (event.propagationStopped) return false;
        event.eventPhase = phase;
        event.currentTarget = this.facade;
        let threw = false;
        for (const registration of this.#listeners.slice()) {
            if (registration.type !== event.type || event.immediatelyStopped) continue;
            if ((phase === 1 && !registration.capture) || (phase === 3 && registration.capture)) continue;
            if (!this.#listeners.includes(registration)) continue;
            if (registration.once) this.#listeners = this.#listeners.filter((r) => r !== registration);
            threw = invoke(registration.listener, event) || threw;
        }
        return threw;
    }
}

function isCallback(value: unknown): value is Callback {
    return typeof value === "function";
}

function invoke(listener: Listener, event: IDBEvent): boolean {
    try {
        if (typeof listener === "function") listener.call(event.currentTarget, event);
        else listener.handleEvent(event);
        return false;
    } catch (error) {
        process.nextTick(() => {
            throw error;
        });
        return true;
    }
}

/** The public side of an `EventNode`. */
export class IDBEventTarget {
    readonly #node: EventNode;

    constructor(node: EventNode) {
        this.#node = node;
    }

    addEventListener(
        type: string,
        listener: Listener | null,
        options?: boolean | { capture?: boolean; once?: boolean },
    ): void {
        if (listener === null) return;
        const { capture = false, once = false } = typeof options === "object" ? options : { capture: options ?? false };
        this.#node.add(type, listener, { capture, once });
    }

    removeEventListener(type: string, listener: Listener | null, options?: boolean | { capture?: boolean }): void {
        if (listener === null) return;
        this.#node.remove(
            type,
            listener,
            typeof options === "object" ? (options.capture ?? false) : (options ?? false),
        );
    }

    dispatchEvent(event: IDBEvent): boolean {
        this.#node.fire(event);
        return !event.defaultPrevented;
    }
}
