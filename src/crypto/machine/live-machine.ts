import { Failure } from "../../failures/index.ts";
import { OperationQueue } from "./operation-queue.ts";
import { type CryptoStore, isPanic, type MachineContext, TornCommit, Undone } from "./store/context.ts";
import { explain } from "./store/explain.ts";

export interface LiveMachineOptions {
    readonly path: string;
    readonly store: CryptoStore;
    /** Opens the machine as its store has it. */
    readonly open: () => Promise<MachineContext>;
    readonly onFault: (reason: Failure) => void;
}

/**
 * The machine that is open now, behind the one queue that every call goes through, reads too: beside another's
 * transaction a call would join that and be answered before it is on disk.
 *
 * When a commit fails, the machine is ahead of its store. On a full disk it is closed and opened again from what the
 * disk has, so that the bot goes on by itself when there is room, and so it is after what was `Undone`; every other
 * cause, and a panic, is a fault that ends the process.
 */
export class LiveMachine {
    readonly #options: LiveMachineOptions;
    readonly #queue = new OperationQueue();
    #context: MachineContext | undefined;
    #closing: Promise<void> | undefined;

    constructor(options: LiveMachineOptions) {
        this.#options = options;
    }

    /** @throws {Failure} whatever the store or the operation fails with, in our words where we have them. */
    run<T>(operation: (context: MachineContext) => Promise<T>): Promise<T> {
        return this.#queue.run(async () => {
            try {
                this.#context ??= await this.#options.open();
                return await operation(this.#context);
            } catch (error) {
                throw this.#judge(error);
            } finally {
                if (this.#context?.memory.outdated === true) this.#drop();
            }
        });
    }

    /** Answers when the queue has come this far. */
    ping(): Promise<void> {
        return this.#queue.run(() => Promise.resolve());
    }

    close(): Promise<void> {
        this.#closing ??= this.#queue.run(async () => {
            this.#queue.stop(new Error("The crypto store is closed."));
            this.#drop();
            // The machine ends its connections in a task of its own.
            await new Promise((resolve) => setImmediate(resolve));
            this.#options.store.close();
        });
        return this.#closing;
    }

    #judge(error: unknown): unknown {
        if (error instanceof Undone) {
            this.#drop();
            return error;
        }
        const reason = explain(error, this.#options.path);
        if (!(error instanceof TornCommit) && !isPanic(error)) return reason;
        if (reason instanceof Failure && reason.code === "disk_full") {
            this.#drop();
            return reason;
        }
        const fault =
            reason instanceof Failure
                ? reason
                : new Failure("worker_died", { detail: String(reason) }, { cause: reason });
        this.#queue.stop(fault);
        this.#options.onFault(fault);
        return fault;
    }

    #drop(): void {
        this.#context?.sessions.close();
        this.#context?.machine.close();
        this.#context = undefined;
    }
}
