import { readFileSync } from "node:fs";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { ConfigurationError, loadSettings, type Settings } from "./index.ts";
import { settingPaths } from "./schema.ts";
import { valueAt } from "./source.ts";

const example = readFileSync(join(import.meta.dirname, "..", "..", "config", "backscroll.example.yaml"), "utf8");

let workingDirectory: string;
beforeEach(() => {
    workingDirectory = mkdtempSync(join(tmpdir(), "bs-"));
});
afterEach(() => rmSync(workingDirectory, { recursive: true }));

function load(yaml: string): Settings {
    writeFileSync(join(workingDirectory, "c.yaml"), yaml);
    return loadSettings({ configFile: "c.yaml", environment: {}, workingDirectory }).settings;
}

/** The example with every comment mark taken off that stands before a setting. */
const uncommented = example.replaceAll(/^( *)# ( *(?:"!|[a-z_]+:(?: |$)))/gm, "$1$2");
const ours = (yaml: string) => yaml.replaceAll("example.org", "home.test").replaceAll("example.com", "away.test");
const recoveryKey = "EsTL 5E8e DBKf BMYr kAKP yKRf GRJt ZqBL 4vtN HxUf 9hfQ KpWB";
const filledIn = (yaml: string) =>
    ours(yaml)
        .replace('"<password>"', '"open sesame"')
        .replace(/^.*access_token: "<.*\n/m, "")
        .replace("<32 bytes in base64>", Buffer.alloc(32, 1).toString("base64"))
        .replace(/^.*recovery_key: "<.*\n/m, "");

test("every setting stands in the example, and nothing else does", () => {
    const tree: unknown = parse(uncommented);
    for (const { path } of settingPaths())
        expect([path.join("."), valueAt(tree as object as Record<string, unknown>, path)]).not.toContain(undefined);
    const room = Object.values((tree as { rooms: Record<string, object> }).rooms)[0] ?? {};
    const sharing = settingPaths().filter(({ path }) => path[0] === "sharing");
    expect(new Set(Object.keys(room))).toEqual(new Set(sharing.map(({ path }) => path[1])));
});

test("with every comment mark taken off and the placeholders filled in, it is a right configuration", () => {
    expect(load(filledIn(uncommented)).rooms["!abcdefghijkl:home.test"]).toMatchObject({
        mode: "approval",
        max_age: 2_592_000_000,
    });
});

test("as it stands, with the three values filled in, it changes no default", () => {
    const asItStands = load(filledIn(example));
    writeFileSync(join(workingDirectory, ".env"), "");
    const bare = load(
        'homeserver: { url: "https://matrix.home.test", user_id: "@backscroll:home.test", password: "open sesame" }',
    );
    expect(asItStands).toEqual(bare);
    expect(example).not.toContain(recoveryKey);
});

test("the values that it shows for defaults are the defaults", () => {
    const settings = load(filledIn(uncommented).replace(/^rooms:[^]*?\n\n/m, ""));
    const bare = load(
        'homeserver: { url: "https://matrix.home.test", user_id: "@backscroll:home.test", password: "open sesame" }',
    );
    const { admins: _, invites, store_key: __, http, log, sharing, ...rest } = settings;
    expect({ ...rest, sharing }).toMatchObject({
        data_dir: bare.data_dir,
        sharing: bare.sharing,
        chat: bare.chat,
        rooms_left: bare.rooms_left,
    });
    expect([invites.others, http.bind, log.level]).toEqual([bare.invites.others, bare.http.bind, bare.log.level]);
});

test("as it is, only the three values that a person has to fill in are refused, all at once", () => {
    expect(refusedIn(example)).toEqual(["homeserver.url", "homeserver.user_id", "homeserver.password"]);
});

test("a placeholder that is left anywhere is refused", () => {
    const refused = refusedIn(uncommented);
    expect(refused).toContain("store_key");
    expect(refused).toContain("recovery_key");
    expect(refused).toContain("admins[0]");
    expect(refused).toContain("sharing.trusted_servers[0]");
});

function refusedIn(yaml: string): readonly (string | undefined)[] {
    try {
        load(yaml);
    } catch (error) {
        if (error instanceof ConfigurationError) return error.problems.map(({ path }) => path);
    }
    return [];
}
