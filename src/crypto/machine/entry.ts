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

/** The entry that stands there; undefined if its page is gone. */
export function readEntry(pages: EntryPages, roomId: string, { page, start, length }: Place): BundleEntry | undefined {
    const body = pages.read(roomId, page)?.subarray(start, start + length);
    return body === undefined ? undefined : entrySchema.parse(JSON.parse(Buffer.from(body).toString("utf8")));
}
