import { createInterface } from "node:readline";
import type { OperationAnswer, OperationRequest } from "./operations.ts";
import { SdkClient } from "./sdk-client.ts";

// Standard output belongs to the answers.
console.log = console.info = console.debug = console.warn = console.error;

const clients = new Map<number, SdkClient>();
const input = createInterface({ input: process.stdin });
input.on("line", (line) => void perform(JSON.parse(line) as OperationRequest));
// Nobody needs us any more, or whoever did is dead.
input.on("close", () => process.exit(0));
// What the SDK leaves undone in the background, of a client that was stopped above all, is not to end the others.
process.on("unhandledRejection", (cause) => console.error("in the background:", cause));

async function perform({ id, client: number, operation, args }: OperationRequest): Promise<void> {
    const client = clients.get(number) ?? new SdkClient();
    clients.set(number, client);
    try {
        const method = client[operation].bind(client) as (...args: readonly unknown[]) => Promise<unknown>;
        answer({ id, result: (await method(...args)) ?? null });
    } catch (cause) {
        answer({ id, error: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) });
    }
}

function answer(line: OperationAnswer): void {
    process.stdout.write(`${JSON.stringify(line)}\n`);
}
