import { spawnSync } from "node:child_process";
import { cpSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Bot } from "../bot/index.ts";
import { TemporaryFolder } from "../process/index.ts";
import { Homeserver } from "../synapse/index.ts";

const repository = join(import.meta.dirname, "../..");

let installed: TemporaryFolder;

// What a user has who installed the package: the build, and no sources beside it.
beforeAll(() => {
    installed = new TemporaryFolder("installed");
    for (const part of ["dist", "config", "package.json"])
        cpSync(join(repository, part), join(installed.path, part), { recursive: true });
    symlinkSync(join(repository, "node_modules"), join(installed.path, "node_modules"));
});

afterAll(() => {
    installed[Symbol.dispose]();
});

function backscroll(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    node = process.execPath,
) {
    const env = {
        PATH: process.env["PATH"] ?? "",
        HOME: installed.path,
        BACKSCROLL_DATA_DIR: join(installed.path, "data"),
        ...environment,
    };
    return spawnSync(node, [join(installed.path, "dist/main.js"), ...args], {
        cwd: installed.path,
        env,
        encoding: "utf8",
    });
}

test("--version prints the version of package.json", () => {
    expect(backscroll(["--version"])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test("--help names the commands", () => {
    const { status, stdout } = backscroll(["--help"]);
    expect(status).toBe(0);
    for (const command of ["run", "status", "health", "share", "approve", "pause", "resume", "trust"])
        expect(stdout).toContain(command);
});

test("an unknown command is a usage error", () => {
    expect(backscroll(["frobnicate"])).toMatchObject({ status: 64 });
});

test("run without a configuration says what is missing", () => {
    const { status, stderr } = backscroll(["run"]);
    expect(status).toBe(78);
    expect(stderr).toContain("homeserver.url");
});

test("a command that finds no running bot does its work itself", () => {
    const account = {
        HOMESERVER_URL: "http://127.0.0.1:1",
        HOMESERVER_USER_ID: "@bot:home",
        HOMESERVER_PASSWORD: "secret",
        INVITES_FROM: "@*:home",
    };
    const environment = Object.fromEntries(
        Object.entries(account).map(([name, value]) => [`BACKSCROLL_${name}`, value]),
    );
    expect(backscroll(["pause"], environment)).toMatchObject({ status: 0, stdout: expect.stringContaining("paused") });
});

test("an older Node is told what it lacks", (context) => {
    const found = spawnSync("sh", ["-c", "PATH=/usr/local/bin:/usr/bin:/bin command -v node"], {
        encoding: "utf8",
    }).stdout.trim();
    const version = found === "" ? "" : spawnSync(found, ["--version"], { encoding: "utf8" }).stdout;
    if (!/^v(1\d|2[0-3])\./.test(version)) context.skip("this machine has no older Node");
    const { status, stderr } = backscroll(["run"], {}, found);
    expect(status).toBe(78);
    expect(stderr).toMatch(/Node(\.js)? 24/);
});

test("the build runs the bot, worker included, and stops cleanly", async () => {
    const synapse = new Homeserver(inject("homeserver"));
    await using bot = new Bot(synapse, await synapse.register("backscroll"), {}, join(installed.path, "dist/main.js"));
    await bot.run();
    expect(await bot.status()).toMatchObject({ schema: 1, running: true, account: { cross_signed: true } });
    expect(await bot.stop()).toEqual({ code: 0, signal: null });
});
