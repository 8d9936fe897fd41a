import { Failure } from "../../failures/index.ts";
import { JsonListReader, type ListEntry, NotAList } from "./json-list.ts";
import { isProtected, unprotect } from "./protection.ts";
import { openSource, type Pieces } from "./source.ts";

export type { ListEntry } from "./json-list.ts";

/**
 * A Matrix key export, looked through from the first byte to the last: what is wrong with the file is known before
 * anything is done with it.
 */
export interface KeyExport extends AsyncDisposable {
    readonly count: number;
    /**
     * Its entries as they stand there, read anew from the file; undefined in the place of one that is far larger than
     * any room key.
     */
    readonly entries: () => AsyncGenerator<ListEntry, void, undefined>;
}

interface Options {
    /** `-` is the standard input. */
    readonly path: string;
    readonly passphrase: string | undefined;
    /** Where the content of a pipe may lie, encrypted, for as long as the export is open. */
    readonly spoolFolder: string;
}

/**
 * Opens a key export, passphrase-protected or a plain JSON list: which of the two is seen by itself. However large it
 * is, a piece of it is in memory at a time. Source: Matrix v1.19, "Key exports".
 * @throws Failure `key_export_unreadable`, `data_dir_unusable`, `disk_full`; no message quotes what is in the file
 */
export async function openKeyExport({ path, passphrase, spoolFolder }: Options): Promise<KeyExport> {
    const name = path === "-" ? "the standard input" : path;
    const refuse = (detail: string) => new Failure("key_export_unreadable", { path: name, detail });
    await using opening = new AsyncDisposableStack();
    const source = opening.use(await openSource(path, spoolFolder, refuse));
    const armoured = await isProtected(source.pieces());
    const json = armoured ? await unprotect(source.pieces, passphrase, refuse) : source.pieces;
    const refuseList = ({ message }: NotAList) =>
        refuse(
            `${armoured ? "what it holds is no list of room keys" : "it is neither a key export nor a JSON list of room keys"} (${message})`,
        );
    const entries = () => entriesOf(json(), refuseList);
    let count = 0;
    for await (const _ of entries()) count += 1;
    const kept = opening.move();
    return { count, entries, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function* entriesOf(
    json: Pieces,
    refuse: (fault: NotAList) => Failure,
): AsyncGenerator<ListEntry, void, undefined> {
    const list = new JsonListReader();
    try {
        for await (const piece of json) yield* list.take(piece);
        list.end();
    } catch (error) {
        throw error instanceof NotAList ? refuse(error) : error;
    }
}
