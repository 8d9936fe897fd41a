import type { DatabaseSync } from "node:sqlite";
import { numberOrNothing, textOf } from "../../../database/index.ts";
import type { SharingSigns } from "../../port.ts";
import type { SpokenClaim } from "../entries/flags.ts";
import type { Arrival } from "../entries/ready-entries.ts";
import type { MachineContext } from "../store/context.ts";
import type { BundleOffer } from "./bundle-offers.ts";

/** What a key, or an announcement, says of whether its sender's client shares history; columns of `sharing_signs`. */
type Sign = "machine_flag_at" | "spec_flag_at" | "silent_at" | "bundle_at";

const signs: readonly Sign[] = ["machine_flag_at", "spec_flag_at", "silent_at", "bundle_at"];

/** Newest signs whose rows are kept: the bot's database has a copy of them all by then. */
const mostSigns = 100_000;
/** Of one room, the newest: strangers may send keys for any room. */
const mostOfARoom = 1_000;
/** More than one batch can bring. */
const mostRooms = 1_000;

interface Seen {
    readonly roomId: string;
    readonly userId: string;
    readonly sign: Sign;
    readonly at: number;
}

/**
 * What a session's flag says of the client that sent it; undefined: nothing. A `false` under a machine name cannot be
 * told from silence, as the machine files both alike. An explicit plain `false` is the word of a client that knows the
 * flag.
 */
function signOf(claim: SpokenClaim, machineFlag: boolean): Sign | undefined {
    if (machineFlag) return "machine_flag_at";
    switch (claim) {
        case "true":
            return "spec_flag_at";
        case "absent":
            return "silent_at";
        case "false":
            return undefined;
    }
}

/** Notes what sessions say that came in an `m.room_key`, in the caller's transaction. */
export function noteKeys(sql: DatabaseSync, arrivals: readonly Arrival[]): void {
    const seen = arrivals.flatMap(({ seen: { entry, machineFlag }, heard }): readonly Seen[] => {
        if (heard === undefined) return [];
        const sign = signOf(heard.claim, machineFlag);
        return sign === undefined ? [] : [{ roomId: entry.room_id, userId: heard.sender, sign, at: heard.at }];
    });
    note(sql, seen);
}

/** Notes who announced room key bundles, in the caller's transaction. Whether anybody takes those does not matter. */
export function noteBundles(sql: DatabaseSync, offers: readonly BundleOffer[], now: number): void {
    note(
        sql,
        offers.map(({ roomId, sender }) => ({ roomId, userId: sender, sign: "bundle_at", at: now })),
    );
}

/** The newest first. */
export async function sharingSigns({ store }: MachineContext, roomId: string): Promise<readonly SharingSigns[]> {
    const select = "SELECT * FROM sharing_signs WHERE room_id = ? ORDER BY id DESC LIMIT ?";
    const rows = await store.atomically((sql) => sql.prepare(select).all(roomId, mostOfARoom));
    return rows.map((row) => ({
        userId: textOf(row, "user_id"),
        machineFlagAt: numberOrNothing(row, "machine_flag_at"),
        specFlagAt: numberOrNothing(row, "spec_flag_at"),
        silentAt: numberOrNothing(row, "silent_at"),
        bundleAt: numberOrNothing(row, "bundle_at"),
    }));
}

/** Whether or not the bot is in them. */
export async function roomsWithSigns({ store }: MachineContext): Promise<readonly string[]> {
    const select = "SELECT room_id FROM sharing_signs GROUP BY room_id ORDER BY max(id) DESC LIMIT ?";
    const rows = await store.atomically((sql) => sql.prepare(select).all(mostRooms));
    return rows.map((row) => textOf(row, "room_id"));
}

/** A row is written once for all that a batch brought of a user in a room, and gets the highest number. */
function note(sql: DatabaseSync, seen: readonly Seen[]): void {
    if (seen.length === 0) return;
    const put = sql.prepare(
        `INSERT OR REPLACE INTO sharing_signs (room_id, user_id, machine_flag_at, spec_flag_at, silent_at, bundle_at)
         SELECT ?1, ?2, coalesce(?3, max(machine_flag_at)), coalesce(?4, max(spec_flag_at)), coalesce(?5, max(silent_at)),
            coalesce(?6, max(bundle_at)) FROM sharing_signs WHERE room_id = ?1 AND user_id = ?2`,
    );
    for (const ofUser of Map.groupBy(seen, ({ roomId, userId }) => JSON.stringify([roomId, userId])).values()) {
        const [{ roomId, userId } = { roomId: "", userId: "" }] = ofUser;
        put.run(roomId, userId, ...signs.map((sign) => ofUser.find((one) => one.sign === sign)?.at ?? null));
    }
    sql.prepare("DELETE FROM sharing_signs WHERE id <= (SELECT max(id) FROM sharing_signs) - ?").run(mostSigns);
}
