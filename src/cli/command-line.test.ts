import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { backscroll } from "./testing/command-line.ts";

let folder: string;
beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "bs-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("--help teaches what to do first", async () => {
    const { code, out, err } = await backscroll(["--help"], folder);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    await expect(out).toMatchFileSnapshot("testing/help.txt");
});

test("every command explains itself, and what is not built is not listed", async () => {
    const { out } = await backscroll(["--help"], folder);
    const listed = [
        ...(out.split(/^(?:Commands|First steps):$/m)[1] ?? "").matchAll(/^ {2}([a-z][a-z-]*)(?: [<[].*?)? {2,}\w/gm),
    ].map(([, name]) => name);
    expect(listed).toEqual(
        "run login status audit health share invite accept approve cancel pause resume trust import-keys export-keys snapshot restore".split(
            " ",
        ),
    );
    const helps = await Promise.all(listed.map((name) => backscroll([name ?? "", "--help"], folder)));
    for (const { code, out } of helps) {
        expect(code).toBe(0);
        expect(out).toMatch("--config <FILE>");
        expect(out.split("\n").every((line) => line.length <= 84)).toBe(true);
    }
});

test("before the first start nobody was given anything", async () => {
    expect(await backscroll(["audit"], folder)).toEqual({ code: 0, out: "Nobody was given anything.\n", err: "" });
    const { code, out } = await backscroll(["audit", "--json", "--since", "12h"], folder);
    expect([code, JSON.parse(out)]).toEqual([0, { schema: 1, deliveries: [] }]);
});

test("--version", async () => {
    expect(await backscroll(["--version"], folder)).toEqual({
        code: 0,
        out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
        err: "",
    });
});

test.each<[string, string[], RegExp]>([
    ["no command", [], /^Usage: backscroll COMMAND/],
    ["an unknown command", ["statis"], /unknown command 'statis'\n\(Did you mean status\?\)/],
    ["an unknown option", ["run", "--fast"], /unknown option '--fast'/],
    ["too few arguments", ["share", "!a:b"], /missing required argument 'USER'/],
    ["too many arguments", ["approve", "a", "b"], /too many arguments/],
    ["nothing to approve", ["approve"], /JOB: found "", expected either a job, or --room ROOM/],
    ["a job and a room to approve", ["approve", "1", "--room", "!a:b"], /JOB: found "1", expected either/],
    ["a missing option", ["trust", "@a:b"], /required option '--key <FINGERPRINT>' not specified/],
    ["an alias", ["pause", "#a:b"], /found "#a:b", expected a room ID, .* \(an alias will not do/],
    ["a room where a user belongs", ["share", "!a:b", "!c:d"], /USER: found "!c:d", expected a full user ID/],
    ["a fingerprint that is none", ["trust", "@a:b", "--key", "x"], /--key: found "x", expected the 43 characters/],
    ["an unknown state", ["status", "--state", "open"], /--state: found "open", expected one of held, queued/],
    ["a time that is none", ["status", "--since", "yesterday"], /--since: found "yesterday", expected a time like/],
    ["a limit that is none", ["status", "--limit", "0"], /--limit: found "0", expected a whole number from 1/],
    ["an export that is not there", ["import-keys", "gone.txt"], /gone\.txt cannot be imported: it does not exist/],
    [
        "a protected export",
        ["export-keys", "--room", "!a:b", "f.json"],
        /A passphrase-protected export is not built yet/,
    ],
    ...[
        "logout --yes",
        "doctor",
        "doctor --help",

        "leave !a:b",
        "recovery-key check",
    ].map((line): [string, string[], RegExp] => [
        line,
        line.split(" "),
        new RegExp(`backscroll ${line.split(" ")[0]} is not built yet`),
    ]),
])("a wrong command line ends with 64: %s", async (_, args, message) => {
    const { code, out, err } = await backscroll(args, folder);
    expect({ code, out }).toEqual({ code: 64, out: "" });
    expect(err).toMatch(message);
});

test("a wrong configuration ends with 78, says everything at once, and keeps secrets", async () => {
    writeFileSync(join(folder, "bad.yaml"), 'homeserver:\n  url: "hs.test"\n  password: opensesame\nshering: {}\n');
    const { code, err } = await backscroll(["run", "--config", "bad.yaml"], folder);
    expect(code).toBe(78);
    expect(err).toBe(
        `backscroll: The configuration has 3 mistakes:
  bad.yaml:2:8: homeserver.url: found "hs.test", expected the homeserver's http or https URL, without user, query or fragment (did you mean "https://hs.test"?)
  bad.yaml:4:1: shering: found an unknown setting, expected one that the example lists (did you mean sharing?)
  bad.yaml: homeserver.user_id: found nothing, expected the bot's user ID, here or in BACKSCROLL_HOMESERVER_USER_ID
`,
    );
    expect((await backscroll(["--config", "gone.yaml", "run"], folder)).code).toBe(78);
});

test("an older Node is told what it needs, and nothing is loaded that it cannot read", async () => {
    const older =
        "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.20.2'}})";
    const { code, out, err } = await backscroll(["status"], folder, { nodeOptions: ["--import", older] });
    expect({ code, out }).toEqual({ code: 78, out: "" });
    expect(err).toMatch(/this is Node 20\.20\.2, and Backscroll needs Node 24 or newer\.\nStart it with `npm start`/);
});

test("health without a bot is 1, and says so", async () => {
    expect(await backscroll(["health"], folder)).toEqual({
        code: 1,
        out: "",
        err: `not healthy: no bot is running on ${join(folder, "data")}\n`,
    });
});

test("a job that does not exist is a no with the way to those that do", async () => {
    const { code, err } = await backscroll(["status", "--job", "17"], folder);
    expect({ code, err }).toEqual({ code: 1, err: "There is no job 17: `backscroll status` lists them.\n" });
});

test("status before the first start is complete, empty and successful, whatever the configuration lacks", async () => {
    const { code, out } = await backscroll(["status", "--json"], folder);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
        schema: 1,
        version: expect.any(String),
        running: false,
        paused: { all: false, rooms: [] },
        sync: { last_success_at: null },
        account: {
            user_id: null,
            device_id: null,
            fingerprint: null,
            cross_signed: null,
            identity: null,
            backup: "none",
            recovery: "none",
        },
        store: { check: "not_yet", checked_at: null, message: null },
        rooms: [],
        unreadable_keys: [],
        invites: [],
        jobs: [],
    });
    expect((await backscroll(["status"], folder)).out).toMatch(/not running\nLast sync +never\nAccount +none yet/);
});
