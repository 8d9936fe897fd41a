import { expect, test } from "vitest";
import { claimText, queryAnswer, queryText, siftClaim, siftQuery, type SiftedKeys, type Sifting } from "./index.ts";

const user = "@m:evil";
const other = "@alice:home";

function device(deviceId: string, more: object = {}): Record<string, unknown> {
    const keys = { [`curve25519:${deviceId}`]: "curve", [`ed25519:${deviceId}`]: "ed" };
    const signatures = { [user]: { [`ed25519:${deviceId}`]: "signature" } };
    return {
        user_id: user,
        device_id: deviceId,
        algorithms: ["a"],
        keys,
        signatures,
        unsigned: { name: "Phone" },
        ...more,
    };
}

function crossSigningKey(more: object = {}): Record<string, unknown> {
    return {
        user_id: user,
        usage: ["master"],
        keys: { "ed25519:A": "A" },
        signatures: { [user]: { "ed25519:A": "signature" } },
        ...more,
    };
}

function end(work: Sifting): SiftedKeys {
    for (;;) {
        const piece = work.next();
        if (piece.done === true) return piece.value;
    }
}

function query(answer: object): { readonly answer: Record<string, unknown>; readonly leftOut: readonly string[] } {
    const sifted = end(siftQuery(queryAnswer.parse(answer), [user, other]));
    return { answer: JSON.parse(queryText([sifted])) as Record<string, unknown>, leftOut: sifted.leftOut };
}

const honest = {
    device_keys: { [user]: { PHONE: device("PHONE") }, [other]: {} },
    master_keys: { [user]: crossSigningKey() },
};

test("what is well-formed comes through as it was signed, and of nobody who was not asked for", () => {
    const { answer, leftOut } = query({
        ...honest,
        device_keys: { ...honest.device_keys, "@stranger:far": {}, nonsense: 5 },
    });
    expect(answer).toEqual({ ...honest, self_signing_keys: {}, user_signing_keys: {}, failures: {} });
    expect(leftOut).toEqual([]);
});

test.each<[string, object]>([
    ["devices that are a number", { device_keys: { [user]: 5, [other]: {} } }],
    ["devices that are a list", { device_keys: { [user]: [], [other]: {} } }],
    ["a device without a name", { device_keys: { [user]: { "": device("") }, [other]: {} } }],
    ["a device whose name Rust cannot hold", { device_keys: { [user]: { "\ud800": device("\ud800") }, [other]: {} } }],
    ["a master key that is a number", { master_keys: { [user]: 5 } }],
    ["a master key of somebody else", { master_keys: { [user]: crossSigningKey({ user_id: other }) } }],
    [
        "a master key with two keys",
        { master_keys: { [user]: crossSigningKey({ keys: { "ed25519:A": "A", "ed25519:B": "B" } }) } },
    ],
    ["a self-signing key without keys", { self_signing_keys: { [user]: crossSigningKey({ keys: {} }) } }],
    ["a user-signing key that is null", { user_signing_keys: { [user]: null } }],
])("%s: the user has not answered, and others have", (_, part) => {
    const { answer, leftOut } = query({ ...honest, ...part });
    expect(answer).toMatchObject({ device_keys: { [other]: {} }, failures: { [user]: { fault: "malformed" } } });
    for (const section of ["device_keys", "master_keys", "self_signing_keys", "user_signing_keys"])
        expect(answer[section]).not.toHaveProperty([user]);
    expect(leftOut).toEqual([user]);
});

test.each<[string, unknown]>([
    ["a number", 5],
    ["of somebody else", device("BAD", { user_id: other })],
    ["of another name", device("GOOD")],
    ["without keys", device("BAD", { keys: undefined })],
    ["with a key that is a number", device("BAD", { keys: { "ed25519:BAD": 5 } })],
    ["nested without end", device("BAD", { unsigned: JSON.parse(`${"[".repeat(200)}${"]".repeat(200)}`) })],
])("a device that is %s is left in as an empty one, beside its sound siblings", (_, bad) => {
    const { answer, leftOut } = query({
        ...honest,
        device_keys: { [user]: { PHONE: device("PHONE"), BAD: bad }, [other]: {} },
    });
    expect(answer).toMatchObject({ device_keys: { [user]: { PHONE: device("PHONE"), BAD: {} } }, failures: {} });
    expect(leftOut).toEqual([user]);
});

