import { roomWithBot } from "../test/bot/index.ts";
import { until } from "../test/process/index.ts";
import { median, milliseconds, table, verdict } from "./figures.ts";
import { startPeer } from "./peer-process.ts";
import { importKeys, type Lag, lagOf, setScene, startBot } from "./reinvites.ts";
import { peakMemory, type Stage } from "./stage.ts";

const sessions = 10_000;
const atOnce = 30;

/** A room with ten thousand sessions that may be shared: the bot beside the peer. */
export async function largeRoom(stage: Stage): Promise<void> {
    const { disposal, progress } = stage;
    const furtherOnes = Math.min(stage.rounds, 9);
    progress("starting Synapse, bot and peer");
    const scene = await setScene(stage);
    const { alice } = scene;
    const bot = await startBot(scene, disposal);
    const peer = await startPeer(scene.synapse, disposal);
    const ofBot = await roomWithBot(alice, bot, { greeted: false });
    const ofPeer = await alice.do("createRoom", { name: "a room" });
    await alice.do("inviteWithoutSharing", ofPeer, peer.user.userId);
    await until(
        "the peer to join",
        async () => (await alice.do("membership", ofPeer, peer.user.userId))?.membership === "join",
    );
    progress(`importing ${sessions} sessions into both`);
    await importKeys(bot, scene.sessions(ofBot, sessions));
    await peer.importKeys(scene.sessions(ofPeer, sessions));
    progress(`registering ${1 + furtherOnes + atOnce} people`);
    const people = await scene.invitees(1 + furtherOnes + atOnce);
    // Her client is not on her homeserver's machine: here it would work on each invite beside bot, peer and homeserver.
    await alice[Symbol.asyncDispose]();

    const contenders = [
        { name: "bot", roomId: ofBot, userId: bot.userId, pid: bot.process.pid },
        { name: "peer", roomId: ofPeer, userId: peer.user.userId, pid: peer.pid },
    ] as const;
    // In turn, so that whatever else the machine does meets both.
    const inTurn = async (invitees: readonly string[]): Promise<Pair> => {
        const times: number[] = [];
        for (const { name, roomId, userId } of contenders) {
            progress(`inviting ${invitees.length}, ${name}`);
            times.push(await scene.reinvited(roomId, userId, invitees));
            const lag = await lagOf(bot);
            if (name === "bot") lags.push({ ...lag, invited: invitees.length });
        }
        const [own = Number.NaN, theirs = Number.NaN] = times;
        return [own, theirs];
    };
    const lags: LagWhile[] = [];
    await lagOf(bot);
    const first = await inTurn(people.slice(0, 1));
    const further: Pair[] = [];
    for (const person of people.slice(1, 1 + furtherOnes)) further.push(await inTurn([person]));
    const ofPeerBefore = await scene.uploads(peer.user.userId);
    const all = await inTurn(people.slice(1 + furtherOnes));
    const uploads = await Promise.all(contenders.map(({ userId }) => scene.uploads(userId)));
    const [uploadsOfBot = Number.NaN, uploadsOfPeer = Number.NaN] = uploads;
    print({
        first,
        further: [median(further.map(([own]) => own)), median(further.map(([, theirs]) => theirs))],
        all,
        peak: [peakMemory(bot.process.pid), peakMemory(peer.pid)],
        uploads: [uploadsOfBot, uploadsOfPeer - ofPeerBefore],
        lag: lags.toSorted((one, other) => other.bot - one.bot)[0] ?? { bot: Number.NaN, ours: Number.NaN, invited: 0 },
    });
}

/** The bot's figure, and the peer's. */
type Pair = readonly [number, number];

interface Figures {
    /** Milliseconds from an invite to the re-invite. */
    readonly first: Pair;
    readonly further: Pair;
    readonly all: Pair;
    /** MB, of the whole life of a process. */
    readonly peak: Pair;
    /** The bot's in all, the peer's for those who were invited at once. */
    readonly uploads: Pair;
    readonly lag: LagWhile;
}

type LagWhile = Lag & { readonly invited: number };

function print({ first, further, all, peak, uploads, lag }: Figures): void {
    const row = (
        what: string,
        [own, theirs]: Pair,
        limit: number,
        unit: (value: number) => string,
    ): readonly string[] => [
        what,
        unit(own),
        unit(theirs),
        (own / theirs).toFixed(2),
        String(limit),
        verdict(own / theirs, limit),
    ];
    const megabytes = (value: number): string => `${value.toFixed(0)} MB`;
    console.log(`\nFrom an invite to the re-invite, in a room with ${sessions} sessions\n`);
    console.log(
        table([
            ["", "bot", "matrix-js-sdk peer", "bot / peer", "limit", ""],
            row("the first invitee", first, 0.4, milliseconds),
            row("each further one (median)", further, 0.1, milliseconds),
            row(`${atOnce} at once`, all, 0.1, milliseconds),
            row("peak memory", peak, 0.5, megabytes),
        ]),
    );
    console.log(
        `\nUploads in all: bot ${uploads[0]} (limit 1: ${verdict(uploads[0], 1)}), the peer for the ${atOnce} alone ${uploads[1]}; ` +
            `at its worst, while ${lag.invited} were invited, the bot's main thread was late by ${lag.bot.toFixed(1)} ms at p99 ` +
            `(limit 20 ms: ${verdict(lag.bot, 20)}), one that only waits by ${lag.ours.toFixed(1)} ms`,
    );
}
