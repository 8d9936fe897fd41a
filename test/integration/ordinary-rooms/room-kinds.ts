/** So many messages are said while the bot is in the room, or is not. */
export interface Act {
    readonly bot: "in" | "out";
    readonly messages: number;
    /** Default: the host's people. */
    readonly by?: "whoever withholds keys from the bot";
}

/** How a room comes about, up to the newcomer's invite. */
const kinds = {
    full: [{ bot: "in", messages: 12 }],
    partial: [
        { bot: "out", messages: 2 },
        { bot: "in", messages: 10 },
    ],
    // The bot was thrown out for one message.
    gap: [
        { bot: "in", messages: 3 },
        { bot: "out", messages: 1 },
        { bot: "in", messages: 2 },
    ],
    // It was thrown out for half of them, and has just come back.
    back: [
        { bot: "in", messages: 4 },
        { bot: "out", messages: 4 },
        { bot: "in", messages: 0 },
    ],
    withheld: [
        { bot: "in", messages: 19 },
        { bot: "in", messages: 1, by: "whoever withholds keys from the bot" },
    ],
    // Most was said before the bot came.
    late: [
        { bot: "out", messages: 8 },
        { bot: "in", messages: 4 },
    ],
} as const satisfies Readonly<Record<string, readonly Act[]>>;

export type RoomKind = keyof typeof kinds;

export function actsOf(kind: RoomKind): readonly Act[] {
    return kinds[kind];
}

export function messagesIn(kind: RoomKind): number {
    return actsOf(kind).reduce((sum, { messages }) => sum + messages, 0);
}
