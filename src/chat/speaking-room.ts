import type { EncryptionRoom } from "../crypto/index.ts";
import type { Room, Rooms } from "../rooms/index.ts";

/**
 * Whether anything can be said there, encrypted: not where the bot is no member, nor where what the room is set to is
 * not known.
 */
export function canSpeakIn({ membership, encryption, visibility }: Room): boolean {
    return membership === "join" && encryption === "encrypted" && visibility !== "unknown";
}

/**
 * The room as one to say something in, encrypted: to its joined members, or to those of `listeners` among them;
 * undefined: it is none, or not yet. Invitees read by the bundle; were the machine asked to track them, each delivery
 * would wait for their device lists.
 */
export function speakingRoom(
    rooms: Pick<Rooms, "room" | "membersWith">,
    roomId: string,
    listeners?: readonly string[],
): EncryptionRoom | undefined {
    const room = rooms.room(roomId);
    if (room === undefined || !canSpeakIn(room) || room.visibility === "unknown") return undefined;
    const joined = rooms.membersWith(roomId, "join").map(({ userId }) => userId);
    return { visibility: room.visibility, members: joined.filter((userId) => listeners?.includes(userId) ?? true) };
}

/** Encrypts and sends an event, a message unless told otherwise; the same transaction ID makes repeating harmless. */
export type SendEncrypted = (
    room: () => EncryptionRoom | undefined,
    roomId: string,
    txnId: string,
    content: object,
    type?: string,
) => Promise<void>;
