import { once } from "node:events";
import { exitCodes } from "../failures/index.ts";
import { argument, pathArgument, refused } from "./arguments.ts";
import { type Invocation, note } from "./context.ts";
import { PrivateFile } from "./private-file.ts";
import { withBot } from "./with-bot.ts";

/** Milliseconds between lines that tell of the progress. */
const progressEveryMs = 5_000;
const warning = "Restore it only with `backscroll restore`, and with the store key, which is not in it.";

export async function snapshot(invocation: Invocation): Promise<number> {
    const target = argument(invocation, 0);
    if (target === "-") {
        if (process.stdout.isTTY)
            throw refused(target, "a file, or - with the output going to a file or a program", {
                name: "FILE",
                command: "snapshot",
            });
        const bytes = await withBot(invocation, (bot) => writeAll(bot.snapshot(), writeToOutput));
        note(`A snapshot of ${bytes} bytes was written. ${warning}`);
        return exitCodes.done;
    }
    using file = PrivateFile.create(pathArgument(invocation, target));
    const bytes = await withBot(invocation, (bot) => writeAll(bot.snapshot(), (piece) => file.write(piece)));
    file.publish();
    note(`A snapshot of ${bytes} bytes was written to ${file.path}. ${warning}`);
    return exitCodes.done;
}

async function writeAll(
    pieces: AsyncIterable<Uint8Array>,
    write: (piece: Uint8Array) => Promise<void> | void,
): Promise<number> {
    let [bytes, told] = [0, performance.now()];
    for await (const piece of pieces) {
        await write(piece);
        bytes += piece.length;
        if (performance.now() - told < progressEveryMs) continue;
        note(`${Math.round(bytes / 1e6)} MB are written.`);
        told = performance.now();
    }
    return bytes;
}

async function writeToOutput(piece: Uint8Array): Promise<void> {
    if (!process.stdout.write(piece)) await once(process.stdout, "drain");
}