test.each<[string, unknown, object]>([
    ["no signatures at all", 5, {}],
    [
        "one of a malformed user",
        { [user]: { "ed25519:PHONE": "s" }, nobody: { a: "b" } },
        { [user]: { "ed25519:PHONE": "s" } },
    ],
    [
        "one that is a number",
        { [user]: { "ed25519:PHONE": 5 }, "@b:far": { "ed25519:B": "s" } },
        { "@b:far": { "ed25519:B": "s" } },
    ],
])("signatures are taken one by one: %s", (_, signatures, left) => {
    const { answer, leftOut } = query({
        ...honest,
        device_keys: { [user]: { PHONE: device("PHONE", { signatures }) }, [other]: {} },
    });
    expect(answer["device_keys"]).toEqual({ [user]: { PHONE: device("PHONE", { signatures: left }) }, [other]: {} });
    expect(leftOut).toEqual([user]);
});

test.each<[string, object]>([
    ["301 devices", Object.fromEntries(Array.from({ length: 301 }, (_, index) => [`D${index}`, {}]))],
    ["a megabyte", { PHONE: device("PHONE", { unsigned: { name: "x".repeat(1024 * 1024) } }) }],
])("%s are too much of one user", (_, devices) => {
    const { answer } = query({ ...honest, device_keys: { [user]: devices, [other]: {} } });
    expect(answer).toMatchObject({ device_keys: { [other]: {} }, failures: { [user]: { fault: "too_much" } } });
    expect(answer["device_keys"]).not.toHaveProperty([user]);
});

test("of whom an answer does not speak, unless their server is absent, is named as left out; other names of servers are not kept", () => {
    const { answer, leftOut } = query({
        device_keys: {},
        failures: { evil: { status: 503 }, elsewhere: {}, "\ud800": 5 },
    });
    expect(answer["failures"]).toEqual({ evil: {}, [other]: { fault: "left_out" } });
    expect(leftOut).toEqual([]);
});

test("a name that JavaScript's objects know is a name like any other", () => {
    const raw = JSON.parse(
        `{"device_keys":{"__proto__":{"PHONE":5},"${user}":{"__proto__":5,"constructor":{}}}}`,
    ) as object;
    const { answer } = query(raw);
    expect(JSON.stringify(answer["device_keys"])).toBe(`{"${user}":{"__proto__":{},"constructor":{}}}`);
});

const key = { key: "k", signatures: { [user]: { "ed25519:PHONE": "s" } } };

test.each<[string, unknown, object, string | undefined]>([
    ["sound", { PHONE: { "signed_curve25519:A": key } }, { PHONE: { "signed_curve25519:A": key } }, undefined],
    ["no object", 5, {}, "malformed"],
    [
        "a device that is a number",
        { PHONE: { "signed_curve25519:A": key }, TABLET: 5 },
        { PHONE: { "signed_curve25519:A": key } },
        "malformed",
    ],
    ["a key ID without a colon", { PHONE: { A: key } }, {}, "malformed"],
    ["another algorithm", { PHONE: { "curve25519:A": "k" } }, {}, "malformed"],
    [
        "a key beside a malformed one",
        { PHONE: { "a:b": 5, "signed_curve25519:A": key } },
        { PHONE: { "signed_curve25519:A": key } },
        "malformed",
    ],
    ["a device that was not asked for", { PHONE: {}, OTHER: { A: 5 } }, {}, undefined],
    ["nobody", undefined, {}, "left_out"],
])("an answer to a claim: %s", (_, raw, left, fault) => {
    const answer = { one_time_keys: raw === undefined ? {} : { [user]: raw } };
    const text = claimText([end(siftClaim(answer, new Map([[user, ["PHONE", "TABLET"]]])))]);
    const taken = JSON.parse(text) as { one_time_keys: Record<string, object>; failures: object };
    expect(taken.one_time_keys[user] ?? {}).toEqual(left);
    expect(taken.failures).toEqual(fault === undefined ? {} : { [user]: { fault } });
});
