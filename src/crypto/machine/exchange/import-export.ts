import { z } from "zod";
import type { ImportReport, RoomKeyPage } from "../../port.ts";
import { entriesOf, readEntries } from "../entries/entries-of.ts";
import { readSessionKey } from "../entries/exported-session-key.ts";
import { readExportFlag } from "../entries/flags.ts";
import type { Arrival } from "../entries/ready-entries.ts";
import { normaliseRoomKey, type RoomKeyExport } from "../entries/room-key-export.ts";
import { commit, type MachineContext } from "../store/context.ts";

const EXPORT_PAGE = 500;
/** One transaction each: larger ones cost memory and stop everything else for too long. */
const IMPORT_CHUNK = 100;

const stored = z.looseObject({ session_key: z.string() });

/** The specification's flag name; a session of which nobody said anything has none. */
export async function exportRoomKeys(context: MachineContext, roomId: string, after: number): Promise<RoomKeyPage> {
    const { rows, next } = await readEntries(context, (entries) => entries.following(roomId, after, EXPORT_PAGE));
    const sessions = rows.map((row) => ({
        ...stored.parse(JSON.parse(Buffer.from(row.json).toString("utf8"))),
        forwarding_curve25519_key_chain: [],
        ...(row.verdict === "unknown" ? {} : { shared_history: row.verdict === "shareable" }),
    }));
    return { sessions, next };
}

interface Numbered {
    readonly index: number;
    readonly entry: RoomKeyExport;
}

/**
 * Imports in chunks of one commit each, into the ready entries alone. The flag of an entry counts for a session of
 * which its sender has told us nothing; a `false` is nobody's no (other software writes it for flags that it cannot
 * read).
 */
export async function importRoomKeys(context: MachineContext, input: readonly unknown[]): Promise<ImportReport> {
    const refused: { index: number; reason: string }[] = [];
    const valid: Numbered[] = [];
    for (const [index, candidate] of input.entries()) {
        const result = normaliseRoomKey(candidate);
        if ("entry" in result) valid.push({ index, entry: result.entry });
        else refused.push({ index, reason: result.refused });
    }
    let imported = 0;
    for (let start = 0; start < valid.length; start += IMPORT_CHUNK)
        imported += await importChunk(context, valid.slice(start, start + IMPORT_CHUNK), refused);
    return { imported, total: input.length, refused: refused.toSorted((one, other) => one.index - other.index) };
}

function importChunk(
    context: MachineContext,
    chunk: readonly Numbered[],
    refused: { index: number; reason: string }[],
): Promise<number> {
    return commit(context, (sql) => {
        const entries = entriesOf(context, sql);
        let imported = 0;
        // One after another where a file has a session twice.
        for (const round of rounds(chunk)) {
            const fitting = entries.fitting(round.map(({ entry }) => arrivalOf(entry)));
            imported += entries.store(fitting.flatMap((arrival) => arrival ?? []));
            for (const [place, arrival] of fitting.entries())
                if (arrival === undefined)
                    refused.push({
                        index: round[place]?.index ?? 0,
                        reason: "is not the session of its ID that the bot has",
                    });
        }
        return imported;
    });
}

/** The entries in as few rounds as it takes for each to have a session at most once. */
function rounds(chunk: readonly Numbered[]): readonly (readonly Numbered[])[] {
    const rest = Map.groupBy(chunk, ({ entry }) => JSON.stringify([entry.room_id, entry.session_id]));
    const most = Math.max(0, ...[...rest.values()].map(({ length }) => length));
    return Array.from({ length: most }, (_, round) => [...rest.values()].flatMap((copies) => copies[round] ?? []));
}

function arrivalOf(entry: RoomKeyExport): Arrival {
    const firstIndex = readSessionKey(entry.session_key)?.firstIndex ?? 0;
    return {
        source: "import",
        seen: { firstIndex, machineFlag: readExportFlag(entry) ?? false, entry },
        heard: undefined,
    };
}
