import { expect, test } from "vitest";
import type { UserKeys } from "../../crypto/index.ts";
import { DeviceKeys } from "./device-keys.ts";

const request = { id: "1", kind: "keys_query", body: "{}" } as const;
const dora = "@dora:far.example";

/** A homeserver that answers each question when the test says so, and remembers whom it was asked for. */
function slowHomeserver() {
    const questions: { readonly users: readonly string[]; readonly answer: (body: string) => void }[] = [];
    const claims: { readonly users: readonly string[]; readonly answer: (body: string) => void }[] = [];
    const asked = (list: typeof questions, users: readonly string[]): Promise<string> =>
        new Promise((answer) => list.push({ users, answer }));
    const deviceKeys = new DeviceKeys({
        ownServer: "home",
        crypto: {
            keysQuery: (users) => Promise.resolve({ ...request, body: JSON.stringify(users) }),
            markSent: () => Promise.resolve(),
            userKeys: (users) => Promise.resolve(users.map((userId) => ({ masterKey: userId, devices: [] }))),
        },
        homeserver: { keysQuery: (body) => asked(questions, JSON.parse(body) as string[]) },
        outgoing: { claim: async (users) => [await asked(claims, users)] },
    });
    return { deviceKeys, questions, claims };
}

function keysThatAnswer(answer: string, learnt: UserKeys = { masterKey: null, devices: [] }) {
    const asked: { timeoutMs?: number | undefined; attempts?: number | undefined }[] = [];
    const deviceKeys = new DeviceKeys({
        ownServer: "home",
        crypto: {
            keysQuery: () => Promise.resolve(request),
            markSent: () => Promise.resolve(),
            userKeys: (users) => Promise.resolve(users.map(() => learnt)),
        },
        homeserver: {
            keysQuery: (_body, options = {}) => {
                asked.push(options);
                return Promise.resolve(answer);
            },
        },
        outgoing: { claim: () => Promise.resolve([answer]) },
    });
    return { deviceKeys, asked };
}

test("a homeserver that waits 10 s for an absent one is heard, and a question that fails makes room for other jobs", async () => {
    const { deviceKeys, asked } = keysThatAnswer("{}");
    await deviceKeys.refresh(dora);
    expect(asked[0]?.timeoutMs).toBeGreaterThan(10_000);
    expect(asked[0]?.attempts).toBe(1);
});

test("a server among the failures is unreachable, which is not the same as a user without devices", async () => {
    const { deviceKeys } = keysThatAnswer('{"failures":{"far.example":{}}}');
    expect(await deviceKeys.refresh(dora)).toBeUndefined();
    expect(await deviceKeys.openSessions(dora)).toBe(false);
});

test("failures that are no list of servers name none", async () => {
    const { deviceKeys } = keysThatAnswer('{"failures":null}');
    expect(await deviceKeys.refresh(dora)).toMatchObject({ masterKey: null });
});

test("who is asked for at once is asked for in one question a homeserver, and a slow homeserver holds up nobody else", async () => {
    const { deviceKeys, questions } = slowHomeserver();
    const [alice, bob, dave] = ["@alice:home", "@bob:home", dora].map((userId) => deviceKeys.refresh(userId));
    await expect.poll(() => questions).toHaveLength(2);
    expect(questions.map(({ users }) => users)).toEqual([["@alice:home", "@bob:home"], [dora]]);
    questions[0]?.answer("{}");
    expect(await alice).toMatchObject({ masterKey: "@alice:home" });
    expect(await bob).toMatchObject({ masterKey: "@bob:home" });
    questions[1]?.answer('{"failures":{"far.example":{}}}');
    expect(await dave).toBeUndefined();
});

test("what may wait is one question for all homeservers", async () => {
    const { deviceKeys, questions } = slowHomeserver();
    const looks = ["@alice:home", dora].map((userId) => deviceKeys.look(userId));
    await expect.poll(() => questions.map(({ users }) => users)).toEqual([["@alice:home", dora]]);
    questions[0]?.answer('{"failures":{"far.example":{}}}');
    expect(await Promise.all(looks)).toMatchObject([{ masterKey: "@alice:home" }, undefined]);
});

