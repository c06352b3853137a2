// nact: one actor an account, directly under the system. What an actor does with a message is user-actors.ts's part.
import { dispatch, type Ref, spawn, start, stop } from 'nact';

export type ActorRef<Message> = Ref<Message>;

export interface ActorSystem<Message> {
  /** `handle` gets the actor's messages one at a time. It must not throw. */
  spawn(name: string, handle: (message: Message) => void): ActorRef<Message>;
  send(actor: ActorRef<Message>, message: Message): void;
  /** Nothing reaches the actor afterwards; its name is free at once. */
  stop(actor: ActorRef<Message>): void;
  close(): void;
}

/**
 * User actors are keyed by a number that is never used twice, beside the account: nact frees a name only when it has got round to it.
 */
export function openActorSystem<Message>(): ActorSystem<Message> {
  const system = start();
  return {
    spawn: (name, handle) =>
      spawn(
        system,
        (_: undefined, message: Message) => {
          handle(message);
          return undefined;
        },
        name,
      ),
    send: (actor, message) => dispatch(actor, message),
    stop: (actor) => stop(actor),
    close: () => stop(system),
  };
}
