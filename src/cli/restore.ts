import { createReadStream } from "node:fs";
import { loadSettings } from "../config/index.ts";
import { exitCodes, Failure } from "../failures/index.ts";
import { argument, pathArgument } from "./arguments.ts";
import { type Invocation, note, print } from "./context.ts";

export async function restore(invocation: Invocation): Promise<number> {
    const { settings, warnings } = loadSettings(invocation);
    for (const warning of warnings) note(`warning: ${warning}`);
    const file = argument(invocation, 0);
    const name = file === "-" ? "the standard input" : pathArgument(invocation, file);
    const { restoreSnapshot } = await import("../bot/index.ts");
    const source = file === "-" ? process.stdin : readable(name);
    const { userId, deviceId, sessions, madeAt } = await restoreSnapshot({ settings, source, name, onProgress: note });
    const keys = sessions === undefined ? "" : ` with ${sessions} room keys`;
    print(
        `Restored ${userId} from the snapshot of ${madeAt}${keys}. Its device is ${deviceId} now. Start it with: backscroll run`,
    );
    return exitCodes.done;
}

async function* readable(path: string): AsyncGenerator<Uint8Array, void, undefined> {
    try {
        for await (const piece of createReadStream(path)) if (piece instanceof Uint8Array) yield piece;
    } catch (error) {
        if (!(error instanceof Error) || !("code" in error)) throw error;
        const detail = error.code === "ENOENT" ? "it does not exist" : `it cannot be read (${String(error.code)})`;
        throw new Failure("snapshot_unreadable", { path, detail }, { cause: error });
    }
}
