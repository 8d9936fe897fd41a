import type { DatabaseSync } from "node:sqlite";
import type { BundleRequest, LeftOut } from "../port.ts";
import { type PackedTimes, unpackTimes } from "../session-times.ts";
import { type Run, runsOf, shareableRuns } from "./bundle-runs.ts";
import { type Candidate, select, type SelectionLimits } from "./bundle-selection.ts";
import type { Place } from "./entry-pages.ts";

/** A session as a room key bundle lists it. Source: MSC4268, "Key bundle format". */
export interface BundleEntry {
    readonly algorithm: string;
    readonly room_id: string;
    readonly sender_claimed_keys: Readonly<Record<string, string>>;
    readonly sender_key: string;
    readonly session_id: string;
    readonly session_key: string;
}

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
    /** Nobody but the giver of a bundle says that the session is that sender's. */
    readonly unvouched: boolean;
}

/** Records of closed sessions take this part of a file at most: they are a courtesy, the keys are the purpose. */
const withheldPart = 0.1;
/** For the names around the two lists, generously. */
const frameBytes = 64;

/** The bundle's own field order and nothing else: no forwarding chain, no flag. */
export function bundleEntry(entry: BundleEntry): BundleEntry {
    const { algorithm, room_id, sender_claimed_keys, sender_key, session_id, session_key } = entry;
    return { algorithm, room_id, sender_claimed_keys, sender_key, session_id, session_key };
}

/**
 * Chooses what the bundle holds: shareable sessions, a sender's no as `withheld`, and nothing of people who were never in the room.
 * A session ID stands once: should two senders claim one, a no wins, and a copy of the sender's own one that was given. What a limit leaves out is in neither list.
 * Source: MSC4268, "Key bundle format".
 */
export function planBundle(sql: DatabaseSync, request: BundleRequest): BundlePlan {
    const { roomId, strangers } = request;
    const outside = new Set(strangers);
    const closed = onePerSession(fromMembers(readRows(sql, roomId, "withheld"), outside));
    const maxBytes = (request.limits.maxBytes ?? Number.POSITIVE_INFINITY) - frameBytes;
    const withheld = fitting(
        [...closed, ...givenWithheld(sql, roomId, outside)]
            .slice(0, request.limits.maxSessions)
            .map((session) => JSON.stringify(withheldRecord(roomId, session))),
        maxBytes * withheldPart,
    );
    const limits = { ...request.limits, maxBytes: maxBytes - withheld.join(",").length };

    const disputed = disputedSessions(sql, roomId);
    const isPlain = limits.notBefore === undefined && disputed.size === 0 && !hasSessionsFrom(sql, roomId, strangers);
    const all = isPlain ? everythingWithin(limits, shareableRuns(sql, roomId)) : undefined;
    return {
        ...(all ?? oneByOne(readRows(sql, roomId, "shareable", usedTimes(request.times)), { limits, outside, closed, disputed })),
        withheld: withheld.join(","),
        withheldCount: withheld.length,
    };
}

type Open = Pick<BundlePlan, "runs" | "leftOut">;

/** Undefined if something has to stay out. */
function everythingWithin({ maxSessions, maxBytes }: SelectionLimits, runs: readonly Run[]): Open | undefined {
    const sessions = runs.reduce((sum, run) => sum + run.sessions, 0);
    const bytes = runs.reduce((sum, run) => sum + run.length + 1, 0);
    return sessions > maxSessions || bytes > maxBytes ? undefined : { runs, leftOut: { tooOld: 0, overLimit: 0, fromStrangers: 0 } };
}

function oneByOne(
    open: readonly Row[],
    facts: {
        readonly limits: SelectionLimits;
        readonly outside: ReadonlySet<string>;
        readonly closed: readonly Row[];
        readonly disputed: ReadonlySet<string>;
    },
): Open {
    const ours = fromMembers(open, facts.outside);
    const { chosen, leftOut } = select(undisputed(ours, facts.closed, facts.disputed), facts.limits);
    return { runs: runsOf(chosen), leftOut: { ...leftOut, fromStrangers: open.length - ours.length } };
}

function fromMembers(rows: readonly Row[], outside: ReadonlySet<string>): readonly Row[] {
    return rows.filter(({ receivedFrom }) => receivedFrom === undefined || !outside.has(receivedFrom));
}

