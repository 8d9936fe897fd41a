import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigurationError, loadDataDir, loadSettings, type Settings } from "./index.ts";

let workingDirectory: string;
beforeEach(() => {
    workingDirectory = mkdtempSync(join(tmpdir(), "bs-"));
});
afterEach(() => rmSync(workingDirectory, { recursive: true }));

interface Given {
    readonly yaml?: string;
    readonly environment?: Record<string, string>;
    readonly dotenv?: string;
    readonly files?: Record<string, string>;
}

function load({ yaml, environment = {}, dotenv, files = {} }: Given): {
    settings: Settings;
    warnings: readonly string[];
} {
    const named = yaml === undefined ? {} : { "c.yaml": yaml };
    const hidden = dotenv === undefined ? {} : { ".env": dotenv };
    for (const [name, text] of Object.entries({ ...files, ...named, ...hidden })) {
        mkdirSync(join(workingDirectory, name, ".."), { recursive: true });
        writeFileSync(join(workingDirectory, name), text);
    }
    return loadSettings({ configFile: yaml === undefined ? undefined : "c.yaml", environment, workingDirectory });
}

function mistakes(given: Given): readonly string[] {
    try {
        load(given);
        return [];
    } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error;
        return error.message
            .split("\n")
            .slice(1)
            .map((line) => line.trim());
    }
}

const account = {
    BACKSCROLL_HOMESERVER_URL: "https://hs.test",
    BACKSCROLL_HOMESERVER_USER_ID: "@bot:hs.test",
    BACKSCROLL_HOMESERVER_PASSWORD: "opensesame",
};
const { BACKSCROLL_HOMESERVER_PASSWORD: _, ...noCredentials } = account;

test("the environment alone is enough, and everything else has its default", () => {
    const { settings, warnings } = load({ environment: account });
    expect(settings).toMatchObject({
        homeserver: { url: "https://hs.test", user_id: "@bot:hs.test", access_token: undefined },
        data_dir: join(workingDirectory, "data"),
        admins: [],
        invites: { from: [], others: "reject" },
        sharing: {
            mode: "automatic",
            reinvite: "when_better",
            reinvite_thresholds: { proven: 95, likely: 70 },
            reinvite_pace: "polite",
            trusted_servers: ["hs.test"],
            other_bots: [],
            max_invitees_per_hour: 50,
            max_sessions: 50_000,
            max_age: null,
        },
        rooms: {},
        chat: { greeting: true, notify: true, prefix: "!backscroll" },
        rooms_left: { keys: "keep" },
        http: { bind: "127.0.0.1", port: undefined },
        log: { level: "info", format: undefined },
    });
    expect(settings.homeserver.password?.reveal()).toBe("opensesame");
    expect(warnings).toEqual(["admins is empty: nobody can invite the bot into rooms."]);
});

test("environment over .env over YAML over default, setting by setting", () => {
    const { settings } = load({
        yaml: 'homeserver: { url: "https://yaml.test" }\nsharing: { mode: off, reinvite: never, max_sessions: 7 }\nlog: { level: warn }',
        dotenv: "BACKSCROLL_SHARING_REINVITE=always\nBACKSCROLL_SHARING_MODE=command\nHOME=/nowhere",
        environment: { ...account, BACKSCROLL_SHARING_MODE: "approval" },
    });
    expect(settings.homeserver.url).toBe("https://hs.test");
    expect(settings.sharing).toMatchObject({
        mode: "approval",
        reinvite: "always",
        max_sessions: 7,
        max_invitees_per_hour: 50,
    });
    expect(settings.log.level).toBe("warn");
});

test("values from variables: lists, numbers, flags, durations; an empty variable is unset", () => {
    const { settings } = load({
        environment: {
            ...account,
            BACKSCROLL_ADMINS: "@a:hs.test, @b:hs.test",
            BACKSCROLL_HTTP_PORT: "9000",
            BACKSCROLL_CHAT_GREETING: "false",
            BACKSCROLL_SHARING_MAX_AGE: "12h",
            BACKSCROLL_SHARING_REINVITE_THRESHOLDS_PROVEN: "99.5",
            BACKSCROLL_ROOMS_LEFT_KEYS: "30d",
            BACKSCROLL_LOG_LEVEL: "",
            BACKSCROLL_INVITES_FROM: "@*:hs.test",
        },
    });
    expect(settings).toMatchObject({
        admins: ["@a:hs.test", "@b:hs.test"],
        http: { port: 9000 },
        chat: { greeting: false },
        log: { level: "info" },
    });
    expect(settings.sharing.max_age).toBe(43_200_000);
    expect(settings.sharing.reinvite_thresholds).toEqual({ proven: 99.5, likely: 70 });
    expect(settings.rooms_left.keys).toBe(2_592_000_000);
    expect(settings.invites.from).toEqual(["@*:hs.test"]);
});

