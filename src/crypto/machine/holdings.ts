import { z } from "zod";
import type { ImportReport, RoomHoldings, RoomKeyPage, ShareableSet } from "../port.ts";
import { attempt, commit, type MachineContext } from "./context.ts";
import type { SessionKey } from "./entry-rows.ts";
import { drainFeed } from "./feed.ts";
import { ReadyEntries } from "./ready-entries.ts";
import { normaliseRoomKey, type RoomKeyExport } from "./room-key-export.ts";

const EXPORT_PAGE = 500;
/** One transaction each: larger ones cost memory and stop everything else for too long. */
const IMPORT_CHUNK = 100;

const stored = z.looseObject({ session_key: z.string() });

interface Numbered {
    readonly index: number;
    readonly entry: RoomKeyExport;
}

export function holdings(context: MachineContext, roomId: string): Promise<RoomHoldings> {
    return read(context, (entries) => entries.holdings(roomId));
}

export function shareableSet(context: MachineContext, roomId: string): Promise<ShareableSet> {
    return read(context, (entries) => entries.shareableSet(roomId));
}

/** The specification's flag name; a session of which nobody said anything has none. */
export async function exportRoomKeys(context: MachineContext, roomId: string, after: number): Promise<RoomKeyPage> {
    const { rows, next } = await read(context, (entries) => entries.following(roomId, after, EXPORT_PAGE));
    const sessions = rows.map((row) => ({
        ...stored.parse(JSON.parse(Buffer.from(row.json).toString("utf8"))),
        forwarding_curve25519_key_chain: [],
        ...(row.verdict === "unknown" ? {} : { shared_history: row.verdict === "shareable" }),
    }));
    return { sessions, next };
}

/**
 * Imports in chunks of one commit each. The flag of an entry becomes the machine's flag of a session that is new to us;
 * what we already know of a session from its sender stays, and a `false` here is nobody's no (other software writes it for flags that it cannot read).
 */
export async function importRoomKeys(
    context: MachineContext,
    input: readonly unknown[],
    { restored } = { restored: false },
): Promise<ImportReport> {
    const refused: { index: number; reason: string }[] = [];
    const valid: Numbered[] = [];
    for (const [index, candidate] of input.entries()) {
        const result = normaliseRoomKey(candidate);
        if ("entry" in result) valid.push({ index, entry: result.entry });
        else refused.push({ index, reason: result.refused });
    }
    let imported = 0;
    for (let start = 0; start < valid.length; start += IMPORT_CHUNK) {
        imported += await importChunk(context, valid.slice(start, start + IMPORT_CHUNK), refused, restored);
    }
    return { imported, total: input.length, refused: refused.toSorted((one, other) => one.index - other.index) };
}

async function importChunk(
    context: MachineContext,
    chunk: readonly Numbered[],
    refused: { index: number; reason: string }[],
    restored: boolean,
): Promise<number> {
    const outcome = await commit(context, async (sql) => {
        const entries = new ReadyEntries(sql, context.seal, context.ownKey);
        // What only a bundle says would be a session like any other in the machine, and stand in the way of the real one.
        const trusted = restored ? chunk.filter(({ entry }) => !entries.isUnvouched(sessionKey(entry))) : chunk;
        const json = JSON.stringify(trusted.map(({ entry }) => entry));
        const result = await attempt(() => context.machine.importExportedRoomKeys(json, () => undefined));
        if (!result.ok) return result;
        await drainFeed(context, sql);
        if (!restored) entries.trust(chunk.map(({ entry }) => sessionKey(entry)));
        return result;
    });
    if (outcome.ok) return outcome.value.importedCount;
    const [first, ...others] = chunk;
    if (first === undefined) return 0;
    if (others.length === 0) {
        refused.push({ index: first.index, reason: "the machine does not take it" });
        return 0;
    }
    let imported = 0;
    for (const one of chunk) imported += await importChunk(context, [one], refused, restored);
    return imported;
}

function sessionKey({ room_id: roomId, session_id: sessionId, sender_key: senderKey }: RoomKeyExport): SessionKey {
    return { roomId, sessionId, senderKey };
}

function read<T>(context: MachineContext, work: (entries: ReadyEntries) => T): Promise<T> {
    return context.store.atomically((sql) => work(new ReadyEntries(sql, context.seal, context.ownKey)));
}
