import type { Room } from "../../rooms/index.ts";

/** Something in a room that keeps the bot from sharing there; `message` says what to do. */
export interface RoomProblem {
    readonly code:
        | "not_encrypted"
        | "state_unknown"
        | "visibility_not_shared"
        | "visibility_malformed"
        | "cannot_invite";
    readonly message: string;
}

/** What an admin has to change in a room before its history can be shared. */
export function roomProblems(room: Room, canInvite: boolean): readonly RoomProblem[] {
    if (room.encryption === "unknown")
        return [
            { code: "state_unknown", message: "The room's state has not been seen whole yet: wait for the next sync." },
        ];
    const problems: RoomProblem[] = [];
    if (room.encryption === "plain")
        problems.push({
            code: "not_encrypted",
            message: "The room is not encrypted: there is nothing to share until it is.",
        });
    if (room.visibility === "unknown") {
        problems.push({
            code: "visibility_malformed",
            message: "The room's history visibility is malformed: set it anew.",
        });
    } else if (room.visibility === "invited" || room.visibility === "joined") {
        problems.push({
            code: "visibility_not_shared",
            message: `The history visibility is ${room.visibility}: set it to shared if newcomers may read.`,
        });
    }
    if (!canInvite)
        problems.push({ code: "cannot_invite", message: "The bot may not invite here: give it the power to invite." });
    return problems;
}
