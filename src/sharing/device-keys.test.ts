import { expect, test } from "vitest";
import { DeviceKeys } from "./device-keys.ts";

const request = { id: "1", kind: "keys_query", body: "{}" } as const;
const dora = "@dora:far.example";

function keysThatAnswer(answer: string) {
    const asked: { timeoutMs?: number | undefined; attempts?: number | undefined }[] = [];
    const deviceKeys = new DeviceKeys({
        ownServer: "home",
        crypto: {
            keysQuery: () => Promise.resolve(request),
            markSent: () => Promise.resolve(),
            userKeys: () => Promise.resolve({ masterKey: null, devices: [] }),
        },
        homeserver: {
            keysQuery: (_body, options = {}) => {
                asked.push(options);
                return Promise.resolve(answer);
            },
        },
        outgoing: { claim: () => Promise.resolve(answer) },
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