test("a _FILE variable reads its file and cuts one trailing newline", () => {
    const environment = {
        ...noCredentials,
        BACKSCROLL_HOMESERVER_PASSWORD_FILE: "secret",
        BACKSCROLL_LOG_LEVEL_FILE: "level",
    };
    const { settings } = load({
        environment,
        files: { secret: "two\nlines\n\n".replace("\n\n", "\r\n"), level: "debug" },
        yaml: "{}",
    });
    expect(settings.log.level).toBe("debug");
    expect(mistakes({ environment: { ...environment, BACKSCROLL_LOG_LEVEL: "info" }, files: { secret: "x" } })).toEqual(
        ["BACKSCROLL_LOG_LEVEL_FILE: log.level: found BACKSCROLL_LOG_LEVEL beside it, expected one of the two"],
    );
    expect(settings.homeserver.password?.reveal()).toBe("two\nlines");
});

test("the file is found where the contract says, in that order", () => {
    const level = (name: string) => `log: { level: ${name} }`;
    const inDataDir = { "d/config.yaml": level("debug") };
    const environment = { ...account, BACKSCROLL_DATA_DIR: "d" };
    expect(load({ environment, files: inDataDir }).settings.log.level).toBe("debug");
    expect(load({ environment, files: { "config/backscroll.yaml": level("warn") } }).settings.log.level).toBe("warn");
    expect(
        load({ environment: { ...environment, BACKSCROLL_CONFIG: "e.yaml" }, files: { "e.yaml": level("error") } })
            .settings.log.level,
    ).toBe("error");
    expect(
        load({ environment: { ...environment, BACKSCROLL_CONFIG: "e.yaml" }, yaml: level("info") }).settings.log.level,
    ).toBe("info");
});

test("the error counts its mistakes and has the exit code of the contract", () => {
    const given = { environment: { ...account, BACKSCROLL_LOG_LEVEL: "loud" } };
    expect(() => load(given)).toThrow(
        expect.objectContaining({
            exitCode: 78,
            message: expect.stringMatching(/^The configuration has a mistake:\n/),
        }),
    );
    expect(() => load({ environment: {} })).toThrow("The configuration has 3 mistakes:");
});

test("a named file that is missing is a mistake, and does not pile up others", () => {
    expect(mistakes({ environment: { BACKSCROLL_CONFIG: "gone.yaml" } })).toEqual([
        "BACKSCROLL_CONFIG: found a configuration file that does not exist (gone.yaml), expected a readable YAML file",
    ]);
    mkdirSync(join(workingDirectory, "folder"));
    expect(mistakes({ environment: { BACKSCROLL_CONFIG: "folder" } })[0]).toMatch(
        "a configuration file that is a folder (folder)",
    );
});

