import { expect } from "vitest";
import { reinvited, roomWithBot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { until } from "../process/index.ts";
import type { Answer, Proxy } from "../proxy/index.ts";
import { test as story } from "./story.ts";

const test = story.extend(
    "bot",
    { scope: "file" },
    async ({ scene, proxy }) => await scene.bot({ HOMESERVER_URL: proxy.url }),
);

test.afterEach(({ proxy }) => {
    proxy.script = () => undefined;
});

/**
 * Does something once, at the very moment at which the bot's re-invite of this user has left the bot and not reached
 * the homeserver.
 */
function beforeTheReinvite(proxy: Proxy, userId: string, happens: () => Promise<unknown>): void {
    let happened = false;
    proxy.script = async ({ method, path }) => {
        if (happened || method !== "PUT" || !path.endsWith(`/state/m.room.member/${userId}`)) return undefined;
        happened = true;
        await happens();
        return undefined;
    };
}

async function membershipOf(alice: Client, roomId: string, userId: string): Promise<string | undefined> {
    return (await alice.do("membership", roomId, userId))?.membership;
}

test.for([
    ["declined", "taken back, where the bot may", 50, "reinvite_taken_back"],
    ["withdrawn", "taken back, where the bot may", 50, "reinvite_taken_back"],
    ["declined", "left standing and told, where the bot may not", 0, "reinvite_left_standing"],
])(
    "an invite that is %s at the very instant of the re-invite: the bot's is %s",
    async ([ending, , power, reason], { proxy, bot, alice, charlie }) => {
        const roomId = await roomWithBot(alice, bot);
        await alice.do("sendState", roomId, "m.room.power_levels", "", { users: { [bot.userId]: power } });
        await alice.do("send", roomId, "a message");
        beforeTheReinvite(proxy, charlie.userId, () =>
            ending === "declined"
                ? charlie.do("request", "POST", `/rooms/${encodeURIComponent(roomId)}/leave`, {})
                : alice.do("kick", roomId, charlie.userId),
        );
        await alice.do("inviteWithoutSharing", roomId, charlie.userId);

        await until("the job to tell it", async () => (await bot.status("--room", roomId)).jobs[0]?.reason === reason);
        const stands = power === 0;
        await until(
            "the membership",
            async () => (await membershipOf(alice, roomId, charlie.userId)) === (stands ? "invite" : "leave"),
        );
        expect((await bot.status("--room", roomId)).jobs[0]).toMatchObject({ state: "cancelled", reason });
    },
);

test("an upload that the homeserver refuses is tried again, with its reason; meanwhile the invite is left as it is, and other rooms go on", async ({
    scene,
    proxy,
    bot,
    alice,
}) => {
    const [charlie, dora] = [await scene.person("charlie"), await scene.person("dora")];
    const [refused, other] = [await roomWithBot(alice, bot), await roomWithBot(alice, bot)];
    await alice.do("send", refused, "for Charlie");
    await alice.do("send", other, "for Dora");
    let first: string | undefined;
    proxy.script = ({ method, path }) => {
        if (method !== "PUT" || !path.startsWith("/_matrix/media/")) return undefined;
        // That of one room is refused until the test says otherwise.
        first ??= path;
        if (path !== first) return undefined;
        return {
            kind: "answer_instead",
            answer: { status: 403, body: { errcode: "M_FORBIDDEN", error: "no uploads for you" } },
        };
    };
    await alice.do("inviteWithoutSharing", refused, charlie.userId);
    await until("the refusal", async () => (await bot.status("--room", refused)).jobs[0]?.reason === "refused_once");
    expect((await bot.status("--room", refused)).jobs[0]).toMatchObject({
        state: "queued",
        devices: [],
        message: expect.stringContaining("no uploads for you"),
    });
    expect(await charlie.do("membership", refused, charlie.userId)).toMatchObject({ sender: alice.userId });

    await alice.do("inviteWithoutSharing", other, dora.userId);
    await reinvited(dora, other, bot);
    proxy.script = () => undefined;
    await reinvited(charlie, refused, bot);
    await charlie.do("join", refused);
    await charlie.reads(refused, ["for Charlie"]);
});

test.for<[string, Answer]>([
    ["in trouble", { status: 500, body: { errcode: "M_UNKNOWN", error: "a bad day" } }],
    ["busy", { status: 429, body: { errcode: "M_LIMIT_EXCEEDED", error: "slow down", retry_after_ms: 1_500 } }],
])(
    "a homeserver that is %s at any step of a delivery is asked again, and the story ends well",
    async ([, answer], { proxy, bot, alice, charlie }) => {
        const roomId = await roomWithBot(alice, bot);
        await alice.do("send", roomId, "a message");
        const steps = [
            "/keys/query",
            "/media/v1/create",
            "/media/v3/upload/",
            "/keys/claim",
            "/sendToDevice/",
            "/state/m.room.member/",
        ];
        const due = new Set(steps);
        proxy.script = ({ path }) => {
            const step = steps.find((part) => path.includes(part));
            return step !== undefined && due.delete(step) ? { kind: "answer_instead", answer } : undefined;
        };
        await alice.do("inviteWithoutSharing", roomId, charlie.userId);
        await until(
            "the bot's own invite",
            async () => (await membershipOf(alice, roomId, charlie.userId)) !== undefined && due.size === 0,
            {
                limitMs: 60_000,
            },
        );
        await reinvited(charlie, roomId, bot);
        await charlie.do("join", roomId);
        await charlie.reads(roomId, ["a message"]);
    },
);
