import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../process/index.ts";
import { LimitedStage } from "./limited-stage.ts";

let stage: LimitedStage;

beforeAll(async () => {
    stage = await LimitedStage.open();
});

afterAll(async () => {
    await stage[Symbol.asyncDispose]();
});

test("thirty people, invited as fast as the limits allow: the human waits no longer than without a bot, and all thirty are served, in order", async () => {
    const [zoe, yves] = [await stage.inviter("zoe"), await stage.inviter("yves")];
    const [roomId, withoutBot] = [await stage.roomFor(zoe), await stage.roomFor(yves, { withBot: false })];
    const [invitees, others] = [await stage.people(30), await stage.accounts(30)];

    const [withBot, alone] = await Promise.all([zoe.invite(roomId, invitees), yves.invite(withoutBot, others)]);
    console.log(`with a bot: ${JSON.stringify(withBot)}, alone: ${JSON.stringify(alone)}`);
    // Which of the limits refuses next depends on the moment, and asks for up to 5 s; thirty invites of the bot's in
    // between would cost 100 s.
    expect(withBot.waited).toBeLessThan(alone.waited * 1.25);

    const begun = performance.now();
    const served = await until(
        "the bot's thirty invites",
        async () => {
            const invited = await stage.invitedByBot(roomId);
            return invited.length === 30 && invited;
        },
        { limitMs: 600_000, everyMs: 1_000 },
    );
    console.log(`all served ${((performance.now() - begun) / 1000).toFixed(0)} s after the human's last invite`);
    expect(served).toEqual(invitees);
    expect((await stage.bot.status("--room", roomId)).jobs.map(({ state }) => state)).toEqual(
        invitees.map(() => "reinvited"),
    );
});
