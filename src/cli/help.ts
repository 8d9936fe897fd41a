/** What `--help` teaches beside the list of commands. */
export const firstSteps = `
First steps:
  1. Make an account for the bot on your homeserver.
  2. Copy config/backscroll.example.yaml to config/backscroll.yaml, and set the
     homeserver's URL, the bot's user ID, its password, and yourself as an admin.
  3. Start the bot:                     backscroll run
  4. Invite the bot into an encrypted room, and give it the power to invite.
  5. Invite somebody into that room, and see what becomes of it:
                                        backscroll status

From then on whoever is invited reads the history that its senders marked as
shareable. The bot serves best if it is in the room before the history is.

Configuration: --config FILE, else BACKSCROLL_CONFIG, else config/backscroll.yaml,
else config.yaml in the data folder, else the environment alone. Every setting is
also a variable: BACKSCROLL_HOMESERVER_URL, or ..._FILE for a file that holds it.

Exit codes:
   0  done                                69  homeserver not reachable
   1  the answer is no                    70  a fault of Backscroll
  64  the command line is wrong           73  disk full
  65  store damaged, of another key,      74  disk or data folder not usable
      or of a newer version               75  another process uses the data folder
  78  the configuration is wrong          77  credentials or device refused

'backscroll COMMAND --help' tells more about each command.
`;

/** Examples and consequences, by command. */
export const commandHelp: Readonly<Record<string, string>> = {
    run: `
The bot runs until it gets SIGTERM or SIGINT, and then stops within 5 seconds.
It does not log out: that would delete its device and the keys that go with it.
`,
    login: `
'run' logs in by itself; this is for doing it by hand, and for this one case:
--reset-identity replaces the account's cross-signing identity by a new one. Do so
only if the old one is lost: everybody who verified the bot has to do it again. It
needs the password.
`,
    status: `
Works with and without a running bot, from the bot's database.

Examples:
  backscroll status
  backscroll status --state held
  backscroll status --job 17
  backscroll status --room '!abcdef:home.server' --since 12h
  backscroll status --json | jq '.jobs[] | select(.state == "refused")'
`,
    audit: `
Every delivery of keys: whose devices, under which identity (the master key, as
'trust --key' takes it), how many sessions, what allowed it, and which file it was.
It says what was sent; nobody is told what was opened. It is kept for good, and
works with and without a running bot, from the bot's database.

Examples:
  backscroll audit --user @charlie:home.server
  backscroll audit --room '!abcdef:home.server' --since 30d
  backscroll audit --json | jq '.deliveries[].user_id'
`,
    health: `
For container health checks: exit code 0 if the bot is running, answers within 2
seconds and can write its disk, else 1. A homeserver that is away does not count.
`,
    share: `
Sends the room's shareable keys to somebody who is invited to it, again if need be.
Prints the job's ID and returns as soon as the job is queued; 'backscroll status'
shows what becomes of it. A job that has to be held stays held: exit code 1.
If the bot is not running, the job waits for its next start.

Example:
  backscroll share '!abcdef:home.server' @charlie:home.server
`,
    invite: `
The bot sends the room's shareable keys first and makes the invite then: there is no
second invite, and nothing comes too late, even if the user's server accepts invites
by itself. It needs the power to invite. All the rules of other deliveries hold.

It also helps somebody who joined without the history: by a link, through a space,
or too early. While they are in the room, everything is checked and sent, and then
'backscroll status --job JOB' says that they can leave. They are invited as soon as
they have left.

Prints the job's ID and returns as soon as the job is queued. A job that has to be
held stays held: exit code 1. If the bot does not run, the job waits for its start.

Example:
  backscroll invite '!abcdef:home.server' @charlie:home.server
`,
    accept: `
Like 'invite', for somebody who knocks at the room and for nobody else: the keys are
sent first, so that they read what was said before as soon as they are let in.

Example:
  backscroll accept '!abcdef:home.server' @charlie:home.server
`,
    approve: `
Says what is held and why, and releases it this once. What came up since is not
released with it: then the job stays held for that. A changed identity cannot be
approved: see 'backscroll trust --help'.

With --room every job of the room is released that waits for approval, for a trusted
server, or because too many people were invited. Who looks like a member has to be
approved one by one, so that somebody has looked.

Examples:
  backscroll status --state held
  backscroll approve JOB
  backscroll approve --room '!abcdef:home.server'
`,
    cancel: `
Ends a job that is not over: nothing more is sent for it. Keys that were sent stay
sent, and the invite stays as it is.

Example:
  backscroll cancel JOB
`,
    pause: `
Nothing is sent and nobody is invited again until 'resume': in one room, or without
ROOM everywhere. It lasts over restarts, and can be set while the bot is down.
`,
    resume: `
Ends the pause of one room, or without ROOM all of them. Jobs that waited go on.
`,
    trust: `
The bot keeps the first identity that it sees of each user. If it changes, nothing
is sent to that user until somebody has made sure that it is really them: compare
the fingerprint with what the user's own client shows, not with what the homeserver
says, then accept it.

Example:
  backscroll trust @charlie:home.server --key FINGERPRINT
`,
    "import-keys": `
FILE is what clients write with "export room keys": protected by a passphrase, or a
plain JSON list. Which of the two is seen by itself; - is the standard input. Only
keys that their senders marked as shareable will be shared; the others stay with the
bot.

The whole file is looked through before the first key is imported, so that of a
damaged one nothing is. If an import breaks off, run it again with the same file:
what is there already does no harm. What comes through a pipe lies meanwhile in the
data folder, encrypted with a key that is nowhere written down.

Examples:
  backscroll import-keys element-keys.txt --passphrase-file passphrase.txt
  gpg -d keys.json.gpg | backscroll import-keys -
`,
    snapshot: `
Works while the bot runs, and without it. FILE is made with mode 0600, an existing
one is never overwritten; - is the standard output. The data folder's disk needs
room for a copy meanwhile. The store key (store_key, or the file store-key in the
data folder) is not in it: keep it elsewhere, or the snapshot is worth nothing.

Example, for cron (the % has to be escaped there):
  15 3 * * *  backscroll snapshot "/backup/backscroll-$(date +\\%F)"
`,
    restore: `
For when the data folder is lost or damaged. FILE is a snapshot; - is the standard
input. It needs an empty data_dir, the store key (store_key, or the file store-key
put there) and homeserver.password; the old bot must not be running.

A snapshot is older than what the lost device did last, and no key may be used
twice: so a new device is made, signed by the same identity, and the old one is
deleted. Keys, rooms, jobs, pins and pauses are taken over. Keys that were sent to
the old device after the snapshot are lost, unless somebody has them for
'import-keys'.

If it is interrupted, run it again with the same snapshot: it goes on where it was.

Example:
  backscroll restore /backup/backscroll-2026-01-31
  backscroll run
`,
    "export-keys": `
Writes the room's keys as a plain JSON list that clients and 'import-keys' can read.
The file is made with mode 0600; an existing one is never overwritten.

Example:
  backscroll export-keys --room '!abcdef:home.server' --plain keys.json
`,
};
