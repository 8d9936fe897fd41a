import { join } from "node:path";
import { Program } from "../process/index.ts";
import type { ClientOperations, OperationAnswer, OperationRequest } from "./operations.ts";

interface Pending {
    readonly who: string;
    readonly resolve: (result: unknown) => void;
    readonly reject: (cause: Error) => void;
}

export type Operation = keyof ClientOperations;
export type Arguments<Name extends Operation> = Parameters<ClientOperations[Name]>;
export type Answer<Name extends Operation> = Awaited<ReturnType<ClientOperations[Name]>>;

/**
 * A process in which many people's matrix-js-sdk clients live: what one more costs is its work, not Node, the SDK and
 * its crypto once more.
 */
export class Clients {
    readonly #process: Program;
    readonly #pending = new Map<number, Pending>();
    #lastRequest = 0;
    #lastClient = 0;

    private constructor(process: Program) {
        this.#process = process;
        process.onLine((line) => this.#answered(line));
        void process.exited.then(() => this.#ended());
    }

    static open(): Clients {
        const script = join(import.meta.dirname, "client-process.ts");
        return new Clients(new Program({ name: "the clients", command: process.execPath, args: [script] }));
    }

    /** The number of a client that does not exist yet: its first operation makes it. */
    next(): number {
        this.#lastClient += 1;
        return this.#lastClient;
    }

    /** Has one of the clients do something. Rejects with the client's own words, and `who` it is. */
    async perform<Name extends Operation>(
        client: number,
        who: string,
        operation: Name,
        args: Arguments<Name>,
    ): Promise<Answer<Name>> {
        this.#lastRequest += 1;
        const request: OperationRequest = { id: this.#lastRequest, client, operation, args };
        const { promise, resolve, reject } = Promise.withResolvers<unknown>();
        this.#pending.set(request.id, { who, resolve, reject });
        if (!this.#process.running) this.#ended();
        this.#process.write(JSON.stringify(request));
        return (await promise) as Answer<Name>;
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.#process.kill();
    }

    #answered(line: string): void {
        if (!line.startsWith('{"id":')) return;
        const answer = JSON.parse(line) as OperationAnswer;
        const pending = this.#pending.get(answer.id);
        this.#pending.delete(answer.id);
        if ("error" in answer) pending?.reject(new Error(`${pending.who}: ${answer.error}`));
        else pending?.resolve(answer.result);
    }

    #ended(): void {
        for (const { who, reject } of this.#pending.values())
            reject(new Error(`the client of ${who} ended:\n${this.#process.output}`));
        this.#pending.clear();
    }
}
