import { expect, test } from "vitest";
import type { CoverageStatus, RoomStatus } from "../control/index.ts";
import { coverageSentences } from "./coverage-text.ts";

const counted: CoverageStatus = {
    reach: "start",
    complete: true,
    events: 200,
    covered: 199,
    withheld: 0,
    withheld_from_bot: { sessions: 0, senders: [] },
};

function room(
    coverage: CoverageStatus | null,
    since: string | null = "2026-11-02T08:00:00.000Z",
    missing = 0,
): RoomStatus {
    return {
        room_id: "!a:hs",
        mode: "automatic",
        visibility: "shared",
        can_invite: true,
        joined_at: null,
        covers_since: since,
        sessions: { shareable: 1, not_shareable: 0, unknown: 0, missing },
        coverage,
        received_bundle: null,
        problems: [],
    };
}

test.each<[string, RoomStatus, string[]]>([
    ["nothing before it was counted", room(null), []],
    ["where all is well, its share", room(counted), ["covers 99 % of the 200 encrypted messages."]],
    ["nothing was said", room({ ...counted, events: 0, covered: 0 }, null), ["has no encrypted messages yet."]],
    [
        "the beginning is not found yet",
        room({ ...counted, reach: "under_way", complete: false }),
        ["covers 199 of 200 encrypted messages found so far; the room's past is still being looked through."],
    ],
    [
        "the bot came later",
        room({ ...counted, complete: false, covered: 50 }, undefined, 3),
        [
            "covers 25 % of the 200 encrypted messages, and at least 95 % of those since 2026-11-02.",
            "misses the keys of 3 sessions: `backscroll import-keys` takes them from whoever has them.",
        ],
    ],
    [
        "nothing is covered",
        room({ ...counted, complete: false, covered: 0 }, null, 1),
        [
            "covers 0 % of the 200 encrypted messages.",
            "misses the keys of 1 session: `backscroll import-keys` takes them from whoever has them.",
        ],
    ],
    [
        "the beginning is out of reach",
        room({ ...counted, reach: "cut", complete: false }),
        ["covers 99 % of the last 200 encrypted messages, and at least 95 % of those since 2026-11-02."],
    ],
    [
        "senders withhold messages from newcomers",
        room({ ...counted, withheld: 9 }),
        [
            "covers 99 % of the 200 encrypted messages.",
            "can hand on 190 of the 199 that it covers: their senders withhold the other 9 from newcomers.",
        ],
    ],
    [
        "an earlier version counted",
        room({ ...counted, withheld: null }),
        ["covers 99 % of the 200 encrypted messages."],
    ],
    [
        "senders withhold",
        room({ ...counted, withheld_from_bot: { sessions: 8, senders: ["@a", "@b", "@c", "@d", "@e", "@f", "@g"] } }),
        [
            "covers 99 % of the 200 encrypted messages.",
            "lacks 8 sessions because 7 senders withheld the keys from the bot: @a, @b, @c, @d, @e and 2 more. " +
                "Their clients exclude devices that are not verified, or have blocked the bot.",
        ],
    ],
])("%s", (_, given, sentences) => expect(coverageSentences(given)).toEqual(sentences));
