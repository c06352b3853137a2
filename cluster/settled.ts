// What others wait for of a torrent: promises that are settled once, and that nobody need listen to.

export class Settled<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;

  constructor() {
    let resolve: (value: T) => void = () => {};
    let reject: (error: Error) => void = () => {};
    this.promise = new Promise<T>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    this.promise.catch(() => {});
    this.resolve = resolve;
    this.reject = reject;
  }
}