test("every mistake is told at once, each with its place, what was found, what was expected and what was meant", () => {
    const yaml = [
        "homeserver:",
        "  url: matrix.org",
        '  user_idd: "@bot:home"',
        '  user_id: "bot"',
        "  password: [opensesame]",
        "admins: alice",
        "rooms:",
        '  "!a:b":',
        "    mode: automtic",
        "    reinvite_thresholds: { provn: 90, likely: 101 }",
        '  "#a:b": {}',
        "max_sessions: 5",
        "log: { level: inf }",
        "http: opensesame",
        "chat: { greeting: yes }",
        "rooms_left: { keys: 30 }",
    ].join("\n");
    const environment = { BACKSCROLL_HTTP_PORT: "99999", BACKSCROLL_STORE_KEY: "c2hvcnQ=" };
    expect(mistakes({ yaml, environment, dotenv: "# ours\nexport BACKSCROLL_LOG_FORMAT=prety\n" }))
        .toMatchInlineSnapshot(`
      [
        "BACKSCROLL_HTTP_PORT: http.port: found 99999, expected a whole number from 1 to 65535",
        "BACKSCROLL_STORE_KEY: store_key: found a text (not shown), expected 32 bytes in base64 (\`openssl rand -base64 32\` makes one)",
        ".env:2: BACKSCROLL_LOG_FORMAT: log.format: found "prety", expected one of json, pretty (did you mean pretty?)",
        "c.yaml:2:8: homeserver.url: found "matrix.org", expected the homeserver's http or https URL, without user, query or fragment (did you mean "https://matrix.org"?)",
        "c.yaml:3:3: homeserver.user_idd: found an unknown setting, expected one that the example lists (did you mean homeserver.user_id?)",
        "c.yaml:4:12: homeserver.user_id: found "bot", expected a full user ID, like @alice:home.server",
        "c.yaml:5:13: homeserver.password: found a list, expected a password (in YAML in quotes if it is a number)",
        "c.yaml:6:9: admins: found a text (not shown), expected a list (in a variable: separated by commas)",
        "c.yaml:9:11: rooms."!a:b".mode: found "automtic", expected one of automatic, approval, command, off (did you mean automatic?)",
        "c.yaml:10:28: rooms."!a:b".reinvite_thresholds.provn: found an unknown setting, expected one that the example lists (did you mean rooms."!a:b".reinvite_thresholds.proven?)",
        "c.yaml:10:47: rooms."!a:b".reinvite_thresholds.likely: found 101, expected a number from 0 to 100, without a % sign",
        "c.yaml:11:3: rooms."#a:b": found "#a:b", expected a room ID, like !abcdef:home.server (not an alias)",
        "c.yaml:12:1: max_sessions: found an unknown setting, expected one that the example lists (did you mean sharing.max_sessions?)",
        "c.yaml:13:15: log.level: found "inf", expected one of debug, info, warn, error (did you mean info?)",
        "c.yaml:14:7: http: found a text (not shown), expected a group of settings",
        "c.yaml:15:19: chat.greeting: found "yes", expected true or false",
        "c.yaml:16:21: rooms_left.keys: found 30, expected keep, or a duration like 90s, 12h or 30d",
      ]
    `);
});

test.each<[string, string, string]>([
    [
        "a second setting of the same name",
        "log: {}\nlog: {}",
        "c.yaml:2:1: found the same setting a second time, expected each setting once",
    ],
    [
        "an ID without quotes",
        "admins: [@a:b]",
        'c.yaml:1:10: found a value that begins with @ or a backquote, expected such a value in quotes, like "@alice:home.server"',
    ],
    ["a tab", "log:\n\tlevel: info", "c.yaml:2:1: found a tab, expected spaces in front of a setting"],
    ["a list", "- a", "c.yaml:1:1: found a list, expected groups of settings, like `homeserver:`"],
    [
        "a forgotten colon",
        "password hunter2",
        "c.yaml:1:1: found a single value, expected groups of settings, like `homeserver:`",
    ],
    [
        "an anchor that nobody set",
        "log: *hunter2",
        "c.yaml:1:1: found aliases (*name) that multiply or lead nowhere, expected groups of settings, like `homeserver:`",
    ],
    [
        "a group that is to stand in itself",
        "homeserver: &a\n  homeserver: *a",
        "c.yaml:2:15: found an alias (*name) inside of what it stands for, expected a value",
    ],
    [
        "a name that JavaScript knows",
        "rooms: { __proto__: {} }",
        "c.yaml:1:10: __proto__: found an unknown setting, expected a setting of the example",
    ],
    [
        "another",
        "constructor: {}",
        "c.yaml:1:1: constructor: found an unknown setting, expected one that the example lists",
    ],
    ["two documents", "log: {}\n---\nlog: {}", "c.yaml:2:1: found a second document (---), expected one document"],
])("YAML: %s", (_, yaml, message) => {
    expect(mistakes({ yaml, environment: account })).toContain(message);
});

