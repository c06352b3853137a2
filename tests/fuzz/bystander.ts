// Two well-behaved people in the middle of it: one posts all the time, the other listens, and neither may notice anything.
import { expect } from 'vitest';
import type { Person, Scene } from '../clients/scene.ts';
import { openStream, type StreamClient } from '../gateway/stream-client.ts';
import { until } from '../support/until.ts';

export class Bystander {
  readonly posted: string[] = [];
  readonly #scene: Scene;
  readonly #author: Person;
  readonly #stream: StreamClient;
  #isOver = false;
  #posting: Promise<void> = Promise.resolve();

  private constructor(scene: Scene, author: Person, stream: StreamClient) {
    this.#scene = scene;
    this.#author = author;
    this.#stream = stream;
  }

  static async watch(scene: Scene): Promise<Bystander> {
    const [author, reader] = (await scene.people('calm_author', 'calm_reader')) as [Person, Person];
    await scene.follow(reader, author);
    const opening = {
      url: scene.socketUrl,
      query: '?stream=user',
      headers: { authorization: `Bearer ${reader.token}` },
    };
    const stream = await scene.attached(() => openStream(opening));
    const bystander = new Bystander(scene, author, stream);
    bystander.#posting = bystander.#post();
    // Its failure is told when it is over.
    bystander.#posting.catch(() => {});
    return bystander;
  }

  async #post(): Promise<void> {
    while (!this.#isOver) {
      this.posted.push((await this.#scene.post(this.#author, `all is well, ${this.posted.length}`)).id);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Every post has arrived, once and in order, on the one socket. */
  async isUnharmed(): Promise<void> {
    this.#isOver = true;
    await this.#posting;
    const received = (): string[] =>
      this.#stream.frames
        .filter(({ event }) => event === 'update')
        .map(({ payload }) => JSON.parse(payload ?? '{}').id);
    await until(() => received().length >= this.posted.length, {
      withinMs: 60_000,
      what: 'the last post to arrive',
    });
    expect(received()).toEqual(this.posted);
    expect(this.#stream.closed()).toBeNull();
    this.#stream.kill();
  }
}
