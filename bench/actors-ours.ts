// Ours in `actors`, in a process of its own.
import { serveRounds } from './actors-round.ts';
import { openCounting, openUsers } from './actors-under-test.ts';

await serveRounds({
  counting: openCounting,
  shapes: { user: (users) => openUsers({ users, ids: 100, followees: 120 }) },
});
