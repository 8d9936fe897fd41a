import { resolve } from "node:path";
import { defaultDataDir } from "./cross-checks.ts";
import type { GivenSettings } from "./schema.ts";
import type { Secret } from "./secret.ts";

/** How a room's history is shared. */
export interface SharingSettings {
    readonly mode: "automatic" | "approval" | "command" | "off";
    readonly reinvite: "when_better" | "when_complete" | "always" | "never";
    /** With `when_better`: the percentage of a room's messages that is enough, by what is known of the inviter. */
    readonly reinvite_thresholds: { readonly proven: number; readonly likely: number };
    readonly reinvite_pace: "polite" | "unlimited";
    /** Server names. */
    readonly trusted_servers: readonly string[];
    /** User IDs of bots that share history, too, and whose mark on an invite is believed. */
    readonly other_bots: readonly string[];
    readonly max_invitees_per_hour: number;
    readonly max_sessions: number;
    /** Milliseconds; null: no limit. */
    readonly max_age: number | null;
}

/** Every setting, as named in YAML, with its default filled in. Durations are milliseconds. */
export interface Settings {
    readonly homeserver: {
        /** Without a slash at the end. */
        readonly url: string;
        readonly user_id: string;
        /** Exactly one of password and access token is set. */
        readonly password: Secret | undefined;
        readonly access_token: Secret | undefined;
    };
    /** An absolute path. */
    readonly data_dir: string;
    /** 32 bytes in base64; undefined: in a file of the data folder. */
    readonly store_key: Secret | undefined;
    readonly recovery_key: Secret | undefined;
    readonly admins: readonly string[];
    readonly invites: { readonly from: readonly string[]; readonly others: "reject" | "leave_pending" };
    readonly sharing: SharingSettings;
    /** By room ID: what differs from `sharing` there. Ask `sharingPolicy`. */
    readonly rooms: Readonly<Record<string, RoomSharing>>;
    readonly chat: { readonly greeting: boolean; readonly notify: boolean; readonly prefix: string };
    /** What happens to the keys of a room that the bot left: a number forgets them after so many milliseconds. */
    readonly rooms_left: { readonly keys: "keep" | number };
    readonly http: { readonly bind: string; readonly port: number | undefined };
    /** `format` undefined: pretty on a terminal, JSON elsewhere. */
    readonly log: {
        readonly level: "debug" | "info" | "warn" | "error";
        readonly format: "json" | "pretty" | undefined;
    };
}

type Partly<Group> = { readonly [Key in keyof Group]?: Group[Key] | undefined };
type RoomSharing = Partly<Omit<SharingSettings, "reinvite_thresholds">> & {
    readonly reinvite_thresholds?: Partly<SharingSettings["reinvite_thresholds"]> | undefined;
};

/** Fills in the defaults. @throws TypeError if a required setting is missing, which the checks before have ruled out */
export function completeSettings(given: GivenSettings, workingDirectory: string): Settings {
    const url = required(given.homeserver?.url, "homeserver.url");
    const userId = required(given.homeserver?.user_id, "homeserver.user_id");
    const admins = given.admins ?? [];
    return {
        homeserver: {
            url,
            user_id: userId,
            password: given.homeserver?.password,
            access_token: given.homeserver?.access_token,
        },
        data_dir: resolve(workingDirectory, given.data_dir ?? defaultDataDir),
        store_key: given.store_key,
        recovery_key: given.recovery_key,
        admins,
        invites: { from: given.invites?.from ?? admins, others: given.invites?.others ?? "reject" },
        sharing: {
            mode: given.sharing?.mode ?? "automatic",
            reinvite: given.sharing?.reinvite ?? "when_better",
            reinvite_thresholds: {
                proven: given.sharing?.reinvite_thresholds?.proven ?? 95,
                likely: given.sharing?.reinvite_thresholds?.likely ?? 70,
            },
            reinvite_pace: given.sharing?.reinvite_pace ?? "polite",
            trusted_servers: given.sharing?.trusted_servers ?? [serverOf(userId)],
            other_bots: given.sharing?.other_bots ?? [],
            max_invitees_per_hour: given.sharing?.max_invitees_per_hour ?? 50,
            max_sessions: given.sharing?.max_sessions ?? 50_000,
            max_age: given.sharing?.max_age ?? null,
        },
        rooms: Object.fromEntries(
            Object.entries(given.rooms ?? {}).map(([roomId, sharing]) => [roomId, sharing ?? {}]),
        ),
        chat: {
            greeting: given.chat?.greeting ?? true,
            notify: given.chat?.notify ?? true,
            prefix: given.chat?.prefix ?? "!backscroll",
        },
        rooms_left: { keys: given.rooms_left?.keys ?? "keep" },
        http: { bind: given.http?.bind ?? "127.0.0.1", port: given.http?.port },
        log: { level: given.log?.level ?? "info", format: given.log?.format },
    };
}

/** How history is shared in one room: `sharing`, and over it what `rooms` has for this room. */
export function sharingPolicy(
    { sharing, rooms }: Pick<Settings, "sharing" | "rooms">,
    roomId: string,
): SharingSettings {
    const room: RoomSharing = (Object.hasOwn(rooms, roomId) ? rooms[roomId] : undefined) ?? {};
    return {
        mode: room.mode ?? sharing.mode,
        reinvite: room.reinvite ?? sharing.reinvite,
        reinvite_thresholds: {
            proven: room.reinvite_thresholds?.proven ?? sharing.reinvite_thresholds.proven,
            likely: room.reinvite_thresholds?.likely ?? sharing.reinvite_thresholds.likely,
        },
        reinvite_pace: room.reinvite_pace ?? sharing.reinvite_pace,
        trusted_servers: room.trusted_servers ?? sharing.trusted_servers,
        other_bots: room.other_bots ?? sharing.other_bots,
        max_invitees_per_hour: room.max_invitees_per_hour ?? sharing.max_invitees_per_hour,
        max_sessions: room.max_sessions ?? sharing.max_sessions,
        max_age: room.max_age === undefined ? sharing.max_age : room.max_age,
    };
}

const serverOf = (userId: string) => userId.slice(userId.indexOf(":") + 1);

function required<Value>(value: Value | undefined, name: string): Value {
    if (value === undefined) throw new TypeError(`${name} is missing after the checks`);
    return value;
}
