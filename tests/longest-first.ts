// The order in which test files start: those that take longest first, or the last of them would run alone at the end. On a fresh clone
// vitest knows no durations; it would go by the size of the files, and the shortest of them hold some of the longest tests.
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { longFiles } from './long-files.ts';

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = longFiles.findIndex((file) => moduleId.endsWith(`/${file}`));
      return found === -1 ? longFiles.length : found;
    };
    const others = await super.sort(files);
    return others.toSorted((one, other) => place(one) - place(other));
  }
}
