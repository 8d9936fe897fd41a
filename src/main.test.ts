import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

let folder: string;

beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "main-"));
});

afterAll(() => {
    rmSync(folder, { recursive: true });
});

/**
 * Sends the process a signal while it loads the first file whose name has `part` in it. @param after what it does then
 */
function signalled(signal: string, part: string, command = "run", after = "") {
    const hook = `
        import { url as inspectorUrl } from "node:inspector";
        import { registerHooks } from "node:module";
        let sent = false;
        registerHooks({ load(url, context, next) {
            if (!sent && url.includes(${JSON.stringify(part)})) { sent = true; process.kill(process.pid, ${JSON.stringify(signal)}); ${after} }
            return next(url, context);
        } });`;
    const args = [
        "--import",
        `data:text/javascript,${encodeURIComponent(hook)}`,
        join(import.meta.dirname, "main.ts"),
        command,
    ];
    const env = {
        BACKSCROLL_HOMESERVER_URL: "http://127.0.0.1:9",
        BACKSCROLL_HOMESERVER_USER_ID: "@bot:home.test",
        BACKSCROLL_HOMESERVER_PASSWORD: "a password",
        BACKSCROLL_DATA_DIR: join(folder, "data"),
    };
    return spawnSync(process.execPath, args, { env, cwd: folder, timeout: 20_000, encoding: "utf8" });
}

test.each([
    ["SIGTERM", "/src/cli/index.ts"],
    ["SIGINT", "/src/cli/index.ts"],
    ["SIGTERM", "/src/cli/run.ts"],
])("%s while %s is loaded is a stop like any other", (signal, part) => {
    expect(signalled(signal, part)).toMatchObject({ status: 0, signal: null });
});

test("SIGUSR1 opens no inspector, through which every user of the machine could command the bot", () => {
    const told = "setTimeout(() => process.stderr.write(`inspector: ${inspectorUrl()}`), 300);";
    expect(signalled("SIGUSR1", "/src/cli/index.ts", "--help", told)).toMatchObject({
        status: 0,
        stderr: "inspector: undefined",
    });
});
