import { isDeepStrictEqual } from "node:util";
import type { SettingPath } from "./schema.ts";
import type { Settings } from "./settings.ts";
import { type Source, valueAt } from "./source.ts";
import { sets } from "./validate.ts";

/** Settings that are taken, and have nothing yet that they could change. */
const withoutEffect: readonly (readonly string[])[] = [
    ["chat", "prefix"],
    ["http", "bind"],
    ["http", "port"],
];

/** A warning if somebody sets what does nothing yet. */
export function notInEffect(sources: readonly Source[]): readonly string[] {
    const given = withoutEffect.filter((path) => sources.some((source) => sets(source, path)));
    if (given.length === 0) return [];
    return [
        `Not in effect yet in this version: ${given.map((path) => path.join(".")).join(", ")}. Leave it out, or let it stand.`,
    ];
}

/** What is allowed, and seldom meant. */
export function doubts({ admins, invites, homeserver }: Settings): readonly string[] {
    const plainHttp =
        `homeserver.url is ${homeserver.url}: passwords, tokens and what the homeserver says go over the network in the open. ` +
        "Use https, or make sure that nobody else is on that network.";
    const consequence =
        invites.from.length === 0 ? "nobody can invite the bot into rooms" : "nobody may command it in every room";
    return [
        ...(goesInTheOpen(homeserver.url) ? [plainHttp] : []),
        ...(admins.length > 0 ? [] : [`admins is empty: ${consequence}.`]),
    ];
}

/** Source for which names are loopback: RFC 6761, section 6.3; RFC 1122, 3.2.1.3. */
function goesInTheOpen(text: string): boolean {
    const url = URL.parse(text);
    return url?.protocol === "http:" && !/^(127\.[\d.]+|\[::1\]|(.+\.)?localhost)$/.test(url.hostname);
}

interface Sources {
    readonly environment: Source;
    readonly dotenv: Source;
    readonly yaml: Source;
}

/**
 * A warning if a `.env` file that lies in the working directory by chance changes what the YAML file sets.
 * @param files their names, for people
 */
export function dotenvChanges(
    { environment, dotenv, yaml }: Sources,
    settings: readonly SettingPath[],
    files: { readonly dotenv: string; readonly yaml: string },
): readonly string[] {
    const changed = settings.filter(
        ({ path }) =>
            sets(dotenv, path) &&
            sets(yaml, path) &&
            !sets(environment, path) &&
            !isDeepStrictEqual(valueAt(dotenv.values, path), valueAt(yaml.values, path)),
    );
    if (changed.length === 0) return [];
    return [
        `${files.dotenv} changes what ${files.yaml} sets: ${changed.map(({ path }) => path.join(".")).join(", ")}.`,
    ];
}
