import { loadDataDir, readSmallFile } from "../config/index.ts";
import type { Bot } from "../control/index.ts";
import { exitCodes } from "../failures/index.ts";
import { argument, option, pathArgument, refused } from "./arguments.ts";
import { type Invocation, note, print } from "./context.ts";
import { type KeyExport, type ListEntry, openKeyExport } from "./key-export/read.ts";
import { withBot } from "./with-bot.ts";
import { keepYoungGarbageSmall } from "./young-garbage.ts";

/** Entries in one request: keeps the bot's memory flat and its other work going. */
const chunkSize = 100;
/** Milliseconds between lines that tell of the progress. */
const progressEveryMs = 5_000;
const command = "import-keys";

export async function importKeys(invocation: Invocation): Promise<number> {
    keepYoungGarbageSmall();
    const file = argument(invocation, 0);
    await using source = await openKeyExport({
        path: file === "-" ? file : pathArgument(invocation, file),
        passphrase: passphraseOf(invocation),
        spoolFolder: loadDataDir(invocation),
    });
    const { imported, refused } = await withBot(invocation, (bot) => importAll(bot, source));
    print(`${imported} of ${source.count} room keys were imported; the rest was known already or refused.`);
    for (const [reason, count] of refused) note(`refused: ${count} (${reason})`);
    return imported === 0 && (refused.size > 0 || source.count === 0) ? exitCodes.no : exitCodes.done;
}

interface Outcome {
    readonly imported: number;
    /** How many entries were refused for each reason. */
    readonly refused: ReadonlyMap<string, number>;
}

/** Sends one chunk after the other, each when the one before is on the bot's disk. */
async function importAll(bot: Bot, { count, entries }: KeyExport): Promise<Outcome> {
    const refused = new Map<string, number>();
    const refuse = (reason: string) => refused.set(reason, (refused.get(reason) ?? 0) + 1);
    let [imported, done, told] = [0, 0, performance.now()];
    try {
        for await (const chunk of chunks(entries())) {
            const keys = chunk.filter((entry) => entry !== undefined);
            if (keys.length < chunk.length)
                for (const entry of chunk) if (entry === undefined) refuse("it is larger than any room key");
            done += chunk.length;
            const report = await bot.call("importRoomKeys", { entries: keys, more: done < count });
            imported += report.imported;
            for (const { reason } of report.refused) refuse(reason);
            if (performance.now() - told < progressEveryMs) continue;
            note(`${done} of ${count} room keys`);
            told = performance.now();
        }
    } catch (error) {
        if (imported > 0)
            note(
                `${imported} of ${count} room keys were imported before it broke off; importing the file again does the rest.`,
            );
        throw error;
    }
    return { imported, refused };
}

async function* chunks(entries: AsyncIterable<ListEntry>): AsyncGenerator<readonly ListEntry[], void, undefined> {
    let chunk: ListEntry[] = [];
    for await (const entry of entries) {
        chunk.push(entry);
        if (chunk.length < chunkSize) continue;
        yield chunk;
        chunk = [];
    }
    if (chunk.length > 0) yield chunk;
}

function passphraseOf(invocation: Invocation): string | undefined {
    const file = option(invocation, "passphraseFile");
    if (file === undefined) return undefined;
    const read = readSmallFile(pathArgument(invocation, file));
    if ("fault" in read)
        throw refused(file, `a readable file with the passphrase (this one ${read.fault})`, {
            name: "--passphrase-file",
            command,
        });
    return read.text.replace(/\r?\n$/, "");
}
