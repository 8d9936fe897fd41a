import { join } from "node:path";
import { type Bot, roomWithBot } from "../test/bot/index.ts";
import { Client } from "../test/clients/index.ts";
import { Program, until } from "../test/process/index.ts";
import type { Synapse, SynapseUser } from "../test/synapse/index.ts";
import { Api } from "./api.ts";
import { startFloor } from "./floor.ts";
import { type SeenInvite, watchInvites } from "./invites.ts";

export interface ReinviteTimes {
    /** Milliseconds from the human's request to the re-invite in her own sync: the first one, cold, then one a round. */
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

/** Lets bot, peer and floor serve one invite each, `rounds` times in turn, in rooms with the same handful of sessions. */
export async function measureReinvites(
    { synapse, bot, rounds }: { readonly synapse: Synapse; readonly bot: Bot; readonly rounds: number },
    stage: AsyncDisposableStack,
    progress: (text: string) => void,
): Promise<ReinviteTimes> {
    const stop = new AbortController();
    stage.defer(() => stop.abort());
    const user = await synapse.register("alice");
    const alice = stage.use(await Client.start({ url: synapse.url, user }));
    const peer = await startPeer(synapse, stage);
    const floor = await Api.login(synapse.url, await synapse.register("floor"));
    const watcher = await Api.login(synapse.url, user);

    const contenders: Contender[] = [];
    for (const [name, userId] of [["bot", bot.userId] as const, ["peer", peer.user.userId] as const, ["floor", floor.userId] as const]) {
        const roomId = name === "bot" ? await roomWithBot(alice, bot) : await roomWith(alice, userId, name === "floor" ? floor : undefined);
        await fewSessions(alice, roomId);
        contenders.push({ name, userId, roomId, times: [] });
    }
    await startFloor(floor, stop.signal);

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
    const timesOf = (name: Contender["name"]): readonly number[] => contenders.find((contender) => contender.name === name)?.times ?? [];
    return { bot: timesOf("bot"), peer: timesOf("peer"), floor: timesOf("floor"), peerPid: peer.pid };
}

async function startPeer(synapse: Synapse, stage: AsyncDisposableStack): Promise<{ readonly user: SynapseUser; readonly pid: number }> {
    const user = await synapse.register("peer");
    const args = [join(import.meta.dirname, "peer.ts"), synapse.url, user.localpart, user.password];
    const program = new Program({ name: "the peer", command: process.execPath, args });
    stage.defer(async () => void (await program.kill()));
    await program.line((line) => line === "ready");
    return { user, pid: program.pid };
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
