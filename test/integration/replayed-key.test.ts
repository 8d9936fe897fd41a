import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { type Client, giveBundle, MegolmSender } from "../clients/index.ts";
import { until } from "../process/index.ts";
import type { SynapseUser } from "../synapse/index.ts";
import { Scene } from "./scene.ts";

/** A member sends on a key that she was sent, in a message and with a flag of her own. */
let scene: Scene;
let bot: Bot;
let alice: Client;
let alicesLogin: SynapseUser;
let mallory: Client;

beforeAll(async () => {
    scene = await Scene.open();
    alicesLogin = await scene.user("alice");
    [bot, alice, mallory] = await Promise.all([
        scene.bot({ CHAT_GREETING: "false" }),
        scene.device(alicesLogin),
        scene.person("mallory"),
    ]);
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
});

const said = ["the first word", "the second", "the third"];

/** A room of Alice, Mallory and the bot, and what Alice has said there in one session. */
async function roomOf(): Promise<{
    readonly roomId: string;
    readonly sender: MegolmSender;
    readonly hers: string;
    readonly replayed: string;
}> {
    const roomId = await roomWithBot(alice, bot, { greeted: false });
    await alice.do("inviteWithSharing", roomId, mallory.userId);
    await mallory.do("join", roomId);
    const sender = new MegolmSender(alice, roomId);
    const hers = sender.session.sharedKey;
    await sender.send(said[0] ?? "");
    // From here on the beginning cannot be had of it.
    const replayed = sender.session.sharedKey;
    for (const text of said.slice(1)) await sender.send(text);
    return { roomId, sender, hers, replayed };
}

/** This person gives the bot the session's key, from wherever that begins. */
async function tell(
    person: Client,
    { roomId, sender }: { readonly roomId: string; readonly sender: MegolmSender },
    key: object,
): Promise<void> {
    const content = { algorithm: "m.megolm.v1.aes-sha2", room_id: roomId, session_id: sender.session.id, ...key };
    await person.do("sendToDevice", await person.do("devices", bot.userId), "m.room_key", content);
}

async function counted(roomId: string, sessions: object): Promise<void> {
    await until("the sessions", async () => {
        const shown = (await bot.status("--room", roomId)).rooms[0];
        try {
            expect(shown?.sessions).toMatchObject(sessions);
            return shown?.coverage?.reach === "start";
        } catch {
            return false;
        }
    });
}

test.each([
    ["first", true],
    ["afterwards", false],
])("a no that is not the sender's, said %s, takes nobody's history", async (_, before) => {
    const charlie = await scene.person("charlie");
    const room = await roomOf();
    const replay = { session_key: room.replayed, shared_history: false };
    const own = { session_key: room.hers, shared_history: true };
    if (before) await tell(mallory, room, replay);
    await tell(alice, room, own);
    if (!before) await tell(mallory, room, replay);
    await counted(room.roomId, { shareable: 1, not_shareable: 0 });

    await alice.do("inviteWithoutSharing", room.roomId, charlie.userId);
    await reinvited(charlie, room.roomId, bot);
    await charlie.do("join", room.roomId);
    await charlie.reads(room.roomId, said);
});

test.each([
    ["first", true],
    ["afterwards", false],
])("a yes that is not the sender's, said %s, opens nothing", async (_, before) => {
    const charlie = await scene.person("charlie");
    const room = await roomOf();
    const replay = { session_key: room.hers, "m.shared_history": true };
    const own = { session_key: room.hers, shared_history: false };
    if (before) await tell(mallory, room, replay);
    await tell(alice, room, own);
    if (!before) await tell(mallory, room, replay);
    await counted(room.roomId, { shareable: 0, not_shareable: 1 });
    await alice.do("inviteWithoutSharing", room.roomId, charlie.userId);
    expect(await bot.job(room.roomId, charlie.userId, "refused")).toMatchObject({
        reason: "nothing_to_share",
        devices: [],
    });
});

test("a client of the sender's that shares itself is not overtaken with a key that reaches less far back", async () => {
    const charlie = await scene.person("charlie");
    const room = await roomOf();
    await tell(mallory, room, { session_key: room.replayed, "m.shared_history": true });
    await counted(room.roomId, { shareable: 0 });
    const { curve25519, ed25519 } = await alice.do("ownKeys");
    const entry = {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: room.roomId,
        sender_key: curve25519,
        sender_claimed_keys: { ed25519 },
        session_id: room.sender.session.id,
        session_key: Buffer.concat([Buffer.of(1), Buffer.from(room.hers, "base64").subarray(1, -64)])
            .toString("base64")
            .replaceAll("=", ""),
    };
    await alice.do("inviteWithoutSharing", room.roomId, charlie.userId);
    await giveBundle(
        { synapse: scene.synapse, user: alicesLogin, client: alice },
        await alice.do("devices", charlie.userId),
        {
            roomId: room.roomId,
            roomKeys: [entry],
        },
    );
    expect(await bot.job(room.roomId, charlie.userId, "refused")).toMatchObject({ reason: "nothing_to_share" });
    await charlie.do("join", room.roomId);
    await charlie.reads(room.roomId, said);
});
