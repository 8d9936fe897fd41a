import {
    existsSync,
    mkdtempSync,
    mkdirSync,
    readdirSync,
    readFileSync,
    rmSync,
    statSync,
    writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ControlServer, type Handlers } from "../control/index.ts";
import { Failure } from "../failures/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { backscroll, type Ended } from "./testing/command-line.ts";

let folder: string;
beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bs-"));
    mkdirSync(join(folder, "data"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };
const unexpected = () => Promise.reject(new Error("not asked for in this test"));

/** A bot that answers these operations only; what it was asked is in `asked`. */
async function beside(
    operations: Partial<Handlers>,
    ...args: string[]
): Promise<Ended & { readonly files: readonly string[] }> {
    return await stopped(new Promise(() => {}), operations, ...args);
}

/** The same, with a signal for the command. */
async function stopped(
    stop: Promise<NodeJS.Signals>,
    operations: Partial<Handlers>,
    ...args: string[]
): Promise<Ended & { readonly files: readonly string[] }> {
    const all: Handlers = {
        health: unexpected,
        share: unexpected,
        invite: unexpected,
        accept: unexpected,
        approve: unexpected,
        approveAll: unexpected,
        cancel: unexpected,
        pause: unexpected,
        resume: unexpected,
        trust: unexpected,
        importRoomKeys: unexpected,
        exportRoomKeys: unexpected,
        snapshot: () => {
            throw new Error("not asked for in this test");
        },
        ...operations,
    };
    await using server = new ControlServer({
        socketPath: join(folder, "data", "backscroll.sock"),
        handlers: all,
        logger: silent,
    });
    await server.start();
    const ended = await backscroll(args, folder, { stop });
    return { ...ended, files: readdirSync(folder) };
}

test("a command speaks to the running bot without a complete configuration", async () => {
    const asked: unknown[] = [];
    const pause = async ({ roomId }: { roomId?: string | undefined }) => {
        asked.push(roomId);
        return { ok: true, message: "Sharing is paused." };
    };
    expect(await beside({ pause }, "pause", "!a:b")).toMatchObject({ code: 0, out: "Sharing is paused.\n", err: "" });
    expect(await beside({ pause }, "pause")).toMatchObject({ code: 0 });
    expect(asked).toEqual(["!a:b", undefined]);
});

test.each(["share", "invite", "accept"])(
    "%s prints the job's ID for scripts, and a held job is a no",
    async (command) => {
        const share = (ok: boolean) => async () => ({ ok, message: "Somebody has to look.", jobId: "j1" });
        expect(await beside({ [command]: share(true) }, command, "!a:b", "@c:d")).toMatchObject({
            code: 0,
            out: "j1\n",
            err: "Somebody has to look.\n",
        });
        expect(await beside({ [command]: share(false) }, command, "!a:b", "@c:d")).toMatchObject({
            code: 1,
            out: "j1\n",
        });
    },
);

test("a failure of the bot is the command's failure", async () => {
    const trust = () => Promise.reject(new Failure("disk_full", { path: "/d" }));
    const key = "a".repeat(43);
    expect(await beside({ trust }, "trust", "@c:d", "--key", key)).toMatchObject({
        code: 73,
        err: expect.stringMatching("The disk that holds /d is full."),
    });
    expect(await beside({}, "trust", "@c:d", "--key", key)).toMatchObject({
        code: 70,
        err: expect.stringMatching(/its log has the details under error_id/),
    });
});

test("health is what the bot says", async () => {
    expect(await beside({ health: async () => ({ healthy: true, problems: [] }) }, "health")).toMatchObject({
        code: 0,
        out: "healthy\n",
    });
    const ill = async () => ({ healthy: false, problems: ["the disk is full"] });
    expect(await beside({ health: ill }, "health")).toMatchObject({
        code: 1,
        out: "",
        err: "not healthy: the disk is full\n",
    });
});

test("names from other servers cannot write to the terminal", async () => {
    const { out } = await beside({ resume: async () => ({ ok: true, message: "@a\u001b[2J\u202e:b" }) }, "resume");
    expect(out).toBe("@a\u{fffd}[2J\u{fffd}:b\n");
});

test("import-keys sends a file in pieces and counts what was refused", async () => {
    const sizes: number[] = [];
    const importRoomKeys = async ({ entries }: { entries: readonly unknown[] }) => {
        sizes.push(entries.length);
        return { imported: entries.length - 1, refused: [{ index: 0, reason: "its session ID is not its key's" }] };
    };
    const entries = Array.from({ length: 250 }, (_, index) => ({ session_id: `s${index}` }));
    writeFileSync(join(folder, "keys.json"), JSON.stringify(entries));
    const { code, out, err } = await beside({ importRoomKeys }, "import-keys", "keys.json");
    expect(sizes).toEqual([100, 100, 50]);
    expect({ code, out, err }).toEqual({
        code: 0,
        out: "247 of 250 room keys were imported; the rest was known already or refused.\n",
        err: "refused: 3 (its session ID is not its key's)\n",
    });
});

test("import-keys sends nothing that is far larger than a room key, and the rest all the same", async () => {
    const importRoomKeys = async ({ entries }: { entries: readonly unknown[] }) => ({
        imported: entries.length,
        refused: [],
    });
    writeFileSync(
        join(folder, "keys.json"),
        JSON.stringify([{ session_id: "s" }, { session_id: "x".repeat(9_000_000) }]),
    );
    expect(await beside({ importRoomKeys }, "import-keys", "keys.json")).toMatchObject({
        code: 0,
        out: "1 of 2 room keys were imported; the rest was known already or refused.\n",
        err: "refused: 1 (it is larger than any room key)\n",
    });
});

test("an import that breaks off says how far it came", async () => {
    let chunks = 0;
    const importRoomKeys = ({ entries }: { entries: readonly unknown[] }) =>
        chunks++ < 2
            ? Promise.resolve({ imported: entries.length, refused: [] })
            : Promise.reject(new Failure("disk_full", { path: "/d" }));
    writeFileSync(join(folder, "keys.json"), JSON.stringify(Array.from({ length: 500 }, () => ({}))));
    expect(await beside({ importRoomKeys }, "import-keys", "keys.json")).toMatchObject({
        code: 73,
        err: expect.stringMatching(
            /^200 of 500 room keys were imported before it broke off; importing the file again does the rest\./,
        ),
    });
});

test("of a list that is broken at its end nothing is imported", async () => {
    writeFileSync(join(folder, "keys.json"), JSON.stringify(Array.from({ length: 500 }, () => ({}))).slice(0, -1));
    const { code, err } = await beside({}, "import-keys", "keys.json");
    expect({ code, err }).toEqual({
        code: 64,
        err: expect.stringMatching(/it ends within the list, after 1500 bytes/),
    });
});

test("export-keys writes a file for its owner alone, whole or not at all, and overwrites nothing", async () => {
    const all = [{ session_id: "s1" }, { session_id: "s2" }, { session_id: "s3" }];
    const exportRoomKeys = async ({ after }: { after: number }) => ({
        sessions: after === 0 ? all.slice(0, 2) : all.slice(2),
        next: after === 0 ? 9 : undefined,
    });
    const file = join(folder, "keys.json");
    const args = ["export-keys", "--room", "!a:b", "--plain", "keys.json"];

    expect(await beside({ exportRoomKeys }, ...args)).toMatchObject({ code: 0, files: ["data", "keys.json"] });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(all);
    expect(statSync(file).mode & 0o777).toBe(0o600);

    writeFileSync(file, "precious");
    expect(await beside({ exportRoomKeys }, ...args)).toMatchObject({ code: 64, files: ["data", "keys.json"] });
    expect(readFileSync(file, "utf8")).toBe("precious");

    rmSync(file);
    const breaking = ({ after }: { after: number }) =>
        after === 0 ? exportRoomKeys({ after: 0 }) : Promise.reject(new Error("crash"));
    expect(await beside({ exportRoomKeys: breaking }, ...args)).toMatchObject({ code: 70, files: ["data"] });
    const nothing = async () => ({ sessions: [], next: undefined });
    expect(await beside({ exportRoomKeys: nothing }, ...args)).toMatchObject({ code: 1, files: ["data"] });
    expect(existsSync(file)).toBe(false);
});

test("an export that is stopped half-way leaves nothing behind", async () => {
    const { promise: stop, resolve } = Promise.withResolvers<NodeJS.Signals>();
    const exportRoomKeys = async ({ after }: { after: number }) => {
        if (after > 0) resolve("SIGTERM");
        return after === 0 ? { sessions: [{ session_id: "s1" }], next: 1 } : await new Promise<never>(() => {});
    };
    const { code, files } = await stopped(
        stop,
        { exportRoomKeys },
        "export-keys",
        "--room",
        "!a:b",
        "--plain",
        "keys.json",
    );
    expect(code).not.toBe(0);
    expect(files).toEqual(["data"]);
});

test("a snapshot is there whole, for its owner alone, or not at all", async () => {
    const operations = {
        async *snapshot() {
            yield Buffer.from("one ");
            yield Buffer.from("two");
        },
    };
    const { code, out, files } = await beside(operations, "snapshot", "saved");
    expect({ code, out, files: files.filter((name) => name.includes("saved")) }).toEqual({
        code: 0,
        out: "",
        files: ["saved"],
    });
    expect(readFileSync(join(folder, "saved"), "utf8")).toBe("one two");
    expect(statSync(join(folder, "saved")).mode & 0o777).toBe(0o600);
    expect((await beside(operations, "snapshot", "saved")).code).toBe(64);

    const failing = {
        async *snapshot() {
            yield Buffer.from("one ");
            throw new Failure("disk_full", { path: "/data" });
        },
    };
    const failed = await beside(failing, "snapshot", "other");
    expect({ code: failed.code, files: failed.files.filter((name) => name.includes("other")) }).toEqual({
        code: 73,
        files: [],
    });
});
