import type { DatabaseSync } from "node:sqlite";
import { numberOf, numberOrNothing, type Row, textOf } from "../../database/index.ts";
import type { SharingSigns } from "../../crypto/index.ts";
import type { Evidence } from "./weigh.ts";

/**
 * Milliseconds for which a room has to be open before a key without a flag says something: a session may be older than
 * what it is used for.
 */
const openForLong = 60_000;
const mostUsers = 50_000;
/** Rooms of which it is still to be seen whether the inviter could have given keys; the oldest go first. */
const mostInviters = 10_000;

/** Who invited the bot and announced no room key bundle. */
export interface InviterWithoutBundle {
    readonly roomId: string;
    readonly userId: string;
    /** A time before which they had not invited it; milliseconds since the epoch. */
    readonly invitedAfter: number;
}

/**
 * What the bot has seen of each user's client, in any room; kept when rooms are left or forgotten. Every writing call
 * stands in a transaction of the caller's. Trust limit: anybody can send the bot keys and announcements under their own
 * name, and their homeserver in their name. That bears on whether the bot invites in their place, and on what the
 * specification's spelling is taken for; never on what it shares.
 */
export class SharingEvidence {
    readonly #sql: DatabaseSync;
    readonly #mostUsers: number;

    /**
     * @param sql of a database opened with `evidenceSchema`
     * @param most users whose evidence is kept; the ones of whom nothing was heard for longest go first
     */
    constructor(sql: DatabaseSync, most = mostUsers) {
        this.#sql = sql;
        this.#mostUsers = most;
    }

    /**
     * Copies what the crypto store knows of a room's senders; doing it again changes nothing.
     * @param openSince since when the room's history has been open; undefined: it is not, or nobody knows
     */
    note(signs: readonly SharingSigns[], openSince: number | undefined, now: number): void {
        const seen = (at: number | undefined): number | undefined => (at === undefined ? undefined : Math.min(at, now));
        for (const { userId, bundleAt, machineFlagAt, specFlagAt, silentAt } of signs) {
            const saysNothingThoughOpen =
                openSince !== undefined &&
                silentAt !== undefined &&
                silentAt >= openSince + openForLong &&
                silentAt <= now;
            this.#add(userId, now, {
                bundleAt: seen(bundleAt),
                machineFlagAt: seen(machineFlagAt),
                specFlagAt: seen(specFlagAt),
                silentWhileOpenAt: saysNothingThoughOpen ? silentAt : undefined,
            });
        }
        this.#forgetOldest();
    }

    /** Undefined: nothing is known. */
    of(userId: string): Evidence | undefined {
        const row = this.#sql.prepare("SELECT * FROM sharing_evidence WHERE user_id = ?").get(userId);
        return row === undefined ? undefined : evidenceFrom(row);
    }

    /** Whether anybody whose keys are flagged in the specification's spelling alone has ever announced a bundle. */
    specSpellingShares(): boolean {
        return this.#sql.prepare("SELECT 1 FROM spec_spelling_shares").get() !== undefined;
    }

    /** Somebody with a signed device invited the bot, and announced no bundle in the time that they had for it. */
    noteInviterWithoutBundle({ roomId, userId, invitedAfter }: InviterWithoutBundle): void {
        this.#sql
            .prepare(
                "INSERT OR REPLACE INTO inviters_without_bundle (room_id, user_id, invited_after) VALUES (?, ?, ?)",
            )
            .run(roomId, userId, invitedAfter);
        this.#sql
            .prepare(
                "DELETE FROM inviters_without_bundle WHERE id <= (SELECT max(id) FROM inviters_without_bundle) - ?",
            )
            .run(mostInviters);
    }

    /** Of whom it is still to be seen whether they could have given keys of the room. */
    inviterWithoutBundle(roomId: string): InviterWithoutBundle | undefined {
        const row = this.#sql
            .prepare("SELECT user_id, invited_after FROM inviters_without_bundle WHERE room_id = ?")
            .get(roomId);
        return row && { roomId, userId: textOf(row, "user_id"), invitedAfter: numberOf(row, "invited_after") };
    }

    /**
     * They could have: the room has a session of theirs that they take for shareable, and that is older than their
     * invite. Nothing if the row is another one by now.
     */
    keptToThemselves({ roomId, userId, invitedAfter }: InviterWithoutBundle, now: number): void {
        const { changes } = this.#sql
            .prepare("DELETE FROM inviters_without_bundle WHERE room_id = ? AND user_id = ? AND invited_after = ?")
            .run(roomId, userId, invitedAfter);
        if (changes > 0) this.#add(userId, now, { keptToThemselvesAt: invitedAfter });
    }

    /** Of each sign the latest counts; what a clock that was set back since has left counts as of now. */
    #add(userId: string, now: number, more: Partial<Evidence>): void {
        const known = this.of(userId);
        const added = latest(known ?? nothing, more, now);
        if (known !== undefined && names.every((name) => known[name] === added[name])) return;
        if (names.every((name) => added[name] === undefined)) return;
        this.#sql
            .prepare(
                `INSERT OR REPLACE INTO sharing_evidence
                    (user_id, bundle_at, machine_flag_at, spec_flag_at, silent_while_open_at, kept_to_themselves_at) VALUES (?, ?, ?, ?, ?, ?)`,
            )
            .run(userId, ...names.map((name) => added[name] ?? null));
        if (added.bundleAt === undefined || added.specFlagAt === undefined || added.machineFlagAt !== undefined) return;
        this.#sql.prepare("INSERT OR IGNORE INTO spec_spelling_shares (id, since) VALUES (1, ?)").run(now);
    }

    #forgetOldest(): void {
        this.#sql
            .prepare(
                "DELETE FROM sharing_evidence WHERE id IN (SELECT id FROM sharing_evidence ORDER BY id DESC LIMIT -1 OFFSET ?)",
            )
            .run(this.#mostUsers);
    }
}

/** In the order of the columns. */
const names = [
    "bundleAt",
    "machineFlagAt",
    "specFlagAt",
    "silentWhileOpenAt",
    "keptToThemselvesAt",
] as const satisfies (keyof Evidence)[];

const nothing: Evidence = {
    bundleAt: undefined,
    machineFlagAt: undefined,
    specFlagAt: undefined,
    silentWhileOpenAt: undefined,
    keptToThemselvesAt: undefined,
};

function latest(known: Evidence, more: Partial<Evidence>, now: number): Evidence {
    const of = (name: keyof Evidence): number | undefined => {
        const [old, added] = [known[name], more[name]];
        if (old === undefined || added === undefined) return added ?? old;
        return Math.max(Math.min(old, now), added);
    };
    return {
        bundleAt: of("bundleAt"),
        machineFlagAt: of("machineFlagAt"),
        specFlagAt: of("specFlagAt"),
        silentWhileOpenAt: of("silentWhileOpenAt"),
        keptToThemselvesAt: of("keptToThemselvesAt"),
    };
}

function evidenceFrom(row: Row): Evidence {
    return {
        bundleAt: numberOrNothing(row, "bundle_at"),
        machineFlagAt: numberOrNothing(row, "machine_flag_at"),
        specFlagAt: numberOrNothing(row, "spec_flag_at"),
        silentWhileOpenAt: numberOrNothing(row, "silent_while_open_at"),
        keptToThemselvesAt: numberOrNothing(row, "kept_to_themselves_at"),
    };
}
