import type { DatabaseSync } from "node:sqlite";
import { numberOf, numberOrNothing, textOf } from "../../../database/index.ts";
import type { BundleRequest, LeftOut } from "../../port.ts";
import { type PackedTimes, unpackTimes } from "../../session-times.ts";
import type { Place } from "../entries/entry-pages.ts";
import { closedByWordAlone } from "../entries/entry-rows.ts";
import { type Run, runsOf, shareableRuns } from "./runs.ts";
import { type Candidate, select, type SelectionLimits } from "./selection.ts";

/** What a bundle is made of. */
export interface BundlePlan {
    /** Of entries, in the order in which they are read. */
    readonly runs: readonly Run[];
    /** UTF-8 JSON, with commas between. */
    readonly withheld: string;
    readonly withheldCount: number;
    readonly leftOut: LeftOut;
}

interface Row extends Candidate, Place {
    readonly senderKey: string;
}

/** Records of closed sessions take this part of a file at most: they are a courtesy, the keys are the purpose. */
const withheldPart = 0.1;
/** For the names around the two lists, generously. */
const frameBytes = 64;

/**
 * Chooses what the bundle holds: of each session what the law made of it (`session-law.ts`), shareable sessions as
 * keys, a sender's no as `withheld`. What a limit leaves out is in neither list. Source: MSC4268, "Key bundle format".
 */
export function planBundle(sql: DatabaseSync, request: BundleRequest): BundlePlan {
    const { roomId } = request;
    const maxBytes = (request.limits.maxBytes ?? Number.POSITIVE_INFINITY) - frameBytes;
    const withheld = fitting(
        closedSessions(sql, roomId, request.limits.maxSessions).map((session) =>
            JSON.stringify(withheldRecord(roomId, session)),
        ),
        maxBytes * withheldPart,
    );
    const limits = { ...request.limits, maxBytes: maxBytes - withheld.join(",").length };
    const all = limits.notBefore === undefined ? everythingWithin(limits, shareableRuns(sql, roomId)) : undefined;
    const { runs, leftOut } = all ?? chosenOf(shareableRows(sql, roomId, request.times), limits);
    return {
        runs,
        leftOut: { ...leftOut, fromStrangers: countFromOutsiders(sql, roomId) },
        withheld: withheld.join(","),
        withheldCount: withheld.length,
    };
}

interface Open {
    readonly runs: readonly Run[];
    readonly leftOut: Pick<LeftOut, "tooOld" | "overLimit">;
}

/** Undefined if something has to stay out. */
function everythingWithin({ maxSessions, maxBytes }: SelectionLimits, runs: readonly Run[]): Open | undefined {
    const sessions = runs.reduce((sum, run) => sum + run.sessions, 0);
    const bytes = runs.reduce((sum, run) => sum + run.length + 1, 0);
    return sessions > maxSessions || bytes > maxBytes ? undefined : { runs, leftOut: { tooOld: 0, overLimit: 0 } };
}

function chosenOf(open: readonly Row[], limits: SelectionLimits): Open {
    const { chosen, leftOut } = select(open, limits);
    return { runs: runsOf(chosen), leftOut };
}

/** By the events of the sessions' owners, of which `times` tells, it is seen when each was used first. */
function shareableRows(sql: DatabaseSync, roomId: string, times: PackedTimes): readonly Row[] {
    const firstAt = new Map([...unpackTimes(times)].map((time) => [time.sessionId, time.firstAt]));
    const statement = sql.prepare(
        `SELECT session_id, sender_key, page, start, length, by_user, received_at FROM ready_entries
         WHERE room_id = ? AND verdict = 'shareable' ORDER BY page, start`,
    );
    const rows: Row[] = [];
    for (const row of statement.iterate(roomId)) {
        const sessionId = textOf(row, "session_id");
        rows.push({
            sessionId,
            senderKey: textOf(row, "sender_key"),
            page: numberOf(row, "page"),
            start: numberOf(row, "start"),
            length: numberOf(row, "length"),
            bytes: numberOf(row, "length"),
            // Who gives sessions in a bundle is bounded like who sends them.
            by: textOf(row, "by_user") || undefined,
            receivedAt: numberOrNothing(row, "received_at"),
            firstAt: firstAt.get(sessionId),
        });
    }
    return rows;
}

/** Sessions that are withheld from newcomers: by the word of a copy that we have, or by somebody's word alone. */
function closedSessions(
    sql: DatabaseSync,
    roomId: string,
    most: number,
): readonly Pick<Row, "sessionId" | "senderKey">[] {
    return sql
        .prepare(
            `SELECT session_id, sender_key FROM (
                SELECT session_id, sender_key, 0 AS by_word FROM ready_entries WHERE room_id = ?1 AND verdict = 'withheld'
                UNION ALL SELECT session_id, min(sender_key), 1 FROM session_closings AS closed WHERE room_id = ?1 AND ${closedByWordAlone}
                GROUP BY session_id
             ) ORDER BY by_word, session_id LIMIT ?2`,
        )
        .all(roomId, most)
        .map((row) => ({ sessionId: textOf(row, "session_id"), senderKey: textOf(row, "sender_key") }));
}

/** Sessions that people would have shared who were never in the room, and of which we have nothing else. */
function countFromOutsiders(sql: DatabaseSync, roomId: string): number {
    if (sql.prepare("SELECT 1 FROM room_outsiders WHERE room_id = ? LIMIT 1").get(roomId) === undefined) return 0;
    const row = sql
        .prepare(
            `SELECT count(DISTINCT session_id) AS n FROM ready_entries AS copy
             WHERE room_id = ?1 AND by_user IN (SELECT user_id FROM room_outsiders WHERE room_id = ?1)
             AND (claim = 'true' OR (machine_flag = 1 AND claim <> 'false'))
             AND NOT EXISTS (SELECT 1 FROM ready_entries WHERE room_id = ?1 AND session_id = copy.session_id AND verdict <> 'aside')`,
        )
        .get(roomId);
    return numberOf(row, "n");
}

function fitting(records: readonly string[], maxBytes: number): readonly string[] {
    let bytes = 0;
    const end = records.findIndex((record) => (bytes += record.length + 1) > maxBytes);
    return end === -1 ? records : records.slice(0, end);
}

/** Source: Matrix v1.19, `m.room_key.withheld`. */
function withheldRecord(roomId: string, { senderKey, sessionId }: Pick<Row, "sessionId" | "senderKey">): object {
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        code: "m.history_not_shared",
        reason: "The sender disabled sharing encrypted history.",
        room_id: roomId,
        sender_key: senderKey,
        session_id: sessionId,
    };
}
