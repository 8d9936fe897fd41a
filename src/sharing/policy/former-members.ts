import type { MemberPast, Rooms } from "../../rooms/index.ts";
import type { Timelines } from "../../timeline/index.ts";

/** What is known of somebody whose sessions the bot has. */
export interface SenderFacts {
    /** By the room's member events. */
    readonly wasMember: MemberPast["wasMember"];
    /** An encrypted event of theirs in the room is known: only members can send any. */
    readonly hasSent: boolean;
    /** Every event of the room is known. */
    readonly wholeTimeline: boolean;
}

/**
 * Whether a user may ever have been in a room. The member events of those who left or were banned before the bot came
 * do not tell whether they had joined; their messages do. Whoever sent none in a room that is known from its beginning
 * has no session that opens anything; in any other room they count as a member, as their messages may lie where nobody
 * has looked.
 */
export function mayHaveBeenMember({ wasMember, hasSent, wholeTimeline }: SenderFacts): boolean {
    switch (wasMember) {
        case "yes":
            return true;
        case "no":
            return false;
        case "unknown":
            return hasSent || !wholeTimeline;
    }
}

interface Sources {
    readonly rooms: Pick<Rooms, "wasMember">;
    readonly timelines: Pick<Timelines, "coverage" | "sendersAmong">;
}

/** Tells strangers from whoever is, or was, in a room. Reads only; as of the last recorded batch. */
export class FormerMembers {
    readonly #sources: Sources;

    constructor(sources: Sources) {
        this.#sources = sources;
    }

    /** Those of these users who were never in the room: no session of theirs belongs to it. */
    strangers(roomId: string, userIds: readonly string[]): readonly string[] {
        const pasts = new Map(userIds.map((userId) => [userId, this.#sources.rooms.wasMember(roomId, userId)]));
        const { senders, wholeTimeline } = this.#said(
            roomId,
            userIds.filter((userId) => pasts.get(userId) === "unknown"),
        );
        return userIds.filter((userId) => {
            const wasMember = pasts.get(userId) ?? "unknown";
            return !mayHaveBeenMember({ wasMember, hasSent: senders.has(userId), wholeTimeline });
        });
    }

    /** What the timeline knows of users of whom the member events do not tell. */
    #said(
        roomId: string,
        userIds: readonly string[],
    ): { readonly senders: ReadonlySet<string>; readonly wholeTimeline: boolean } {
        if (userIds.length === 0) return { senders: new Set(), wholeTimeline: false };
        const { timelines } = this.#sources;
        const wholeTimeline = timelines.coverage(roomId)?.reach === "start";
        return { senders: timelines.sendersAmong(roomId, userIds), wholeTimeline };
    }
}
