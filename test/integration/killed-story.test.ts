import { expect } from "vitest";
import type { Request } from "../proxy/index.ts";
import { KilledStory, type Moment } from "./killed-story.ts";
import { test } from "./story.ts";

// Every request of the story has its turn in killed-story.slow.test.ts.

/** The first to this endpoint that names Charlie, for what the bot sends to him, or any. */
const to =
    (endpoint: string, about = "") =>
    (request: Request): boolean =>
        request.endpoint === endpoint && request.body.includes(about);

test.for<[Moment, string, string]>([
    ["after", "POST /keys/device_signing/upload", ""],
    ["after", "PUT /media/upload/*", ""],
    ["before", "PUT /sendToDevice/m.room.encrypted/*", "@charlie"],
    ["after", "PUT /sendToDevice/m.room.encrypted/*", "@charlie"],
    ["after", "PUT /rooms/*/state/m.room.member/*", ""],
])("killed %s %s %s, and the story ends well", async ([moment, endpoint, about], { scene, alice, charlie }) => {
    await using story = await KilledStory.open(scene, [alice, charlie]);
    expect(await story.play(to(endpoint, about), moment)).toEqual(story.wellEnded);
    expect(story.killed).toBe(true);
});