test.each<[string, string, string, string?]>([
    ["HOMESERVER_URL", "ftp://hs.test", "the homeserver's http or https URL, without user, query or fragment"],
    [
        "HOMESERVER_URL",
        "https://bot:opensesame@hs.test",
        "the homeserver's http or https URL",
        'found "https://[not shown]@hs.test"',
    ],
    ["HOMESERVER_URL", "https://matrix.example.org", "a value of your own"],
    ["HOMESERVER_USER_ID", "@backscroll:example.org", "a value of your own"],
    ["HOMESERVER_USER_ID", "@bot", "a full user ID"],
    ["HOMESERVER_PASSWORD", "changeme", "a value of your own", "found a text (not shown)"],
    ["HOMESERVER_PASSWORD", "<password>", "a value of your own"],
    ["STORE_KEY", "AAAA", "32 bytes in base64"],
    ["RECOVERY_KEY", "EsTc nope", "a recovery key"],
    ["SHARING_MAX_AGE", "30", "a duration like"],
    ["SHARING_MAX_AGE", "0d", "a duration like"],
    ["ROOMS_LEFT_KEYS", "forget", "keep, or a duration"],
    ["SHARING_TRUSTED_SERVERS", "hs.test,https://x.test", "a server name"],
    ["INVITES_FROM", "hs.test", "a full user ID, or a pattern"],
    ["CHAT_PREFIX", "two words", "one word"],
    ["HTTP_BIND", "everywhere", "an IP address"],
    ["SHARING_MAX_SESSIONS", "0", "a whole number from 1"],
    ["SHARING_MAX_SESSIONS", "1.5", "a whole number from 1"],
    ["SHARING_REINVITE", "when_beter", "one of when_better, when_complete, always, never", "did you mean when_better"],
    ["SHARING_REINVITE_THRESHOLDS_PROVEN", "100.1", "a number from 0 to 100"],
    ["SHARING_REINVITE_THRESHOLDS_LIKELY", "70 %", "a number from 0 to 100"],
])("BACKSCROLL_%s=%s is refused", (name, value, expected, found = "found ") => {
    const lines = mistakes({ environment: { ...account, [`BACKSCROLL_${name}`]: value } });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(`BACKSCROLL_${name}: `);
    expect(lines[0]).toMatch(`expected ${expected}`);
    expect(lines[0]).toMatch(found);
});

test("exactly one of password and access token, from whatever source", () => {
    expect(mistakes({ environment: { ...account, BACKSCROLL_HOMESERVER_ACCESS_TOKEN: "syt_1" } })).toEqual([
        "BACKSCROLL_HOMESERVER_ACCESS_TOKEN: homeserver.access_token: found homeserver.password as well (BACKSCROLL_HOMESERVER_PASSWORD), expected one of the two",
    ]);
    expect(mistakes({ environment: account, yaml: "homeserver:\n  access_token: syt_1" })).toEqual([
        "c.yaml:2:3: homeserver.access_token: found homeserver.password as well (BACKSCROLL_HOMESERVER_PASSWORD), expected one of the two",
    ]);
    expect(mistakes({ environment: noCredentials })[0]).toMatch(
        "homeserver.password: found nothing, expected a password or homeserver.access_token",
    );
});

test("a data folder in which no socket can be is a mistake that names it", () => {
    const folder = (bytes: number) => `/${"d".repeat(bytes - 1)}`;
    const [line, ...rest] = mistakes({ environment: { ...account, BACKSCROLL_DATA_DIR: folder(92) } });
    expect(line).toMatch("BACKSCROLL_DATA_DIR: data_dir: found a path that makes the control socket's 108 bytes long");
    expect(rest).toEqual([]);
    expect(mistakes({ environment: { ...account, BACKSCROLL_DATA_DIR: folder(91) } })).toEqual([]);
});

test("an unknown variable is a warning, with what it may have meant and never its value", () => {
    const { warnings } = load({
        environment: {
            ...account,
            BACKSCROLL_PORT: "tcp://10.0.0.1",
            BACKSCROLL_SHARING_MOD: "x",
            BACKSCROLL_ADMINS: "@a:hs.test",
        },
        dotenv: "BACKSCROLL_HOMESERVER_PASWORD=opensesame",
    });
    expect(warnings).toEqual([
        "BACKSCROLL_PORT is not a setting of Backscroll and is ignored.",
        "BACKSCROLL_SHARING_MOD is not a setting of Backscroll and is ignored (did you mean BACKSCROLL_SHARING_MODE?).",
        ".env:1: BACKSCROLL_HOMESERVER_PASWORD is not a setting of Backscroll and is ignored (did you mean BACKSCROLL_HOMESERVER_PASSWORD?).",
    ]);
});

