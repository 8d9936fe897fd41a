import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { crossCheck, defaultDataDir } from "./cross-checks.ts";
import { readDotenv } from "./dotenv-file.ts";
import { dotenvChanges, doubts, notInEffect } from "./doubts.ts";
import {
    configVariable,
    environmentSource,
    unknownVariables,
    variableOf,
    type Variables,
} from "./environment-source.ts";
import { readSmallFile } from "./files.ts";
import { ConfigurationError, type Problem } from "./problems.ts";
import { settingPaths, settingsSchema } from "./schema.ts";
import { completeSettings, type Settings } from "./settings.ts";
import { overlay, type Source, type Tree, valueAt } from "./source.ts";
import { validate } from "./validate.ts";
import { yamlSource } from "./yaml-source.ts";

export interface LoadOptions {
    /** As `--config` gave it. */
    readonly configFile?: string | undefined;
    readonly environment: Variables;
    readonly workingDirectory: string;
}

/**
 * Every setting, from environment over `.env` over YAML over default.
 * @throws ConfigurationError with all mistakes at once
 */
export function loadSettings(options: LoadOptions): {
    readonly settings: Settings;
    readonly warnings: readonly string[];
} {
    const { sources, warnings, file } = readSources(options);
    const { workingDirectory } = options;
    const problems = [
        ...sources.flatMap((source) => [...source.problems, ...validate(source)]),
        ...crossCheck(sources, { workingDirectory, file }),
    ];
    if (problems.length > 0) throw new ConfigurationError(problems);
    const settings = completeSettings(settingsSchema.parse(merge(sources)), workingDirectory);
    return { settings, warnings: [...warnings, ...notInEffect(sources), ...doubts(settings)] };
}

/**
 * The data folder alone, for commands that need nothing else: other settings may be missing or wrong.
 * @throws ConfigurationError if this one is wrong, or if a source cannot be read that might name it
 */
export function loadDataDir(options: LoadOptions): string {
    const { sources, file } = readSources(options);
    const strongest = sources.findIndex(
        (source) => source.incomplete || typeof valueAt(source.values, ["data_dir"]) === "string",
    );
    const problems = sources.flatMap((source, rank) => {
        const own = [...source.problems, ...validate(source)].filter(({ path }) => path === "data_dir");
        return rank === strongest && source.incomplete && own.length === 0
            ? source.problems.filter(({ path }) => path === undefined)
            : own;
    });
    const long = crossCheck(sources, { workingDirectory: options.workingDirectory, file }).filter(
        ({ path }) => path === "data_dir",
    );
    if (problems.length + long.length > 0) throw new ConfigurationError([...problems, ...long]);
    const given = valueAt(merge(sources), ["data_dir"]);
    return resolve(options.workingDirectory, typeof given === "string" ? given : defaultDataDir);
}

interface Read {
    /** The strongest first. */
    readonly sources: readonly Source[];
    readonly warnings: readonly string[];
    /** Where a person writes what is missing. */
    readonly file: string;
}

function readSources({ configFile, environment, workingDirectory }: LoadOptions): Read {
    const settings = settingPaths();
    const dotenvPath = join(workingDirectory, ".env");
    const dotenv = readDotenv(dotenvPath, ".env");
    const fromEnvironment = environmentSource(environment, {
        settings,
        workingDirectory,
        placeOf: (variable) => variable,
    });
    const fromDotenv = environmentSource(dotenv.variables, { settings, workingDirectory, placeOf: dotenv.placeOf });
    const variable = (name: string) => present(environment[name]) ?? present(dotenv.variables[name]);
    const file = findFile({ configFile, variable, workingDirectory });
    const yaml = file.path === undefined ? nothing : readYaml(file.path, file.named, workingDirectory);
    const shownFile = file.path === undefined ? usualFile : shown(file.path, workingDirectory);
    const given = { environment: fromEnvironment, dotenv: fromDotenv, yaml };
    return {
        sources: [fromEnvironment, { ...fromDotenv, problems: [...dotenv.problems, ...fromDotenv.problems] }, yaml],
        warnings: [
            ...unknownVariables(environment, settings, (name) => name),
            ...unknownVariables(dotenv.variables, settings, dotenv.placeOf),
            ...dotenvChanges(given, settings, { dotenv: dotenvPath, yaml: shownFile }),
        ],
        file: shownFile,
    };
}

const usualFile = join("config", "backscroll.yaml");
const nothing: Source = { values: {}, place: () => usualFile, problems: [], incomplete: false };
const present = (text: string | undefined) => (text === "" ? undefined : text);

interface FoundFile {
    readonly path: string | undefined;
    /** Who named it; undefined: it was found where it usually is. */
    readonly named?: string;
}

function findFile(
    options: Pick<LoadOptions, "configFile" | "workingDirectory"> & {
        readonly variable: (name: string) => string | undefined;
    },
): FoundFile {
    const { configFile, variable, workingDirectory } = options;
    if (configFile !== undefined) return { path: resolve(workingDirectory, configFile), named: "--config" };
    const configured = variable(configVariable);
    if (configured !== undefined) return { path: resolve(workingDirectory, configured), named: configVariable };
    const dataDir = variable(variableOf(["data_dir"])) ?? defaultDataDir;
    const usual = [resolve(workingDirectory, usualFile), resolve(workingDirectory, dataDir, "config.yaml")];
    return { path: usual.find((path) => !path.includes("\0") && existsSync(path)) };
}

function readYaml(path: string, named: string | undefined, workingDirectory: string): Source {
    const name = shown(path, workingDirectory);
    const read = readSmallFile(path);
    if ("text" in read) return yamlSource(read.text, name);
    const problem: Problem = {
        place: named ?? name,
        found: `a configuration file that ${read.fault} (${name})`,
        expected: "a readable YAML file",
    };
    return { ...nothing, problems: [problem], incomplete: true };
}

/** A path as a person in `workingDirectory` would write it. */
function shown(path: string, workingDirectory: string): string {
    const short = relative(workingDirectory, path);
    return short === "" || short.startsWith("..") ? path : short;
}

function merge(sources: readonly Source[]): Tree {
    return sources
        .toReversed()
        .reduce<Tree>((under, { values }) => overlay(under, values, (key) => key === "max_age"), {});
}
