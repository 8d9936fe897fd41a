import { type Client, type DeviceOfUser, MegolmSender } from "../../clients/index.ts";
import { Inviter } from "../inviter.ts";
import type { Scene } from "../scene.ts";

/**
 * How somebody speaks in a room from now on.
 * @param keysTo devices that get the session's key, if the client does not send it by itself
 */
export type Voice = (roomId: string, keysTo: readonly DeviceOfUser[]) => Promise<(text: string) => Promise<unknown>>;

export interface Companion {
    readonly userId: string;
    join(roomId: string): Promise<unknown>;
}

/** Whoever invites the bot and the newcomer, and how their room comes about. */
export interface Host {
    readonly userId: string;
    /** Of whoever makes the room, and removes people from it. */
    readonly owner: Client;
    /** They speak in turn. */
    readonly voices: readonly Voice[];
    /** Who is in the room, too. */
    readonly companions: readonly Companion[];
    /** Clients that encrypt for the room's members. */
    readonly speakers: readonly Client[];
    inviteBot(roomId: string, userId: string): Promise<unknown>;
    invite(roomId: string, userId: string): Promise<unknown>;
}

/** matrix-js-sdk, with all that it does by itself. */
export const ofSdk =
    (client: Client): Voice =>
    async (roomId) =>
        await Promise.resolve(async (text) => await client.do("send", roomId, text));

/** A client of another kind: a session of its own each time, whose key carries these flags. */
export const ofAnotherClient =
    (client: Client, flags: object): Voice =>
    async (roomId, keysTo) => {
        const sender = new MegolmSender(client, roomId);
        if (keysTo.length > 0) await sender.shareKey(keysTo, flags);
        return async (text) => await sender.send(text);
    };

const inviting = (client: Client, invites: "inviteWithSharing" | "inviteWithoutSharing") => ({
    inviteBot: async (roomId: string, userId: string) => await client.do("inviteWithoutSharing", roomId, userId),
    invite: async (roomId: string, userId: string) => await client.do(invites, roomId, userId),
});

/** Somebody at matrix-js-sdk, alone in their room. */
function alone(client: Client, invites: "inviteWithSharing" | "inviteWithoutSharing", voice = ofSdk(client)): Host {
    return {
        userId: client.userId,
        owner: client,
        voices: [voice],
        companions: [],
        speakers: [client],
        ...inviting(client, invites),
    };
}

export const asCompanion = (client: Client): Companion => ({
    userId: client.userId,
    join: async (roomId) => await client.do("join", roomId),
});

/** Inviters, by what the bot knows of their clients, and what their clients really do. */
export async function castHosts(scene: Scene) {
    const [prova, lena, speca, silas, nora, carol, user] = await Promise.all([
        scene.person("prova"),
        scene.person("lena"),
        scene.person("speca"),
        scene.person("silas"),
        scene.person("nora", "none"),
        scene.person("carol"),
        scene.user("tool"),
    ]);
    const tool = await Inviter.login(scene.synapse, user);
    const silent: Host = {
        ...alone(silas, "inviteWithoutSharing"),
        voices: [ofSdk(carol), ofAnotherClient(silas, {})],
        companions: [asCompanion(carol)],
        speakers: [carol, silas],
    };
    const specFlag = ofAnotherClient(speca, { shared_history: true });
    const byTool = async (roomId: string, userId: string) => await tool.invite(roomId, [userId]);
    return {
        // The bot has had a bundle of theirs.
        proven: alone(prova, "inviteWithSharing"),
        // They share, and the bot does not know.
        likely: alone(lena, "inviteWithSharing"),
        // They mark keys as clients do that share, and share nothing.
        "likely, but does not": alone(lena, "inviteWithoutSharing"),
        "hardly, specification's flag": alone(speca, "inviteWithoutSharing", specFlag),
        // Half of what is said is another member's.
        "hardly, no flag": silent,
        "no, no signed device": alone(nora, "inviteWithSharing"),
        "no, an admin's tool": {
            ...alone(carol, "inviteWithoutSharing"),
            userId: tool.userId,
            companions: [tool],
            inviteBot: byTool,
            invite: byTool,
        },
    } as const satisfies Readonly<Record<string, Host>>;
}

export type HostName = keyof Awaited<ReturnType<typeof castHosts>>;
