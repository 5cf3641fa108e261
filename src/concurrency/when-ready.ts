/** Goes on with a value at once if it is there, else when its promise resolves: hot paths pay for no promise they do not need. */
export function whenReady<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
