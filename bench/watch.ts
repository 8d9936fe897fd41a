import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Bot } from "../test/bot/index.ts";
import { leaveDevice } from "../test/clients/index.ts";
import { TemporaryFolder, until } from "../test/process/index.ts";
import { Proxy } from "../test/proxy/index.ts";
import { Synapse } from "../test/synapse/index.ts";
import { Api } from "./api.ts";
import { table, verdict } from "./figures.ts";
import { importKeys, startBot } from "./reinvites.ts";
import type { Stage } from "./stage.ts";
import { newSessions } from "./store-sessions.ts";

const rooms = 200;
const inviteesOfRoom = 5;
const people = rooms * inviteesOfRoom;
const minutes = 3;
/** Requests that people set the scene with at once. */
const atOnce = 8;
/** Of a second, in which Linux counts a process's time: `getconf CLK_TCK`. */
const ticks = 100;

/**
 * A thousand invites, each of somebody else, that nobody answers: what it costs to look for their new devices, from the
 * busiest minute on.
 */
export async function watch({ disposal, progress }: Stage): Promise<void> {
    progress("starting Synapse and the bot");
    const synapse = disposal.use(await Synapse.start({ progress }));
    const proxy = disposal.use(await Proxy.open(synapse.url));
    const bot = await startBot({ synapse }, disposal, { HOMESERVER_URL: proxy.url });
    const alice = await Api.login(synapse.url, await synapse.register("alice"));

    progress(`making ${rooms} rooms`);
    const roomIds = await each(rooms, () => newRoom(alice, bot.userId));
    await until("the bot to join", () => joinedAll(alice, roomIds, bot.userId), { limitMs: 600_000, everyMs: 1_000 });
    using folder = new TemporaryFolder("bench");
    const keys = join(folder.path, "keys.json");
    writeFileSync(keys, JSON.stringify(roomIds.flatMap((roomId) => [...newSessions(roomId, 3)])));
    await importKeys(bot, keys);

    progress(`registering ${people} people with a signed device each`);
    const invitees = await each(people, async (number) => {
        const user = await synapse.register(`invitee${number}`);
        await leaveDevice(synapse, user);
        if (number % 200 === 199) progress(`${number + 1} people`);
        return user.userId;
    });
    progress("inviting them");
    await each(people, async (number) => await alice.invite(roomIds[number % rooms] ?? "", invitees[number] ?? ""));
    await until("the bot's own invites", async () => (await reinvited(bot)) === people, {
        limitMs: 900_000,
        everyMs: 2_000,
    });

    const rows: (readonly string[])[] = [];
    for (let minute = 1; minute <= minutes; minute += 1) {
        progress(`watching, minute ${minute} of ${minutes}`);
        const { core, questions } = await measured(bot, proxy);
        rows.push([
            `minute ${minute}`,
            `${core.toFixed(1)} %`,
            `5 % ${verdict(core, 5)}`,
            String(questions),
            `12 ${verdict(questions, 12)}`,
        ]);
    }
    console.log(
        `\n${people} pending invites in ${rooms} rooms on the watch, from when the last had been invited again\n`,
    );
    console.log(table([["", "of a core", "limit", "/keys/query", "limit"], ...rows]));
}

async function each<T>(count: number, work: (number: number) => Promise<T>): Promise<readonly T[]> {
    const results: T[] = [];
    let next = 0;
    const inTurn = async (): Promise<void> => {
        for (let number = next++; number < count; number = next++) results[number] = await work(number);
    };
    await Promise.all(Array.from({ length: atOnce }, inTurn));
    return results;
}

async function newRoom(alice: Api, botUserId: string): Promise<string> {
    const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
    const body = { preset: "private_chat", initial_state: [encryption], invite: [botUserId] };
    return (await alice.call<{ room_id: string }>("POST", "/client/v3/createRoom", body)).room_id;
}

async function joinedAll(alice: Api, roomIds: readonly string[], userId: string): Promise<boolean> {
    for (const roomId of roomIds) {
        const path = `/client/v3/rooms/${encodeURIComponent(roomId)}/joined_members`;
        if (!(userId in (await alice.call<{ joined: object }>("GET", path)).joined)) return false;
    }
    return true;
}

async function reinvited(bot: Bot): Promise<number> {
    return (await bot.status("--state", "reinvited", "--limit", String(people))).jobs.length;
}

/** One minute: percent of a core that the bot used, and how often it asked for keys. */
async function measured(bot: Bot, proxy: Proxy): Promise<{ readonly core: number; readonly questions: number }> {
    const before = {
        at: performance.now(),
        used: processorTime(bot.process.pid),
        asked: proxy.count("POST /keys/query"),
    };
    await pause(60_000);
    const seconds = (performance.now() - before.at) / 1000;
    const core = (100 * (processorTime(bot.process.pid) - before.used)) / seconds;
    return { core, questions: proxy.count("POST /keys/query") - before.asked };
}

/** Seconds that the process has used of any core; NaN where the system is not Linux. */
function processorTime(pid: number): number {
    try {
        // After the name, which may have blanks, the fields 14 and 15: user and system time.
        const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
        return (Number(fields[11]) + Number(fields[12])) / ticks;
    } catch {
        return Number.NaN;
    }
}
