import type { EntryPages, Place } from "./entry-pages.ts";
import type { CopyRow, EntryRows, KnownRow } from "./entry-rows.ts";
import { type BundleEntry, bundleEntry } from "./entry.ts";

/** A copy that is to be kept. */
export interface NewCopy {
    readonly sessionId: string;
    readonly copy: Omit<CopyRow, keyof Place>;
    readonly entry: BundleEntry;
    /** The row whose place it takes. */
    readonly known: KnownRow | undefined;
}

/**
 * Writes copies of sessions of a room onto one page, and their rows. Inside a transaction of the caller's, who has
 * their sessions judged.
 */
export function writeCopies(pages: EntryPages, rows: EntryRows, roomId: string, copies: readonly NewCopy[]): void {
    const places = pages.add(
        roomId,
        copies.map(({ entry }) => Buffer.from(JSON.stringify(bundleEntry(entry)))),
    );
    for (const [index, { sessionId, copy, known }] of copies.entries()) {
        const place = places[index];
        if (place === undefined) continue;
        if (known !== undefined) pages.drop(known.page);
        rows.put({ roomId, sessionId }, { ...copy, ...place }, known);
    }
}

/** Takes a copy away, and its entry. Inside a transaction of the caller's, who has its session judged. */
export function removeCopy(pages: EntryPages, rows: EntryRows, roomId: string, copy: KnownRow): void {
    pages.drop(copy.page);
    rows.remove(roomId, copy);
}
