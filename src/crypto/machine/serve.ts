import type { MessagePort } from "node:worker_threads";
import type { Logger } from "../../telemetry/index.ts";
import type { CryptoPort } from "../port.ts";
import { type Call, type FromWorker, type LogLevel, ownedBuffers, toPlainError, type WorkerStart } from "../rpc.ts";
import { openMachine } from "./open.ts";
import type { CryptoStore } from "./store/context.ts";

/**
 * Serves the crypto port to the main thread. A fault is told, and then nothing is answered any more: the process is to
 * end.
 */
export async function serve(
    port: MessagePort,
    start: WorkerStart,
    openStore: (path: string) => CryptoStore,
): Promise<void> {
    const tell = (message: FromWorker) => port.postMessage(message);
    try {
        const onFault = (reason: Error) => tell({ type: "fault", error: toPlainError(reason) });
        const onCommit = (commits: number) => tell({ type: "committed", commits });
        const crypto = await openMachine({
            ...start,
            openStore: () => openStore(start.path),
            log: logTo(tell, {}),
            onFault,
            onCommit,
        });
        port.on("message", (call: Call) => void answer(port, crypto, call));
        tell({ type: "ready" });
    } catch (error) {
        tell({ type: "refused", error: toPlainError(error) });
        port.close();
    }
}

async function answer(port: MessagePort, crypto: CryptoPort, { id, method, args }: Call): Promise<void> {
    try {
        const value: unknown = await Reflect.apply(crypto[method], crypto, args);
        const message: FromWorker = { type: "answer", id, value };
        port.postMessage(message, ownedBuffers(piecesIn(value)));
    } catch (error) {
        const message: FromWorker = { type: "rejection", id, error: toPlainError(error) };
        port.postMessage(message);
    }
    if (method === "close") port.close();
}

/** A bundle's pieces are handed over instead of copied. */
function piecesIn(value: unknown): readonly unknown[] {
    return typeof value === "object" && value !== null && "pieces" in value && Array.isArray(value.pieces)
        ? value.pieces
        : [];
}

function logTo(tell: (message: FromWorker) => void, bound: object): Logger {
    const say = (level: LogLevel) => (facts: object, message: string) =>
        tell({ type: "log", level, facts: { ...bound, ...facts }, message });
    const child = (facts: object) => logTo(tell, { ...bound, ...facts });
    return { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error"), child };
}
