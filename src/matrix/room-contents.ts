import { z } from "zod";
import type { HistoryVisibility, Membership } from "./events.ts";
import { entriesOf, identifier, isIdentifier } from "./json.ts";

type Content = Readonly<Record<string, unknown>>;

const visibility = z.object({ history_visibility: z.enum(["invited", "joined", "shared", "world_readable"]) });
const member = z.object({
    membership: z.enum(["invite", "join", "knock", "leave", "ban"]),
    is_direct: z.literal(true).optional().catch(undefined),
    // An event has 64 kB, and nobody is recognised by the end of such a name.
    displayname: z
        .string()
        .transform((name) => name.slice(0, 1_000))
        .optional()
        .catch(undefined),
});
const tombstone = z.object({ replacement_room: identifier.refine((roomId) => roomId.startsWith("!")) });
const create = z.object({
    room_version: identifier.catch("1"),
    creator: identifier.optional().catch(undefined),
    additional_creators: z
        .array(z.unknown())
        .transform((users) => users.filter(isIdentifier))
        .catch([]),
    predecessor: z.object({ room_id: identifier }).optional().catch(undefined),
});

/**
 * Undefined: the value is not one that we know. A redaction keeps the key. Source: Matrix v1.19,
 * `m.room.history_visibility`.
 */
export function parseHistoryVisibility(content: Content): HistoryVisibility | undefined {
    return visibility.safeParse(content).data?.history_visibility;
}

/** Undefined: no membership that we know. Source: Matrix v1.19, `m.room.member`. */
export function parseMember(content: Content): MemberContent | undefined {
    const { data } = member.safeParse(content);
    if (data === undefined) return undefined;
    const { membership, is_direct: isDirect = false, displayname } = data;
    return { membership, isDirect, ...(displayname === undefined ? {} : { displayName: displayname }) };
}

interface MemberContent {
    readonly membership: Membership;
    readonly isDirect: boolean;
    readonly displayName?: string;
}

/** The room that replaces this one; undefined if none is named. Source: Matrix v1.19, `m.room.tombstone`. */
export function parseTombstone(content: Content): string | undefined {
    return tombstone.safeParse(content).data?.replacement_room;
}

export interface RoomCreation {
    readonly roomVersion: string;
    /** Who made the room; from room version 12 on with the creators that they added. */
    readonly creators: readonly string[];
    /** True from room version 12 on: creators stand above every power level. */
    readonly privilegedCreators: boolean;
    readonly predecessor: string | undefined;
}

/** Room versions before their final number in which creators already stood above every power level. */
const earlyPrivileged: readonly string[] = ["org.matrix.hydra.11"];

/**
 * What `m.room.create` says about the room and its creators: the `creator` key up to room version 10, the sender from
 * version 11 on, the sender and `additional_creators` from version 12 on. Source: Matrix v1.19, `m.room.create`; room
 * versions 1, 11 and 12.
 */
export function parseCreate(content: Content, sender: string): RoomCreation {
    const { room_version: roomVersion, creator, additional_creators: others, predecessor } = create.parse(content);
    const number = /^\d+$/.test(roomVersion) ? Number(roomVersion) : undefined;
    const privilegedCreators = (number ?? 0) >= 12 || earlyPrivileged.includes(roomVersion);
    const maker = number !== undefined && number <= 10 ? (creator ?? sender) : sender;
    return {
        roomVersion,
        creators: privilegedCreators ? [...new Set([maker, ...others])] : [maker],
        privilegedCreators,
        predecessor: predecessor?.room_id,
    };
}

/** The power levels that decide about membership. Source: Matrix v1.19, `m.room.power_levels`. */
export interface PowerLevels {
    readonly users: ReadonlyMap<string, number>;
    readonly usersDefault: number;
    readonly invite: number;
    readonly kick: number;
}

const level = z.union([
    z.number().transform((value) => Math.trunc(value)),
    z
        .string()
        .regex(/^\s*[+-]?\d{1,16}\s*$/)
        .transform(Number),
]);
const levels = z.object({ users_default: level.optional(), invite: level.optional(), kick: level.optional() });

/**
 * The levels of an `m.room.power_levels` event, with the defaults for what it leaves out; undefined if it cannot be
 * read. Levels as strings are taken, as rooms before version 10 have them; one user's unreadable level counts as not
 * given.
 */
export function parsePowerLevels(content: Content): PowerLevels | undefined {
    const { data } = levels.safeParse(content);
    if (data === undefined) return undefined;
    const users = new Map<string, number>();
    for (const [userId, value] of entriesOf(content["users"])) {
        const parsed = level.safeParse(value);
        if (parsed.success) users.set(userId, parsed.data);
    }
    return { users, usersDefault: data.users_default ?? 0, invite: data.invite ?? 0, kick: data.kick ?? 50 };
}
