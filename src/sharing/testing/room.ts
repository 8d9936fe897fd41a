import type { Membership } from "../../matrix/index.ts";
import type { MembershipChange } from "../../rooms/index.ts";

export const bot = "@backscroll:home";
export const alice = "@alice:home";
export const charlie = "@charlie:home";
export const roomId = "!room:home";
export const masterKey = "A".repeat(43);

export function invite(eventId: string, sender: string) {
    return {
        type: "m.room.member",
        event_id: eventId,
        sender,
        state_key: charlie,
        origin_server_ts: 1,
        content: { membership: "invite" } as { membership: Membership; is_direct?: boolean },
    };
}

export function change(
    membership: Membership,
    eventId: string,
    sender: string,
    more: { replacesState?: string; content?: object } = {},
): MembershipChange {
    const { replacesState } = more;
    return {
        roomId,
        userId: charlie,
        membership,
        sender,
        eventId,
        at: 1,
        isDirect: false,
        foundAtJoin: false,
        previous: undefined,
        wasMember: "no",
        event: {
            type: "m.room.member",
            eventId,
            sender,
            stateKey: charlie,
            originServerTs: 1,
            content: { membership, ...more.content },
            ...(replacesState === undefined ? {} : { replacesState }),
        },
    };
}
