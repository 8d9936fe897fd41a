import { z } from "zod";
import type { EntryPages, Place } from "./entry-pages.ts";

/** A session as a room key bundle lists it. Source: MSC4268, "Key bundle format". */
export interface BundleEntry {
    readonly algorithm: string;
    readonly room_id: string;
    readonly sender_claimed_keys: Readonly<Record<string, string>>;
    readonly sender_key: string;
    readonly session_id: string;
    readonly session_key: string;
}

const entrySchema = z.object({
    algorithm: z.string(),
    room_id: z.string(),
    sender_claimed_keys: z.record(z.string(), z.string()),
    sender_key: z.string(),
    session_id: z.string(),
    session_key: z.string(),
});

/** The bundle's own field order and nothing else: no forwarding chain, no flag. */
export function bundleEntry(entry: BundleEntry): BundleEntry {
    const { algorithm, room_id, sender_claimed_keys, sender_key, session_id, session_key } = entry;
    return { algorithm, room_id, sender_claimed_keys, sender_key, session_id, session_key };
}

/**
 * Reads entries of a room in any order, and opens each page once: for one look at many, within which no page changes.
 */
export class EntryReader {
    readonly #pages: EntryPages;
    readonly #roomId: string;
    readonly #open = new Map<number, Uint8Array | undefined>();

    constructor(pages: EntryPages, roomId: string) {
        this.#pages = pages;
        this.#roomId = roomId;
    }

    /** The entry that stands there; undefined if its page is gone. */
    read({ page, start, length }: Place): BundleEntry | undefined {
        if (!this.#open.has(page)) this.#open.set(page, this.#pages.read(this.#roomId, page));
        const json = this.#open.get(page)?.subarray(start, start + length);
        return json === undefined ? undefined : entrySchema.parse(JSON.parse(Buffer.from(json).toString("utf8")));
    }
}
