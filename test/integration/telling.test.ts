import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { type Client, saidBy } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
let alice: Client;
let bob: Client;
let admin: Client;
let lookalike: Client;
let bot: Bot;
let roomId: string;

beforeAll(async () => {
    scene = await Scene.open();
    [alice, bob, admin] = await Promise.all([scene.person("alice"), named("bob", "Bob Miller"), scene.person("admin")]);
    bot = await scene.bot({ ADMINS: admin.userId });
    roomId = await roomWithBot(alice, bot);
    await alice.do("inviteWithoutSharing", roomId, bob.userId);
    await bob.do("join", roomId);
    await alice.do("send", roomId, "a message");
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
});

test("somebody who looks like a member is held; an admin is told in a direct room, approves, and the audit shows what was given", async () => {
    lookalike = await named("charlie", "Вob\u{200b} Мiller");
    await alice.do("inviteWithoutSharing", roomId, lookalike.userId);
    const held = await bot.job(roomId, lookalike.userId, "held");
    expect(held).toMatchObject({
        reason: "looks_like_member",
        message: expect.stringContaining(`Namely: ${bob.userId}.`),
        devices: [],
    });
    expect(await audited(lookalike)).toEqual([]);

    const direct = await invitedTo(admin);
    expect(direct.content).toMatchObject({ membership: "invite", is_direct: true });
    await admin.do("join", direct.roomId);
    const [notice] = await told(direct.roomId, 1);
    expect(notice).toMatch(
        `Job ${held.id} waits for a person: ${lookalike.userId} was invited to ${roomId} by ${alice.userId}.`,
    );
    expect(notice).toMatch(`Namely: ${bob.userId}.`);
    const stored = await admin.do(
        "request",
        "GET",
        `/rooms/${encodeURIComponent(direct.roomId)}/messages?dir=b&limit=20`,
    );
    expect(JSON.stringify(stored)).not.toContain("waits for a person");

    const approved = await bot.command("approve", held.id);
    expect([approved.code, approved.output]).toEqual([0, expect.stringContaining(bob.userId)]);
    await reinvited(lookalike, roomId, bot);
    expect(await audited(lookalike)).toEqual([
        {
            at: expect.stringMatching(/^20.*Z$/),
            job_id: held.id,
            room_id: roomId,
            user_id: lookalike.userId,
            inviter: alice.userId,
            identity: await lookalike.do("masterKey", lookalike.userId),
            devices: [lookalike.deviceId],
            sessions: expect.any(Number),
            file: expect.stringMatching(/^mxc:\/\//),
            sent: "yes",
            policy: { mode: "automatic", visibility: "shared", origin: "invite", approved: true },
        },
    ]);
});

test("after a kill the admin is told in the same room, and the audit is still there without a running bot", async () => {
    const direct = await directRooms();
    const before = (await saidTo(direct[0])).length;
    await bot.kill();
    await bot.run();
    const another = await named("dora", "BOB MILLER");
    await alice.do("inviteWithoutSharing", roomId, another.userId);
    const { id } = await bot.job(roomId, another.userId, "held");
    const notices = await told(direct[0] ?? "", before + 1);
    expect(notices.at(-1)).toMatch(`Job ${id} waits`);
    expect(await directRooms()).toEqual(direct);

    await bot.stop();
    expect(await audited(another)).toEqual([]);
    const { answer } = await bot.command("audit");
    expect(answer).toMatch(/^Deliveries: \d+, newest first\n/);
    expect(answer).toMatch(lookalike.deviceId);
    const { answer: story } = await bot.command("status", "--job", id);
    expect(story).toMatch(/can be taken for somebody .* Namely: @bob/);
    expect(story).toMatch(
        new RegExp(
            `^What to do +Make sure who ${another.userId} is\\. If all is well: \`backscroll approve ${id}\``,
            "m",
        ),
    );
    // The bot's own room with its admin is not one of those that it serves.
    expect((await bot.status()).rooms.map((room) => room.room_id)).toEqual([roomId]);
});

/** Somebody new who calls themselves `displayname`. */
async function named(localpart: string, displayname: string): Promise<Client> {
    const person = await scene.person(localpart);
    await person.do("request", "PUT", `/profile/${encodeURIComponent(person.userId)}/displayname`, { displayname });
    return person;
}

async function invitedTo(client: Client): Promise<{ readonly roomId: string; readonly content: object }> {
    const invites = await until("an invite", async () => {
        const { rooms } = (await client.do("request", "GET", "/sync?timeout=0")) as {
            rooms?: { invite?: Record<string, Invite> };
        };
        const found = Object.entries(rooms?.invite ?? {});
        return found.length > 0 && found;
    });
    expect(invites).toHaveLength(1);
    const [[room, { invite_state: state }]] = invites as [[string, Invite]];
    return { roomId: room, content: state.events.find((event) => event.state_key === client.userId)?.content ?? {} };
}

interface Invite {
    readonly invite_state: { readonly events: readonly { readonly state_key: string; readonly content: object }[] };
}

async function audited(user: Client): Promise<readonly unknown[]> {
    const { answer } = await bot.command("audit", "--json", "--user", user.userId);
    return (JSON.parse(answer) as { deliveries: readonly unknown[] }).deliveries;
}

/** The rooms that the admin is in: with the bot alone. */
async function directRooms(): Promise<readonly string[]> {
    const { joined_rooms: rooms } = (await admin.do("request", "GET", "/joined_rooms")) as {
        joined_rooms: readonly string[];
    };
    return rooms;
}

/** What the bot said in that room, as the admin's client reads it. */
async function saidTo(room: string | undefined): Promise<readonly string[]> {
    return saidBy(bot, await admin.do("timeline", room ?? "")).flatMap((text) => text ?? []);
}

async function told(room: string, count: number): Promise<readonly string[]> {
    try {
        return await until(`${count} notices`, async () => {
            const said = await saidTo(room);
            return said.length >= count && said;
        });
    } catch (cause) {
        throw new Error(`the bot's log:\n${bot.process.output}`, { cause });
    }
}
