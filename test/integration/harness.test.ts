import { expect, test } from "vitest";
import { MegolmSender } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Scene } from "./scene.ts";

// The stories prove something about the bot only if this holds without it.
test("with matrix-js-sdk alone: history comes with a sharing invite, and does not come with a plain one", async () => {
    await using scene = await Scene.open();
    const [alice, charlie, dora] = await Promise.all([
        scene.person("alice"),
        scene.person("charlie"),
        scene.person("dora"),
    ]);
    const roomId = await alice.do("createRoom", { name: "a room" });
    await alice.do("send", roomId, "said before");

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await charlie.do("join", roomId);
    await alice.do("inviteWithSharing", roomId, dora.userId);
    await dora.do("join", roomId);

    await dora.reads(roomId, ["said before"]);
    expect(await charlie.do("timeline", roomId)).toMatchObject([{ text: null }]);
});

test("a sender of our own making is decrypted like any other", async () => {
    await using scene = await Scene.open();
    const [alice, bob] = await Promise.all([scene.person("alice"), scene.person("bob")]);
    const roomId = await alice.do("createRoom", { name: "a room" });
    await alice.do("inviteWithoutSharing", roomId, bob.userId);
    await bob.do("join", roomId);
    await until(
        "alice to see bob",
        async () => (await alice.do("membership", roomId, bob.userId))?.membership === "join",
    );

    const sender = new MegolmSender(alice, roomId);
    await sender.shareKey(await alice.do("devices", bob.userId), { "m.shared_history": true });
    await sender.send("by hand");

    await bob.reads(roomId, ["by hand"]);
    expect(await bob.do("exportRoomKeys")).toContainEqual(expect.objectContaining({ session_id: sender.session.id }));
});
