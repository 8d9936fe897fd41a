import { readSmallFile } from "../config/index.ts";
import type { ControlOperations } from "../control/index.ts";
import { exitCodes } from "../failures/index.ts";
import { argument, option, pathArgument, refused } from "./arguments.ts";
import { type Invocation, note, print } from "./context.ts";
import { readKeyExport } from "./key-export.ts";
import { withBot } from "./with-bot.ts";

/** Entries in one request: keeps the bot's memory flat and its other work going. */
const chunkSize = 100;
/** Characters. A room key has less than 1000; a chunk of entries without bounds would not fit into one request. */
const longestEntry = 16_384;
const command = "import-keys";

export async function importKeys(invocation: Invocation): Promise<number> {
    const file = pathArgument(invocation, argument(invocation, 0));
    const entries = await readKeyExport(file, passphraseOf(invocation));
    const outcome = await withBot(invocation, (bot) => importAll(bot, entries));
    print(`${outcome.imported} of ${entries.length} room keys were imported; the rest was known already or refused.`);
    for (const [reason, count] of outcome.refused) note(`refused: ${count} (${reason})`);
    return outcome.imported === 0 && (outcome.refused.size > 0 || entries.length === 0) ? exitCodes.no : exitCodes.done;
}

interface Outcome {
    readonly imported: number;
    /** How many entries were refused for each reason. */
    readonly refused: ReadonlyMap<string, number>;
}

async function importAll(bot: ControlOperations, all: readonly object[]): Promise<Outcome> {
    const entries = all.filter((entry) => JSON.stringify(entry).length <= longestEntry);
    const refused = new Map<string, number>();
    if (entries.length < all.length) refused.set("it is larger than any room key", all.length - entries.length);
    let imported = 0;
    for (let start = 0; start < entries.length; start += chunkSize) {
        const chunk = entries.slice(start, start + chunkSize);
        const report = await bot.importRoomKeys(chunk);
        imported += report.imported;
        for (const { reason } of report.refused) refused.set(reason, (refused.get(reason) ?? 0) + 1);
        showProgress(start + chunk.length, entries.length);
    }
    return { imported, refused };
}

function showProgress(done: number, total: number): void {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total} room keys${done === total ? "\n" : ""}`);
}

function passphraseOf(invocation: Invocation): string | undefined {
    const file = option(invocation, "passphraseFile");
    if (file === undefined) return undefined;
    const read = readSmallFile(pathArgument(invocation, file));
    if ("fault" in read)
        throw refused(file, `a readable file with the passphrase (this one ${read.fault})`, { name: "--passphrase-file", command });
    return read.text.replace(/\r?\n$/, "");
}
