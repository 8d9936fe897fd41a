import { roomWithBot } from "../test/bot/index.ts";
import { until } from "../test/process/index.ts";
import { median, milliseconds, table, verdict } from "./figures.ts";
import { startPeer } from "./peer-process.ts";
import { importKeys, lagOf, setScene, startBot } from "./reinvites.ts";
import { peakMemory, type Stage } from "./stage.ts";

const sessions = 10_000;
const atOnce = 30;

interface Measured {
    /** Milliseconds from an invite to the re-invite. */
    readonly first: number;
    readonly further: number;
    readonly all: number;
    readonly uploads: number;
    /** MB, of the whole life of the process. */
    readonly peak: number;
}

/** A room with ten thousand sessions that may be shared: the bot beside the peer. */
export async function largeRoom(stage: Stage): Promise<void> {
    const { disposal, progress } = stage;
    const furtherOnes = Math.min(stage.rounds, 5);
    progress("starting Synapse, bot and peer");
    const scene = await setScene(stage);
    const { alice } = scene;
    const bot = await startBot(scene, disposal);
    const peer = await startPeer(scene.synapse, disposal);
    const ofBot = await roomWithBot(alice, bot, { greeted: false });
    const ofPeer = await alice.do("createRoom", { name: "a room" });
    await alice.do("inviteWithoutSharing", ofPeer, peer.user.userId);
    await until("the peer to join", async () => (await alice.do("membership", ofPeer, peer.user.userId))?.membership === "join");
    progress(`importing ${sessions} sessions into both`);
    await importKeys(bot, scene.sessions(ofBot, sessions));
    await peer.importKeys(scene.sessions(ofPeer, sessions));
    progress(`registering ${1 + furtherOnes + atOnce} people`);
    const people = await scene.invitees(1 + furtherOnes + atOnce);

    const measure = async (name: string, roomId: string, { userId, pid }: { userId: string; pid: number }): Promise<Measured> => {
        progress(`inviting, ${name}`);
        const first = await scene.reinvited(roomId, userId, people.slice(0, 1));
        const further: number[] = [];
        for (const person of people.slice(1, 1 + furtherOnes)) further.push(await scene.reinvited(roomId, userId, [person]));
        const before = await scene.uploads(userId);
        const all = await scene.reinvited(roomId, userId, people.slice(1 + furtherOnes));
        return { first, further: median(further), all, uploads: (await scene.uploads(userId)) - before, peak: peakMemory(pid) };
    };
    await lagOf(bot);
    const own = await measure("bot", ofBot, { userId: bot.userId, pid: bot.process.pid });
    const lag = await lagOf(bot);
    const total = await scene.uploads(bot.userId);
    const theirs = await measure("peer", ofPeer, { userId: peer.user.userId, pid: peer.pid });

    const row = (what: string, mine: number, other: number, limit: number, unit: (value: number) => string): readonly string[] => [
        what,
        unit(mine),
        unit(other),
        (mine / other).toFixed(2),
        String(limit),
        verdict(mine / other, limit),
    ];
    const megabytes = (value: number): string => `${value.toFixed(0)} MB`;
    console.log(`\nFrom an invite to the re-invite, in a room with ${sessions} sessions\n`);
    console.log(
        table([
            ["", "bot", "matrix-js-sdk peer", "bot / peer", "limit", ""],
            row("the first invitee", own.first, theirs.first, 0.4, milliseconds),
            row(`each further one, by the peer's first (median of ${furtherOnes})`, own.further, theirs.first, 0.1, milliseconds),
            row(`${atOnce} at once`, own.all, theirs.all, 0.1, milliseconds),
            row("peak memory", own.peak, theirs.peak, 0.5, megabytes),
        ]),
    );
    console.log(
        `\nUploads in all: bot ${total} (limit 1: ${verdict(total, 1)}), the peer for the ${atOnce} alone ${theirs.uploads}; ` +
            `the bot's main thread was late by ${lag.toFixed(1)} ms at p99 (limit 20 ms: ${verdict(lag, 20)})`,
    );
}
