import { Bot, roomWithBot } from "../test/bot/index.ts";
import { Client } from "../test/clients/index.ts";
import { until } from "../test/process/index.ts";
import { Synapse } from "../test/synapse/index.ts";
import { Api } from "./api.ts";
import { median, milliseconds, table, verdict } from "./figures.ts";
import { startFloor } from "./floor.ts";
import { type SeenInvite, watchInvites } from "./invites.ts";
import { startPeer } from "./peer-process.ts";
import { executable, peakMemory, type Stage } from "./stage.ts";

interface ReinviteTimes {
    /**
     * Milliseconds from the human's request to the re-invite in her own sync: the first one, cold, then one a round.
     */
    readonly bot: readonly number[];
    readonly peer: readonly number[];
    readonly floor: readonly number[];
    readonly peerPid: number;
}

interface Contender {
    readonly name: "bot" | "peer" | "floor";
    readonly userId: string;
    readonly roomId: string;
    readonly times: number[];
}

/** The time from an invite to the re-invite in a room with a handful of sessions. */
export async function smallRoom(stage: Stage): Promise<void> {
    const { rounds, disposal, progress } = stage;
    progress("starting Synapse, bot and peer");
    const synapse = disposal.use(await Synapse.start({ progress }));
    // Nothing is limited on this homeserver, so that nobody has to wait for anybody: the peer and the floor do not
    // either.
    const settings = { LOG_LEVEL: "info", SHARING_REINVITE_PACE: "unlimited" };
    const bot = disposal.use(new Bot(synapse, await synapse.register("backscroll"), settings, executable));
    await bot.run();
    const reinvites = await measureReinvites(synapse, bot, stage);
    const [own, peer, floor] = [
        median(reinvites.bot.slice(1)),
        median(reinvites.peer.slice(1)),
        median(reinvites.floor.slice(1)),
    ];
    console.log(`\nFrom an invite to the re-invite, in a room with a handful of sessions (${rounds} rounds in turn)\n`);
    console.log(
        table([
            ["", "median", "fastest", "slowest", "the first", "bot / this", "limit", ""],
            ["bot", milliseconds(own), ...extremes(reinvites.bot), "", "", ""],
            ["matrix-js-sdk peer", milliseconds(peer), ...extremes(reinvites.peer), ...ratio(own / peer, 0.5)],
            ["same calls, bare HTTP", milliseconds(floor), ...extremes(reinvites.floor), ...ratio(own / floor, 2)],
        ]),
    );
    const megabytes = (pid: number): string => `${peakMemory(pid).toFixed(0)} MB`;
    console.log(`\nPeak memory: bot ${megabytes(bot.process.pid)}, peer ${megabytes(reinvites.peerPid)}`);
}

function ratio(value: number, limit: number): readonly string[] {
    return [value.toFixed(2), String(limit), verdict(value, limit)];
}

function extremes([first = Number.NaN, ...later]: readonly number[]): readonly string[] {
    return [Math.min(...later), Math.max(...later), first].map(milliseconds);
}

/**
 * Lets bot, peer and floor serve one invite each, `rounds` times in turn, in rooms with the same handful of sessions.
 */
async function measureReinvites(
    synapse: Synapse,
    bot: Bot,
    { rounds, disposal, progress }: Stage,
): Promise<ReinviteTimes> {
    const stop = new AbortController();
    disposal.defer(() => stop.abort());
    const user = await synapse.register("alice");
    const alice = disposal.use(await Client.start({ url: synapse.url, user }));
    const peer = await startPeer(synapse, disposal);
    const floor = await Api.login(synapse.url, await synapse.register("floor"));
    const watcher = await Api.login(synapse.url, user);

    const contenders: Contender[] = [];
    for (const [name, userId] of [
        ["bot", bot.userId] as const,
        ["peer", peer.user.userId] as const,
        ["floor", floor.userId] as const,
    ]) {
        const roomId =
            name === "bot"
                ? await roomWithBot(alice, bot)
                : await roomWith(alice, userId, name === "floor" ? floor : undefined);
        await fewSessions(alice, roomId);
        contenders.push({ name, userId, roomId, times: [] });
    }
    await startFloor(floor, stop.signal);
    // Her client is not on her homeserver's machine: here it would work on each invite beside those who are measured.
    await alice[Symbol.asyncDispose]();

    const seen: (SeenInvite & { readonly at: number })[] = [];
    await watchInvites(watcher, stop.signal, (invite) => void seen.push({ ...invite, at: performance.now() }));
    for (let round = 0; round <= rounds; round += 1) {
        progress(round === 0 ? "warming up" : `round ${round} of ${rounds}`);
        for (const { name, userId, roomId, times } of contenders) {
            const invitee = await newInvitee(synapse, `${name}${round}`);
            const start = performance.now();
            await watcher.invite(roomId, invitee);
            const reinvite = await until(
                `${name} to invite again`,
                () => seen.find((invite) => invite.userId === invitee && invite.sender === userId),
                { everyMs: 5 },
            );
            times.push(reinvite.at - start);
        }
    }
    const timesOf = (name: Contender["name"]): readonly number[] =>
        contenders.find((contender) => contender.name === name)?.times ?? [];
    return { bot: timesOf("bot"), peer: timesOf("peer"), floor: timesOf("floor"), peerPid: peer.pid };
}

async function roomWith(alice: Client, userId: string, joiner: Api | undefined): Promise<string> {
    const roomId = await alice.do("createRoom", { name: "a room" });
    await alice.do("inviteWithoutSharing", roomId, userId);
    await joiner?.join(roomId);
    await until(`${userId} to join`, async () => (await alice.do("membership", roomId, userId))?.membership === "join");
    return roomId;
}

async function fewSessions(alice: Client, roomId: string): Promise<void> {
    for (let session = 1; session <= 5; session += 1) {
        await alice.do("send", roomId, `message ${session}`);
        await alice.do("rotateSession", roomId);
    }
}

/** Somebody with one signed device whose keys are on the server; nobody needs to be at it. */
async function newInvitee(synapse: Synapse, name: string): Promise<string> {
    await using client = await Client.start({ url: synapse.url, user: await synapse.register(`invitee-${name}`) });
    return client.userId;
}
