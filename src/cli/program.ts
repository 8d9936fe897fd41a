import { Command, Option } from "commander";
import { Failure } from "../failures/index.ts";
import { programVersion } from "../telemetry/index.ts";
import type { Invocation, Surroundings } from "./context.ts";
import { commandHelp, firstSteps } from "./help.ts";

type Action = (invocation: Invocation) => Promise<number>;

/**
 * The grammar of the command line. Each action is loaded when it is called: `--help` and `status` are quick because of
 * that.
 */
export function buildProgram(surroundings: Surroundings, finish: (exitCode: number) => void): Command {
    const program = new Command("backscroll")
        .description("Shares the encrypted history of Matrix rooms with the people who are invited.")
        .version(programVersion(), "--version", "print the version")
        .helpOption("--help", "print this help")
        .helpCommand(false)
        .addOption(configOption())
        .usage("COMMAND [OPTIONS]")
        .configureHelp({
            subcommandTerm: (command) =>
                `${command.name()} ${command.usage().replace("[options] ", "")}`.replace("[options]", "").trim(),
        })
        .showHelpAfterError("See 'backscroll --help'.")
        .addHelpText("after", firstSteps)
        .exitOverride();
    for (const command of commands(surroundings, finish)) program.addCommand(command.copyInheritedSettings(program));
    for (const name of notBuiltYet)
        program.addCommand(missingCommand(name).copyInheritedSettings(program).helpOption(false), { hidden: true });
    return program;
}

function commands(surroundings: Surroundings, finish: (exitCode: number) => void): readonly Command[] {
    const define = (usage: string, summary: string, action: Action) =>
        command(usage, summary, async (given) => finish(await action({ ...surroundings, ...given })));
    return [
        define("run", "run the bot", async (given) => (await import("./run.ts")).run(given)),
        define("login", "log in by hand, or replace a lost identity", async (given) =>
            (await import("./login.ts")).login(given),
        ).option("--reset-identity", "replace the account's cross-signing identity"),
        withFilters(
            define("status", "show the account, the rooms and the share jobs", async (given) =>
                (await import("./status.ts")).status(given),
            ),
        ),
        define("audit", "show who was given what", async (given) => (await import("./audit.ts")).audit(given))
            .option("--json", "print JSON, for scripts")
            .option("--room <ROOM>", "only this room")
            .option("--user <USER>", "only this user")
            .option("--since <TIME>", "only what was given since (12h, 2026-01-31T12:00:00Z)"),
        define("health", "tell whether the bot is well", async (given) => (await import("./health.ts")).health(given)),
        define("share <ROOM> <USER>", "deliver the history to an invited user (again)", async (given) =>
            (await import("./share.ts")).share(given),
        ),
        define("invite <ROOM> <USER>", "deliver the history, then invite the user", async (given) =>
            (await import("./share.ts")).invite(given),
        ),
        define("accept <ROOM> <USER>", "let in a user who knocks, after delivering the history", async (given) =>
            (await import("./share.ts")).accept(given),
        ),
        define("approve [JOB]", "release a held share job", async (given) =>
            (await import("./approve.ts")).approve(given),
        ).option("--room <ROOM>", "every held job of this room that needs no look of its own"),
        define("cancel <JOB>", "end a share job", async (given) => (await import("./cancel.ts")).cancel(given)),
        define("pause [ROOM]", "stop sharing, in one room or everywhere", async (given) =>
            (await import("./pause.ts")).pause(given),
        ),
        define("resume [ROOM]", "go on sharing", async (given) => (await import("./pause.ts")).resume(given)),
        define("trust <USER>", "accept a user's changed identity", async (given) =>
            (await import("./trust.ts")).trust(given),
        ).requiredOption("--key <FINGERPRINT>", "the user's new master key, as their own client shows it"),
        define("import-keys <FILE>", "take in room keys that a client exported", async (given) =>
            (await import("./import-keys.ts")).importKeys(given),
        ).option("--passphrase-file <FILE>", "a file with the export's passphrase"),
        define("export-keys <FILE>", "write a room's keys to a file", async (given) =>
            (await import("./export-keys.ts")).exportKeys(given),
        )
            .requiredOption("--room <ROOM>", "the room's ID")
            .option("--plain", "write them unencrypted")
            .addOption(new Option("--passphrase-file <FILE>").hideHelp()),
        define("snapshot <FILE>", "copy the data folder into one file", async (given) =>
            (await import("./snapshot.ts")).snapshot(given),
        ),
        define("restore <FILE>", "make a new device of a snapshot, after a loss", async (given) =>
            (await import("./restore.ts")).restore(given),
        ),
    ];
}

function command(
    usage: string,
    summary: string,
    action: (given: Omit<Invocation, keyof Surroundings>) => Promise<void>,
): Command {
    const [name = "", ...args] = usage.split(" ");
    const made = new Command(name)
        .summary(summary)
        .description(sentence(summary))
        .helpOption("--help", "print this help")
        .addOption(configOption());
    for (const argument of args) made.argument(argument);
    made.addHelpText("after", commandHelp[name] ?? "");
    return made.action(async () => {
        const options = made.optsWithGlobals<Record<string, string | boolean | undefined>>();
        const configFile = typeof options["config"] === "string" ? options["config"] : undefined;
        await action({ configFile, args: made.args, options });
    });
}

function withFilters(status: Command): Command {
    return status
        .option("--json", "print JSON, for scripts")
        .option("--room <ROOM>", "only this room")
        .option("--user <USER>", "only share jobs of this user")
        .option("--state <STATE>", "only share jobs in this state")
        .option("--since <TIME>", "only share jobs that changed since (12h, 2026-01-31T12:00:00Z)")
        .option("--limit <COUNT>", "at most so many share jobs (default: 100)")
        .option("--job <ID>", "one share job with its whole story");
}

/** In the contract, and an issue of its own. */
const notBuiltYet = ["logout", "doctor", "leave", "recovery-key"];

function missingCommand(name: string): Command {
    return new Command(name)
        .allowUnknownOption()
        .argument("[ANYTHING...]")
        .action(() => {
            throw new Failure("not_built_yet", {
                what: `backscroll ${name}`,
                instead: "See `backscroll --help` for what there is.",
            });
        });
}

const configOption = () => new Option("--config <FILE>", "the configuration file");
const sentence = (summary: string) => `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
