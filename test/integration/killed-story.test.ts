import { afterAll, beforeAll, expect, test } from "vitest";
import type { Client } from "../clients/index.ts";
import type { Request } from "../proxy/index.ts";
import { KilledStory, type Moment } from "./killed-story.ts";
import { Scene } from "./scene.ts";

// Every request of the story has its turn in killed-story.slow.test.ts.
let scene: Scene;
let people: readonly [Client, Client];

beforeAll(async () => {
    scene = await Scene.open();
    people = await Promise.all([scene.person("alice"), scene.person("charlie")]);
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
});

/** The first to this endpoint that names Charlie, for what the bot sends to him, or any. */
const to =
    (endpoint: string, about = "") =>
    (request: Request): boolean =>
        request.endpoint === endpoint && request.body.includes(about);

test.each<[Moment, string, string]>([
    ["after", "POST /keys/device_signing/upload", ""],
    ["after", "PUT /media/upload/*", ""],
    ["before", "PUT /sendToDevice/m.room.encrypted/*", "@charlie"],
    ["after", "PUT /sendToDevice/m.room.encrypted/*", "@charlie"],
    ["after", "PUT /rooms/*/state/m.room.member/*", ""],
])("killed %s %s %s, and the story ends well", async (moment, endpoint, about) => {
    await using story = await KilledStory.open(scene, people);
    expect(await story.play(to(endpoint, about), moment)).toEqual(story.wellEnded);
    expect(story.killed).toBe(true);
});
