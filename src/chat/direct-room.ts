/** The field of a room's creation that says whose direct room it is: after a crash the bot knows its own again. */
const field = "org.backscroll.notices_for";

/**
 * A private, encrypted room; the admin is invited once the bot has written down which one it is. Nobody reads in it
 * what was said before they came.
 */
export function adminRoomContent(admin: string): object {
    return {
        preset: "private_chat",
        is_direct: true,
        name: "Backscroll",
        topic: "What needs a person. Commands are given where the bot runs.",
        creation_content: { [field]: admin },
        initial_state: [
            { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } },
            { type: "m.room.history_visibility", state_key: "", content: { history_visibility: "joined" } },
            { type: "m.room.guest_access", state_key: "", content: { guest_access: "forbidden" } },
        ],
    };
}

/**
 * Whose direct room it is; undefined: nobody's. @param creation the content of `m.room.create` of a room that the bot
 * made
 */
export function adminOf(creation: Readonly<Record<string, unknown>> | undefined): string | undefined {
    const admin = creation?.[field];
    return typeof admin === "string" ? admin : undefined;
}

/** `m.direct` with this room first in the user's list. Source: Matrix v1.19, "Direct Messaging". */
export function withDirectRoom(direct: Readonly<Record<string, unknown>>, userId: string, roomId: string): object {
    const listed: readonly unknown[] = Array.isArray(direct[userId]) ? direct[userId] : [];
    return { ...direct, [userId]: [roomId, ...listed.filter((other) => other !== roomId)] };
}
