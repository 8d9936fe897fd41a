import { z } from "zod";
import type { BundleEntry } from "./bundle.ts";
import type { EntryPages, Place } from "./entry-pages.ts";

const entrySchema = z.object({
    algorithm: z.string(),
    room_id: z.string(),
    sender_claimed_keys: z.record(z.string(), z.string()),
    sender_key: z.string(),
    session_id: z.string(),
    session_key: z.string(),
});

/** Reads entries of a room in any order, and opens each page once: for one look at many, within which no page changes. */
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