test("a _FILE of a secret that holds the secret itself is not printed", () => {
    const lines = mistakes({ environment: { ...noCredentials, BACKSCROLL_HOMESERVER_PASSWORD_FILE: "opensesame" } });
    expect(lines).toEqual([
        "BACKSCROLL_HOMESERVER_PASSWORD_FILE: homeserver.password: found a file that does not exist, expected the path of a readable file that holds the value",
    ]);
});

test("the data folder alone is found although nothing else is right", () => {
    const ask = (environment: Record<string, string>, configFile?: string) =>
        loadDataDir({ environment, workingDirectory, configFile });
    expect(ask({})).toBe(join(workingDirectory, "data"));
    expect(ask({ BACKSCROLL_DATA_DIR: "/d", BACKSCROLL_LOG_LEVEL: "loud", BACKSCROLL_CONFIG: "gone.yaml" })).toBe("/d");
    writeFileSync(join(workingDirectory, "bad.yaml"), "data_dir: [");
    expect(() => ask({}, "bad.yaml")).toThrow(ConfigurationError);
    expect(() => ask({ BACKSCROLL_DATA_DIR_FILE: "gone" })).toThrow(ConfigurationError);
    writeFileSync(join(workingDirectory, "half.yaml"), "data_dir: e\nhomeserver: 3");
    expect(ask({}, "half.yaml")).toBe(join(workingDirectory, "e"));
});

test.each([
    ["http://matrix.hs.test", true],
    ["http://192.168.1.2:8008", true],
    ["http://127.hs.test", true],
    ["https://matrix.hs.test", false],
    ["http://localhost:8008", false],
    ["http://127.0.0.1:8008", false],
    ["http://[::1]:8008", false],
])("%s: whether it is doubted that the homeserver is reached in the open", (url, doubted) => {
    const { warnings } = load({
        environment: { ...account, BACKSCROLL_HOMESERVER_URL: url, BACKSCROLL_ADMINS: "@a:b" },
    });
    expect(warnings.some((warning) => warning.startsWith(`homeserver.url is ${url}`))).toBe(doubted);
    expect(warnings).toHaveLength(doubted ? 1 : 0);
});

test.each([
    ["nothing of the kind", {}, undefined],
    ["a port", { BACKSCROLL_HTTP_PORT: "9000" }, "http.port"],
    ["a prefix, and a port", { BACKSCROLL_HTTP_PORT: "9000", BACKSCROLL_CHAT_PREFIX: "!b" }, "chat.prefix, http.port"],
])("%s: whoever sets what does nothing yet is told", (_, given, named) => {
    const { warnings } = load({ environment: { ...account, BACKSCROLL_ADMINS: "@a:b", ...given } });
    expect(warnings).toEqual(
        named === undefined ? [] : [`Not in effect yet in this version: ${named}. Leave it out, or let it stand.`],
    );
});

const yaml = `
homeserver: { url: "https://hs.test", user_id: "@bot:hs.test", password: opensesame }
admins: ["@a:hs.test"]
sharing: { mode: approval }
`;

test("a .env file that changes what the YAML file sets is named, with the settings and none of their values", () => {
    const dotenv =
        "BACKSCROLL_HOMESERVER_PASSWORD=hush\nBACKSCROLL_ADMINS=@a:hs.test,@evil:hs.test\nBACKSCROLL_SHARING_MODE=automatic\n";
    const { warnings } = load({ yaml, dotenv, environment: { BACKSCROLL_SHARING_MODE: "off" } });
    expect(warnings).toEqual([
        `${join(workingDirectory, ".env")} changes what c.yaml sets: homeserver.password, admins.`,
    ]);
});

test("a .env file that says the same as the YAML file, or something of its own, is as it should be", () => {
    const { warnings } = load({ yaml, dotenv: "BACKSCROLL_ADMINS=@a:hs.test\nBACKSCROLL_LOG_LEVEL=debug\n" });
    expect(warnings).toEqual([]);
});
