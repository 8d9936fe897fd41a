import type { SyncOptions } from "./api.ts";
import type { Client } from "./client.ts";

/** What the server may take beyond the long poll. */
const graceMs = 60_000;
/** The first sync of an account with many rooms is slow; `fetch` itself gives up after 300 s without a header. */
const firstSyncMs = 290_000;
const maxBytes = 512 * 1024 * 1024;

/**
 * One long poll, one attempt: the loop decides what to do about an error. Source: Matrix v1.19, `GET
 * /_matrix/client/v3/sync`.
 */
export async function sync(client: Client, options: SyncOptions): Promise<unknown> {
    const query = new URLSearchParams({ timeout: String(options.timeoutMs), filter: options.filter });
    if (options.since !== undefined) query.set("since", options.since);
    const { json } = await client.call({
        operation: "sync",
        method: "GET",
        path: "/_matrix/client/v3/sync",
        query,
        signal: options.signal,
        timeoutMs: options.since === undefined ? firstSyncMs : options.timeoutMs + graceMs,
        attempts: 1,
        maxBytes,
    });
    return json;
}