function hasSessionsFrom(sql: DatabaseSync, roomId: string, users: readonly string[]): boolean {
    if (users.length === 0) return false;
    const found = sql.prepare(
        `SELECT 1 FROM ready_entries WHERE room_id = ? AND verdict = 'shareable'
         AND coalesce(received_from, given_by) IN (SELECT value FROM json_each(?)) LIMIT 1`,
    );
    return found.get(roomId, JSON.stringify(users)) !== undefined;
}

function readRows(sql: DatabaseSync, roomId: string, verdict: "shareable" | "withheld", timeOf: TimeOf = () => undefined): readonly Row[] {
    const statement = sql.prepare(
        `SELECT session_id, sender_key, page, start, length, claim, received_from, received_at, given_by FROM ready_entries
         WHERE room_id = ? AND verdict = ? ORDER BY page, start`,
    );
    const rows: Row[] = [];
    for (const row of statement.iterate(roomId, verdict)) {
        const sessionId = String(row["session_id"]);
        const sender = row["received_from"] === null ? undefined : String(row["received_from"]);
        const giver = row["given_by"] === null ? undefined : String(row["given_by"]);
        rows.push({
            sessionId,
            senderKey: String(row["sender_key"]),
            page: Number(row["page"]),
            start: Number(row["start"]),
            length: Number(row["length"]),
            bytes: Number(row["length"]),
            unvouched: giver !== undefined && row["claim"] === "none",
            // Who gives sessions in a bundle is bounded like who sends them.
            receivedFrom: sender ?? giver,
            receivedAt: row["received_at"] === null ? undefined : Number(row["received_at"]),
            firstAt: timeOf(sessionId, sender),
        });
    }
    return rows;
}

type TimeOf = (sessionId: string, receivedFrom: string | undefined) => number | undefined;

/** An event counts for a session if it is of the user who sent us that session; where we do not know them, anybody's does. */
function usedTimes(times: PackedTimes): TimeOf {
    const bySender = new Map<string, number>();
    const byAnybody = new Map<string, number>();
    for (const { sessionId, sender, firstAt } of unpackTimes(times)) {
        bySender.set(`${sessionId} ${sender}`, firstAt);
        byAnybody.set(sessionId, Math.min(firstAt, byAnybody.get(sessionId) ?? firstAt));
    }
    return (sessionId, receivedFrom) =>
        receivedFrom === undefined ? byAnybody.get(sessionId) : bySender.get(`${sessionId} ${receivedFrom}`);
}

/** Sessions that more than one sender claims to have made: hardly ever any. */
function disputedSessions(sql: DatabaseSync, roomId: string): ReadonlySet<string> {
    const rows = sql.prepare("SELECT session_id FROM ready_entries WHERE room_id = ? GROUP BY session_id HAVING count(*) > 1").all(roomId);
    return new Set(rows.map((row) => String(row["session_id"])));
}

/** One copy of each session, and none of those that a sender closed. */
function undisputed(open: readonly Row[], closed: readonly Row[], disputed: ReadonlySet<string>): readonly Row[] {
    if (disputed.size === 0) return open;
    const closedIds = new Set(closed.map(({ sessionId }) => sessionId));
    const vouched = new Set(open.filter(({ unvouched }) => !unvouched).map(({ sessionId }) => sessionId));
    return onePerSession(
        open.filter(({ sessionId, unvouched }) => {
            if (!disputed.has(sessionId)) return true;
            return !closedIds.has(sessionId) && !(unvouched && vouched.has(sessionId));
        }),
    );
}

/** What bundles that we were given said to be closed, as far as we have nothing of the session. */
function givenWithheld(sql: DatabaseSync, roomId: string, strangers: ReadonlySet<string>): readonly Pick<Row, "sessionId" | "senderKey">[] {
    const rows = sql
        .prepare(
            `SELECT session_id, sender_key, given_by FROM given_withheld AS given WHERE room_id = ?
             AND NOT EXISTS (SELECT 1 FROM ready_entries WHERE room_id = given.room_id AND session_id = given.session_id)`,
        )
        .all(roomId);
    return rows
        .filter((row) => !strangers.has(String(row["given_by"])))
        .map((row) => ({ sessionId: String(row["session_id"]), senderKey: String(row["sender_key"]) }));
}

function onePerSession(rows: readonly Row[]): readonly Row[] {
    const seen = new Set<string>();
    return rows.filter(({ sessionId }) => !seen.has(sessionId) && seen.add(sessionId));
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
