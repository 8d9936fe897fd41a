import type { SQLOutputValue } from "node:sqlite";
import type { Membership } from "../matrix/index.ts";
import type { MemberPast } from "./member-past.ts";
import type { Member } from "./room.ts";

export type Row = Readonly<Record<string, SQLOutputValue>>;

const memberships = ["invite", "join", "knock", "leave", "ban"] as const satisfies readonly Membership[];

export function membershipFrom(row: Row): Membership {
    const found = memberships.find((membership) => membership === row["membership"]);
    if (found === undefined) throw new Error(`a room table holds the membership ${String(row["membership"])}`);
    return found;
}

export function memberFrom(row: Row): Member {
    return {
        userId: String(row["user_id"]),
        membership: row["membership"] === "unknown" ? "unknown" : membershipFrom(row),
        eventId: String(row["event_id"]),
        sender: String(row["sender"]),
        isDirect: row["is_direct"] === 1,
        ...(typeof row["display_name"] === "string" ? { displayName: row["display_name"] } : {}),
    };
}

export function pastFrom(row: Row): MemberPast {
    const was = row["was_member"];
    return { wasMember: was === 1 ? "yes" : was === 0 ? "no" : "unknown", removed: row["removed"] === 1 };
}

export function numberOrUndefined(value: SQLOutputValue | undefined): number | undefined {
    return typeof value === "number" ? value : undefined;
}
