import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import type { MembershipChange } from "../rooms/index.ts";
import { alice, bot, change, charlie, roomId } from "./testing/room.ts";
import { BotInvitees } from "./reinvite/bot-invitees.ts";
import { reinviteSchema } from "./reinvite/reinvite-schema.ts";

const now = 5_000;
const inviteOf = (sender: string) =>
    ({ userId: charlie, membership: "invite", eventId: "$invite", sender, isDirect: false }) as const;
const joined = (more: Partial<MembershipChange> = {}): MembershipChange => ({
    ...change("join", "$join", charlie),
    at: 3_000,
    previous: inviteOf(bot),
    ...more,
});

function invitees(changes: readonly MembershipChange[]): BotInvitees {
    const sql = new DatabaseSync(":memory:");
    for (const migration of reinviteSchema.migrations) migration(sql);
    const made = new BotInvitees(sql);
    for (const one of changes) made.record({ botUserId: bot, now: () => now }, [one]);
    return made;
}

test.each<[string, readonly MembershipChange[], number | undefined]>([
    ["who joins on the bot's invite", [joined()], 3_000],
    ["a join that claims to be of the future", [joined({ at: 9_000 })], now],
    ["a join that is told twice", [joined(), joined()], 3_000],
    ["who joins on somebody else's", [joined({ previous: inviteOf(alice) })], undefined],
    ["who joins without an invite", [joined({ previous: undefined })], undefined],
    ["who was found there when the bot came", [joined({ foundAtJoin: true })], undefined],
    [
        "another's invite came in between, unseen",
        [joined({ event: { ...joined().event, replacesState: "$another" } })],
        undefined,
    ],
    ["by the homeserver's word, none did", [joined({ event: { ...joined().event, replacesState: "$invite" } })], 3_000],
    ["who has left", [joined(), change("leave", "$leave", charlie)], undefined],
    ["who was banned", [joined(), change("ban", "$ban", alice)], undefined],
    ["who has come back on somebody else's invite", [joined(), joined({ previous: inviteOf(alice) })], undefined],
])("%s", (_, changes, at) => expect(invitees(changes).joinedAt(roomId, charlie)).toBe(at));

test.each(["yes", "unknown"] as const)(
    "who was, or may have been, a member before may have keys from then (%s)",
    (wasMember) => {
        expect(invitees([joined({ wasMember })]).joinedAt(roomId, charlie)).toBeUndefined();
    },
);

test("a bot that is out of a room knows nothing of its members any more", () => {
    const made = invitees([joined(), joined({ roomId: "!other:home" })]);
    made.forget(roomId);
    expect([made.joinedAt(roomId, charlie), made.joinedAt("!other:home", charlie)]).toEqual([undefined, 3_000]);
});
