import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostName } from "./hosts.ts";
import { messagesIn, type RoomKind } from "./room-kinds.ts";
import { OrdinaryRooms, type Read } from "./stage.ts";

interface Story {
    readonly room: RoomKind;
    readonly inviter: HostName;
    /** Messages that the newcomer reads. */
    readonly reads: { readonly without: number; readonly withBot: number };
    /** Whose bundle counts in the end. */
    readonly whose: "the bot's" | "theirs";
    /** Messages that the bot can hand on, and all those that anybody could. */
    readonly ours: readonly [number, number];
    /** What the bot takes the inviter's client for. */
    readonly does: keyof typeof clauses;
}

const clauses = {
    shares: "shares history",
    likely: "is likely to share history",
    unlikely: "is unlikely to share history",
    cannot: "cannot share history",
};

/** Nobody reads less than this share of what they would read without the bot; else all that the bot can hand on. */
const guaranteed = new Map<HostName, number>([
    ["proven", 0.95],
    ["likely", 0.7],
    ["likely, but does not", 0.7],
]);

const stories: readonly Story[] = [
    story("full", "proven", [12, 12], "the bot's", [12, 12], "shares"),
    story("partial", "proven", [12, 12], "theirs", [10, 12], "shares"),
    story("gap", "proven", [6, 6], "theirs", [5, 6], "shares"),
    story("withheld", "proven", [20, 19], "the bot's", [19, 20], "shares"),
    story("late", "proven", [12, 12], "theirs", [4, 12], "shares"),

    story("full", "likely", [12, 12], "the bot's", [12, 12], "likely"),
    story("partial", "likely", [12, 10], "the bot's", [10, 12], "likely"),
    story("gap", "likely", [6, 5], "the bot's", [5, 6], "likely"),
    story("withheld", "likely", [20, 19], "the bot's", [19, 20], "likely"),
    story("late", "likely", [12, 12], "theirs", [4, 12], "likely"),

    story("full", "likely, but does not", [0, 12], "the bot's", [12, 12], "likely"),
    story("partial", "likely, but does not", [0, 10], "the bot's", [10, 12], "likely"),
    story("gap", "likely, but does not", [0, 5], "the bot's", [5, 6], "likely"),
    story("withheld", "likely, but does not", [0, 19], "the bot's", [19, 20], "likely"),
    // The price of the 70 %, until a day has shown that their client shares nothing.
    story("late", "likely, but does not", [0, 0], "theirs", [4, 12], "likely"),

    story("partial", "hardly, specification's flag", [0, 10], "the bot's", [10, 12], "unlikely"),
    story("gap", "hardly, specification's flag", [0, 5], "the bot's", [5, 6], "unlikely"),
    story("withheld", "hardly, specification's flag", [0, 19], "the bot's", [19, 20], "unlikely"),
    story("late", "hardly, specification's flag", [0, 4], "the bot's", [4, 12], "unlikely"),

    // What the bot has of the inviter's own messages nobody may hand on: it counts on neither side.
    story("full", "hardly, no flag", [0, 6], "the bot's", [6, 6], "unlikely"),
    story("late", "hardly, no flag", [0, 2], "the bot's", [2, 10], "unlikely"),

    // The inviter's homeserver is asked for their devices only where that turns the scale.
    story("partial", "no, no signed device", [0, 10], "the bot's", [10, 12], "likely"),
    story("late", "no, no signed device", [0, 4], "the bot's", [4, 12], "cannot"),

    story("partial", "no, an admin's tool", [0, 10], "the bot's", [10, 12], "likely"),
    story("late", "no, an admin's tool", [0, 4], "the bot's", [4, 12], "cannot"),
];

let stage: OrdinaryRooms;
const numbers = new Map<Story, string>();

beforeAll(async () => {
    stage = await OrdinaryRooms.open();
});

afterAll(async () => {
    const lines = stories.map((played) => `${played.room}, ${played.inviter}: ${numbers.get(played) ?? "not known"}`);
    console.log(`\nWhat the newcomer reads in ordinary rooms:\n\n${lines.join("\n")}\n`);
    await stage[Symbol.asyncDispose]();
});

describe.concurrent("in an ordinary room the newcomer reads so many messages without the bot, and with it", () => {
    test.each(stories)("$room, $inviter: $reads.without and $reads.withBot", async (played) => {
        const [without, withBot] = await Promise.all([readWithout(played), readWith(played)]);
        const all = messagesIn(played.room);
        numbers.set(played, `${without.after} of ${all} without the bot, ${withBot.after} of ${all} with it`);
        expect([without.before, withBot.before]).toEqual([0, 0]);
        const share = guaranteed.get(played.inviter);
        expect(withBot.after).toBeGreaterThanOrEqual(share === undefined ? played.ours[0] : without.after * share);
        expect({ without: without.after, withBot: withBot.after }).toEqual(played.reads);
    });

    test("who invites in the moment when the bot is back keeps their place: it does not know the room", async () => {
        const host = stage.host("proven");
        const roomId = await stage.play("back", host, stage.bot);
        await host.invite(roomId, stage.newcomer.userId);
        await stage.status.job(roomId, { reason: "coverage_incomplete" });
        expect(await stage.join(roomId, host.userId, 8)).toEqual({ before: 0, after: 8 });
    });
});

function story(
    room: RoomKind,
    inviter: HostName,
    [without, withBot]: readonly [number, number],
    whose: Story["whose"],
    ours: Story["ours"],
    does: Story["does"],
): Story {
    return { room, inviter, reads: { without, withBot }, whose, ours, does };
}

async function readWithout({ room, inviter, reads }: Story): Promise<Read> {
    const host = stage.host(inviter);
    const roomId = await stage.play(room, host, undefined);
    await host.invite(roomId, stage.newcomer.userId);
    return await stage.join(roomId, host.userId, reads.without);
}

async function readWith({ room, inviter, reads, whose, ours: [ours, all], does }: Story): Promise<Read> {
    const host = stage.host(inviter);
    const roomId = await stage.play(room, host, stage.bot);
    const said = messagesIn(room);
    await stage.status.coverage(roomId, { reach: "start", events: said, covered: said - all + ours });
    await host.invite(roomId, stage.newcomer.userId);
    const { id } = await stage.status.job(roomId, { reason: whose === "theirs" ? "coverage_incomplete" : "reinvited" });
    const { output } = await stage.bot.command("status", "--job", id);
    const which = all < said ? "shareable messages" : "messages";
    const ourSide = `the bot can hand on ${ours} of the room's ${all} ${which} (${Math.floor((ours * 100) / all)} %)`;
    expect(output).toContain(`${ourSide}; ${host.userId}'s client ${clauses[does]}`);
    return await stage.join(roomId, whose === "theirs" ? host.userId : stage.bot.userId, reads.withBot);
}
