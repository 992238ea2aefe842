// Listeners by name, with the type of what each name tells.

export class Emitter<Told extends object> {
  private readonly listeners = new Map<keyof Told, Set<(told: never) => void>>();

  /** Calls `listener` whenever `name` happens; returns what stops that. */
  on<K extends keyof Told>(name: K, listener: (told: Told[K]) => void): () => void {
    const listeners = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  emit<K extends keyof Told>(name: K, told: Told[K]): void {
    for (const listener of this.listeners.get(name) ?? []) {
      try {
        (listener as (told: Told[K]) => void)(told);
      } catch (error) {
        // One listener's mistake is told in the console, and stops neither the others nor the playback.
        reportError(error);
      }
    }
  }
}