test("one claim at a time: our own users first, then homeserver by homeserver, each waiting only for itself", async () => {
    const { deviceKeys, claims } = slowHomeserver();
    const first = deviceKeys.openSessions(dora);
    await expect.poll(() => claims).toHaveLength(1);
    const rest = [dora, "@bob:other", "@alice:home", "@eve:far.example"].map((userId) =>
        deviceKeys.openSessions(userId),
    );
    for (let made = 1; made <= 4; made += 1) {
        await expect.poll(() => claims).toHaveLength(made);
        claims[made - 1]?.answer(made === 4 ? '{"failures":{"other":{}}}' : "{}");
    }
    expect(claims.map(({ users }) => users)).toEqual([
        [dora],
        ["@alice:home"],
        [dora, "@eve:far.example"],
        ["@bob:other"],
    ]);
    expect(await Promise.all([first, ...rest])).toEqual([true, true, false, true, true]);
});

const phone = { deviceId: "PHONE", crossSigned: false, dehydrated: false };

test.each<[string, object, UserKeys, boolean]>([
    ["says that the user has nothing", { device_keys: { [dora]: {} } }, { masterKey: null, devices: [] }, true],
    [
        "has a device that the machine took",
        { device_keys: { [dora]: { PHONE: {} } } },
        { masterKey: null, devices: [phone] },
        true,
    ],
    ["does not speak of the user", { device_keys: {} }, { masterKey: null, devices: [] }, false],
    [
        "speaks of them in no form that anybody knows",
        { device_keys: { [dora]: 5 } },
        { masterKey: null, devices: [] },
        false,
    ],
    [
        "has a device that the machine left out",
        { device_keys: { [dora]: { PHONE: {} } } },
        { masterKey: null, devices: [] },
        false,
    ],
    [
        "has an identity that the machine left out",
        { device_keys: { [dora]: {} }, master_keys: { [dora]: {} } },
        { masterKey: null, devices: [] },
        false,
    ],
])("an answer that %s: whether it is whole", async (_, answer, learnt, whole) => {
    expect(await keysThatAnswer(JSON.stringify(answer), learnt).deviceKeys.refresh(dora)).toMatchObject({ whole });
});

test("a user for whom the crypto worker fails keeps nobody else from their keys", async () => {
    const deviceKeys = new DeviceKeys({
        ownServer: "home",
        crypto: {
            keysQuery: () => Promise.resolve(request),
            markSent: () => Promise.resolve(),
            userKeys: (users) =>
                users.includes("@eve:far.example")
                    ? Promise.reject(new Error("a fault of the worker's"))
                    : Promise.resolve(users.map((userId) => ({ masterKey: userId, devices: [] }))),
        },
        homeserver: { keysQuery: () => Promise.resolve("{}") },
        outgoing: { claim: () => Promise.resolve(["{}"]) },
    });
    const [ours, hers] = await Promise.allSettled(
        [dora, "@eve:far.example"].map((userId) => deviceKeys.refresh(userId)),
    );
    expect([ours, hers?.status]).toMatchObject([{ value: { masterKey: dora } }, "rejected"]);
});

test.each(["malformed", "too_much"])(
    "a user whose part of the answer is %s has no answer, and others have theirs",
    async (fault) => {
        const { deviceKeys, questions } = slowHomeserver();
        const looks = [dora, "@eve:far.example"].map((userId) => deviceKeys.look(userId));
        await expect.poll(() => questions).toHaveLength(1);
        questions[0]?.answer(JSON.stringify({ failures: { [dora]: { fault } } }));
        expect(await Promise.all(looks)).toMatchObject([undefined, { masterKey: "@eve:far.example" }]);
    },
);

test("a user of whom an answer does not speak is not taken for absent: their homeserver may know no device", async () => {
    const { deviceKeys } = keysThatAnswer(JSON.stringify({ failures: { [dora]: { fault: "left_out" } } }));
    expect(await deviceKeys.refresh(dora)).toMatchObject({ whole: false });
    expect(await deviceKeys.openSessions(dora)).toBe(true);
});

test("an invitee with more devices than the bot encrypts for is held; a claim with a malformed key counts as not answered", async () => {
    const { deviceKeys } = keysThatAnswer(JSON.stringify({ failures: { [dora]: { fault: "too_much" } } }));
    await expect(deviceKeys.refresh(dora)).rejects.toMatchObject({ to: "held", reason: "too_many_devices" });
    expect(await deviceKeys.openSessions(dora)).toBe(false);
});
