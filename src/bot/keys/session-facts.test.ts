import { expect, test, vi } from "vitest";
import type { SessionOwner } from "../../crypto/index.ts";
import { SessionFacts } from "./session-facts.ts";

const roomId = "!room:home";
const owner = (sessionId: string): SessionOwner => ({ roomId, sessionId, userId: "@alice:home" });

/** What the worker was told, in order, and what is still to be told. */
function told(untold: SessionOwner[], senders: readonly string[] = []) {
    const calls: unknown[] = [];
    const rejudged: (readonly string[])[] = [];
    let full = false;
    const crypto = {
        setRooms: async (rooms: readonly string[]) => {
            calls.push(rooms);
            await Promise.resolve();
            if (full) throw new Error("disk full");
            return rooms;
        },
        receive: () => (calls.push("receive"), Promise.resolve({})),
        setOwners: (owners: readonly SessionOwner[]) => (
            calls.push(owners.map(({ sessionId }) => sessionId)),
            Promise.resolve([roomId])
        ),
        keySenders: () => Promise.resolve(senders),
        setOutsiders: (_room: string, users: readonly string[]) => (
            calls.push(users),
            Promise.resolve(users.length > 0)
        ),
        heldSessions: () => (calls.push("held"), Promise.resolve([])),
        shareableSet: () => (calls.push("set"), Promise.resolve({ version: "", sessions: 0, bytes: 0, outsiders: [] })),
    };
    const facts = new SessionFacts({
        crypto,
        database: { transaction: (work: () => unknown) => work() } as never,
        timelines: {
            untoldOwners: (most) => untold.slice(0, Math.min(most, 2)),
            ownersTold: (owners) => void untold.splice(0, owners.length),
        },
        clock: { now: () => 1 },
        leftRooms: { kept: () => [roomId] },
        formerMembers: { strangers: (_room, userIds) => userIds.filter((userId) => userId === "@mallory:home") },
        hasAge: () => false,
        rejudged: (roomIds) => rejudged.push(roomIds),
    });
    const setFull = (is: boolean): void => void (full = is);
    return { calls, rejudged, facts, setFull, crypto: facts.informed(crypto as never) };
}

test("whatever is asked what may be shared knows before whose the sessions are, and who was never in the room", async () => {
    const { calls, rejudged, crypto } = told([owner("1"), owner("2"), owner("3")], ["@bob:home", "@mallory:home"]);
    await crypto.shareableSet(roomId);
    expect(calls).toEqual([["1", "2"], ["3"], ["@mallory:home"], "set"]);
    expect(rejudged).toEqual([[roomId], [roomId], [roomId]]);
});

test("a walk through what is held is told once", async () => {
    const { calls, crypto } = told([]);
    await crypto.heldSessions(roomId);
    await crypto.heldSessions(roomId, "1");
    expect(calls).toEqual([[], "held", "held"]);
});

test("two that ask at once tell together", async () => {
    const { calls, facts } = told([owner("1")]);
    await Promise.all([facts.tellOwners(), facts.tellOwners()]);
    expect(calls).toEqual([["1"]]);
});

test("the worker knows which rooms are the bot's before it is given a batch", async () => {
    const { calls, crypto, facts, rejudged, setFull } = told([]);
    await crypto.receive({} as never);
    await crypto.receive({} as never);
    facts.roomsMoved();
    await vi.waitFor(() => expect(rejudged).toHaveLength(2));
    await crypto.receive({} as never);
    expect(calls).toEqual([[roomId], "receive", "receive", [roomId], "receive"]);
    // What came before the bot did is counted.
    expect(rejudged).toEqual([[roomId], [roomId]]);
    calls.length = 0;
    setFull(true);
    facts.roomsMoved();
    await expect(crypto.receive({} as never)).rejects.toThrow("disk full");
    setFull(false);
    await crypto.receive({} as never);
    expect(calls).toEqual([[roomId], [roomId], [roomId], "receive"]);
});
